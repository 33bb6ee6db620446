"""A run's page: its progress while it goes on, its report when it is done."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse

from backtests import reports
from backtests.models import Optimisation
from backtests.reports.assumptions import assumptions, strategy_label
from backtests.views.pages import TITLES, page, run_of
from bots.models import BotConfig
from exchange.types import INTERVAL_MS

# The charts of one kind alone; charts.js and equity.js are on every kind's page.
SCRIPTS = {
    "backtest": ("backtests/backtest.js", "backtests/candles.js"),
    "optimisation": ("backtests/optimisation.js",),
    "montecarlo": ("backtests/montecarlo.js",),
}


@permission_required("backtests.view_backtest", raise_exception=True)
def show(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """A run: its progress while it goes on, its report when it is done."""
    run = run_of(kind, pk)
    values = reports.report(run, request.GET.dict()) if run.result else {}
    bots = BotConfig.objects.order_by("name") if kind == "optimisation" else ()
    openings = run.openings.select_related("opened_by", "backtest") if isinstance(run, Optimisation) else ()
    title = str(run)[:1].upper() + str(run)[1:]
    return page(
        request, "show", title, run=run, kind=kind, kinds=TITLES, report=values, bots=bots, openings=openings,
        report_template=f"backtests/kinds/{kind}.html", scripts=SCRIPTS.get(kind, ()),
        assumptions=assumptions(run), kind_title=TITLES[kind], strategy_label=strategy_label(run.strategy),
        interval_s=INTERVAL_MS[run.interval] // 1000, first_s=int(run.start_at.timestamp()),
        last_s=int(run.end_at.timestamp()) - INTERVAL_MS[run.interval] // 1000,
    )  # fmt: skip
