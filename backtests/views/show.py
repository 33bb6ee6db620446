"""A run's page, and its trades as a file."""

from __future__ import annotations

import csv

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse

from backtests import reports
from backtests.models import Optimisation
from backtests.views.pages import TITLES, page, run_of
from bots.models import BotConfig

# The charts of one kind alone; charts.js and equity.js are on every kind's page.
SCRIPTS = {"optimisation": "backtests/optimisation.js", "montecarlo": "backtests/montecarlo.js"}


@permission_required("backtests.view_backtest", raise_exception=True)
def show(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """A run: its progress while it goes on, its report when it is done."""
    run = run_of(kind, pk)
    values = reports.report(run, request.GET.dict()) if run.result else {}
    bots = BotConfig.objects.order_by("name") if kind in ("backtest", "optimisation") else ()
    openings = run.openings.select_related("opened_by", "backtest") if isinstance(run, Optimisation) else ()
    title = str(run)[:1].upper() + str(run)[1:]
    return page(
        request, "show", title, run=run, kind=kind, kinds=TITLES, report=values, bots=bots, openings=openings,
        report_template=f"backtests/kinds/{kind}.html", script=SCRIPTS.get(kind),
        settings_rows=sorted((run.settings or {}).items()),
    )  # fmt: skip


@permission_required("backtests.view_backtest", raise_exception=True)
def trades_csv(request: HttpRequest, pk: int) -> HttpResponse:
    """A backtest's trades, exact."""
    run = run_of("backtest", pk)
    answer = HttpResponse(content_type="text/csv")
    answer["Content-Disposition"] = f'attachment; filename="backtest-{pk}-trades.csv"'
    trades = (run.result or {}).get("trades", [])
    if trades:
        writer = csv.DictWriter(answer, trades[0].keys())
        writer.writeheader()
        writer.writerows(trades)
    return answer
