"""The values that the pages of results show: metrics, tables, thinned series. One module per kind of run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backtests.models import Backtest, MonteCarlo, Optimisation, Run, RunStatus, WalkForward
from backtests.reports.backtest.report import backtest_report
from backtests.reports.monte_carlo import monte_carlo_report
from backtests.reports.optimisation import optimisation_report, trials_report
from backtests.reports.trials import trial_set
from backtests.reports.walk_forward import walk_forward_report


def report(run: Run, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of a finished run's page."""
    if isinstance(run, Optimisation):
        return optimisation_report(run, query)
    if isinstance(run, MonteCarlo):
        return monte_carlo_report(run)
    if isinstance(run, WalkForward):
        return walk_forward_report(run)
    assert isinstance(run, Backtest)  # noqa: S101
    return backtest_report(run, run.result or {}, query)


def unfinished_report(run: Run, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the trials of an optimisation that stopped without a result; nothing for other runs."""
    if not isinstance(run, Optimisation) or run.status in (RunStatus.QUEUED, RunStatus.RUNNING):
        return {}
    return trials_report(trial_set(run), query)
