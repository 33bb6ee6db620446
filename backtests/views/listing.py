"""The list of results: filtered, sorted, and changed many at a time."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from backtests.forms.results_filter import ResultsFilterForm
from backtests.models import Optimisation, run_models
from backtests.reports.backtest.assumptions import strategy_label
from backtests.reports.formats import metric_text
from backtests.views.base import TITLES, page

PAGE = 50
NOTE_LENGTH = 2000
COLUMNS = (("return", "Return"), ("sharpe", "Sharpe"), ("drawdown", "Max. drawdown"), ("trades", "Trades"))
# What an empty list says: a heading and what such a result is for.
EMPTY = {
    "backtest": (
        "No backtest yet",
        "A backtest runs a bot's own rules over historical candles.",
    ),
    "optimisation": (
        "No optimisation yet",
        "An optimisation tries many settings on the same candles and measures how likely its best is luck.",
    ),
    "walkforward": (
        "No walk-forward yet",
        "A walk-forward optimises and then trades on what comes after, window by window.",
    ),
    "montecarlo": (
        "No simulation yet",
        "A simulation shuffles the trades of a backtest thousands of times; start it from that backtest's page.",
    ),
}


@permission_required("backtests.view_backtest", raise_exception=True)
def index(request: HttpRequest, kind: str = "backtest") -> HttpResponse:
    """List results of one kind as the address asks for them; by default pinned ones, then the newest."""
    form = ResultsFilterForm(request.GET)
    rows = form.apply(_rows(kind).select_related("bot").defer("result", "series", "symbol_info", "settings"))
    shown = Paginator(rows, PAGE).get_page(request.GET.get("p"))
    title, text = EMPTY[kind]
    return page(
        request, "index", TITLES[kind], kind=kind, kinds=TITLES, page=shown, form=form, columns=COLUMNS,
        rows=[_row(run) for run in shown], empty_title=title, empty_text=text,
    )  # fmt: skip


def _rows(kind: str) -> QuerySet[Any]:
    model = run_models().get(kind)
    if model is None:
        raise Http404(f"there is no kind of result called {kind}")
    rows: QuerySet[Any] = model._default_manager.all()
    return rows


def _row(run: Any) -> dict[str, Any]:
    return {
        "run": run,
        "strategy": strategy_label(run.strategy),
        "total_return": metric_text("total_return", run.total_return),
        "sharpe": metric_text("sharpe", run.sharpe),
        "max_drawdown": metric_text("max_drawdown", run.max_drawdown),
        "closed_trades": metric_text("closed_trades", run.closed_trades),
        "tone": "" if not run.total_return else "gain" if run.total_return > 0 else "loss",
    }


@require_POST
@permission_required("backtests.change_backtest", raise_exception=True)
def choose(request: HttpRequest, kind: str) -> HttpResponseBase:
    """Run one action on the selected results: compare, pin, unpin, note, delete."""
    numbers = [int(text) for text in request.POST.getlist("id") if text.isdecimal()]
    name = request.POST.get("act", "")
    back = redirect(reverse("backtests:index", args=[kind]) + _list_query(request))
    if not numbers:
        messages.error(request, "Select at least one result first.")
        return back
    chosen = _rows(kind).filter(pk__in=numbers)
    if name == "compare":
        query = QueryDict(mutable=True)
        query.setlist("id", [str(number) for number in numbers])
        return redirect(f"{reverse('backtests:compare')}?{query.urlencode()}")
    if name in ("pin", "unpin"):
        count = chosen.update(is_pinned=name == "pin")
        messages.success(request, f"{count} {name}ned.")
    elif name == "note":
        count = chosen.update(note=request.POST.get("note", "").strip()[:NOTE_LENGTH])
        messages.success(request, f"The note is on {count} result{'s' if count > 1 else ''}.")
    elif name == "delete":
        _delete(request, chosen)
    else:
        messages.error(request, f"There is nothing called “{name}” to do here.")
    return back


def _list_query(request: HttpRequest) -> str:
    """Return the list's own query string."""
    query = QueryDict(request.POST.get("asked", "")).urlencode()
    return f"?{query}" if query else ""


def _delete(request: HttpRequest, chosen: QuerySet[Any]) -> None:
    if not request.user.has_perm("backtests.delete_backtest"):
        raise PermissionDenied
    if chosen.model is Optimisation:
        opened = list(chosen.filter(openings__isnull=False).distinct())
        if opened:
            names = ", ".join(f"#{run.pk}" for run in opened)
            messages.warning(request, f"Kept: {names}. A hold-out was opened, and the record of that stays.")
            chosen = chosen.exclude(pk__in=[run.pk for run in opened])
    count = chosen.count()
    chosen.delete()
    messages.success(request, f"{count} result{'' if count == 1 else 's'} deleted.")
