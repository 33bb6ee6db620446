"""Sharpe and Sortino of bars longer than a day are annualised by as many returns as a year has (rule 9)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from backtests.engine import metrics as m

DAY_MS = 86_400_000
EQUITY = [100.0, 110.0, 99.0, 108.9, 130.68]
RETURNS = np.array([0.1, -0.1, 0.1, 0.2])
LONG_BARS = pytest.mark.parametrize("days", [3, 7])


def measured(days: int) -> m.Metrics:
    """Measure a run whose bars are this many days long."""
    count = len(EQUITY)
    return m.compute_metrics(
        m.EquityCurve(
            open_time=np.arange(count, dtype=np.int64) * days * DAY_MS,
            interval_ms=days * DAY_MS,
            close=np.ones(count),
            equity=np.array(EQUITY),
            exposed_bars=0,
            initial_capital=100.0,
            trade_pnl=np.array([]),
            fees_paid=0.0,
        )
    )


@LONG_BARS
@pytest.mark.xfail(strict=True, reason="the Sharpe ratio of bars over a day is annualised as though they were daily")
def test_sharpe_goes_by_the_returns_that_a_year_has(days):
    expected = RETURNS.mean() / RETURNS.std(ddof=1) * math.sqrt(365 / days)
    assert measured(days).sharpe == pytest.approx(expected, rel=1e-9)


@LONG_BARS
@pytest.mark.xfail(strict=True, reason="the Sortino ratio of bars over a day is annualised as though they were daily")
def test_sortino_goes_by_the_returns_that_a_year_has(days):
    downside = math.sqrt(0.1**2 / len(RETURNS))
    expected = RETURNS.mean() / downside * math.sqrt(365 / days)
    assert measured(days).sortino == pytest.approx(expected, rel=1e-9)
