"""The comparison of backtests side by side."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse

from backtests.models import Backtest
from backtests.reports.comparison import MOST, comparison
from backtests.views.base import TITLES, page

OFFERED = 60


@permission_required("backtests.view_backtest", raise_exception=True)
def compare(request: HttpRequest) -> HttpResponse:
    """Show two to six finished backtests, in the order they were chosen, and offer others to add."""
    ids = list(dict.fromkeys(int(text) for text in request.GET.getlist("id") if text.isdecimal()))
    finished = Backtest.objects.filter(result__isnull=False).select_related("bot")
    runs_by_id = finished.in_bulk(ids[:MOST])
    runs = [runs_by_id[number] for number in ids if number in runs_by_id]
    if len(ids) > MOST:
        messages.warning(request, f"At most {MOST} results fit side by side: these are the first {MOST} you chose.")
    missing = [f"#{number}" for number in ids[:MOST] if number not in runs_by_id]
    if missing:
        messages.warning(request, f"There is no finished backtest {', '.join(missing)}.")
    others = finished.defer("result", "series", "symbol_info", "settings").exclude(pk__in=runs_by_id)[:OFFERED]
    values = comparison(runs) if len(runs) > 1 else {}
    return page(
        request, "compare", "Compare backtests", runs=runs, report=values, kinds=TITLES, kind="backtest",
        others=others if len(runs) < MOST else (),
    )  # fmt: skip
