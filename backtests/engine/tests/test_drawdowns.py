"""Drawdown periods of equity curves that are small enough to check by hand."""

from __future__ import annotations

import numpy as np
import pytest

from backtests.engine.drawdowns import drawdown_periods, longest, worst
from backtests.engine.metrics import max_drawdown

EQUITY = np.array([90.0, 100, 120, 110, 105, 120, 130, 117, 118])
INITIAL = 100.0


def test_drawdowns_run_from_their_peak_to_its_recovery():
    periods = drawdown_periods(EQUITY, INITIAL)
    assert [(period.peak, period.low, period.end) for period in periods] == [(-1, 0, 1), (2, 4, 5), (6, 7, None)]


def test_depth_is_a_fraction_of_the_peak():
    assert [period.depth for period in drawdown_periods(EQUITY, INITIAL)] == pytest.approx([0.1, 0.125, 0.1])


def test_the_worst_is_the_max_drawdown():
    assert worst(drawdown_periods(EQUITY, INITIAL), 1)[0].depth == max_drawdown(EQUITY, INITIAL)


def test_the_worst_come_deepest_first_and_equal_ones_in_order_of_time():
    assert [period.peak for period in worst(drawdown_periods(EQUITY, INITIAL))] == [2, -1, 6]


def test_the_longest_is_measured_from_peak_to_recovery():
    assert longest(drawdown_periods(EQUITY, INITIAL), np.arange(9)).peak == 2


def test_a_drawdown_that_has_not_recovered_lasts_until_the_end():
    assert longest(drawdown_periods(EQUITY, INITIAL), np.array([0, 1, 2, 3, 4, 5, 6, 7, 100])).peak == 6


def test_equity_that_never_fell_has_no_drawdown():
    assert drawdown_periods(np.array([100.0, 101]), INITIAL) == []


def test_no_drawdown_has_no_longest():
    assert longest([], np.arange(3)) is None
