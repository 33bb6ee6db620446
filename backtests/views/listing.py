"""The list of results."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse

from backtests.models import kinds
from backtests.views.pages import TITLES, page


@permission_required("backtests.view_backtest", raise_exception=True)
def index(request: HttpRequest, kind: str = "backtest") -> HttpResponse:
    """Results of one kind, newest and pinned first, searched by symbol, bot or note."""
    model = kinds().get(kind)
    if model is None:
        raise Http404
    rows = model._default_manager.select_related("bot").defer("result", "series", "symbol_info")
    wanted = request.GET.get("q", "").strip()
    if wanted:
        rows = rows.filter(Q(symbol__icontains=wanted) | Q(bot__name__icontains=wanted) | Q(note__icontains=wanted))
    order = request.GET.get("sort", "")
    if order.lstrip("-") in ("total_return", "sharpe", "max_drawdown", "created_at"):
        rows = rows.order_by(order)
    shown = Paginator(rows, 50).get_page(request.GET.get("p"))
    return page(request, "index", TITLES[kind], kind=kind, kinds=TITLES, page=shown, q=wanted)
