"""The page of one run: its progress while it runs, its report when it is done."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from backtests import reports
from backtests.models import RunStatus
from backtests.reports.backtest.assumptions import assumptions, strategy_label
from backtests.reports.progress import progress_of
from backtests.views.base import TITLES, get_run, page
from bots.models import BotConfig
from exchange.api.types import INTERVAL_MS

# The charts of one kind alone; theme.js, charts.js and equity.js are on every kind's page.
SCRIPTS = {
    "backtest": ("backtests/backtest.js", "backtests/candles.js"),
    "optimisation": ("backtests/heat_map.js", "backtests/parameter_stability.js", "backtests/trials.js"),
    "walkforward": ("backtests/walkforward.js",),
    "montecarlo": ("backtests/montecarlo.js",),
}


@permission_required("backtests.view_backtest", raise_exception=True)
def show(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """Show a run's progress while it runs, its report when it is done."""
    run = get_run(kind, pk)
    values = (
        reports.report(run, request.GET.dict()) if run.result else reports.unfinished_report(run, request.GET.dict())
    )
    bots = BotConfig.objects.filter(strategy=run.strategy).order_by("name") if kind == "optimisation" else ()
    title = str(run)[:1].upper() + str(run)[1:]
    return page(
        request, "show", title, run=run, kind=kind, kinds=TITLES, report=values, bots=bots,
        report_template=f"backtests/show/{kind}.html", scripts=SCRIPTS[kind],
        progress=progress_of(run, timezone.now()),
        assumptions=assumptions(run), kind_title=TITLES[kind], strategy_label=strategy_label(run.strategy),
        interval_s=INTERVAL_MS[run.interval] // 1000, first_s=int(run.start_at.timestamp()),
        last_s=int(run.end_at.timestamp()) - INTERVAL_MS[run.interval] // 1000,
    )  # fmt: skip


@require_safe
@permission_required("backtests.view_backtest", raise_exception=True)
def progress(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """Show a run's progress; it is fetched every second, and the whole page once the run has ended."""
    run = get_run(kind, pk)
    values = {"run": run, "kind": kind, "progress": progress_of(run, timezone.now())}
    response = render(request, "backtests/progress.html", values)
    if request.GET.get("was") != run.status and run.status not in (RunStatus.QUEUED, RunStatus.RUNNING):
        response["HX-Refresh"] = "true"
    return response
