"""What the pages of results show, as plain values: figures, tables, thinned series. One module per kind of run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backtests.models import Backtest, MonteCarlo, Optimisation, Run, WalkForward
from backtests.reports.backtest import backtest_report
from backtests.reports.monte_carlo import monte_carlo_report
from backtests.reports.search import search_report
from backtests.reports.walk_forward import walk_forward_report


def report(run: Run, query: Mapping[str, str]) -> dict[str, Any]:
    """The values of a finished run's page."""
    if isinstance(run, Optimisation):
        return search_report(run, query.get("x", ""), query.get("y", ""))
    if isinstance(run, MonteCarlo):
        return monte_carlo_report(run)
    if isinstance(run, WalkForward):
        return walk_forward_report(run)
    assert isinstance(run, Backtest)  # noqa: S101
    return backtest_report(run, run.result or {}, query)
