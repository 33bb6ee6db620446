"""Exits of single bars: a tick of 1, so that levels and prices are the same numbers in units."""

from __future__ import annotations

import math

import pytest

from backtests.engine.exits import exit_at_open, exit_in_bar, near_levels
from bots.strategy.types import ExitParams, ExitReason, Levels

UNIT = 100_000_000
NONE = Levels(0, 0, 0)


def at_open(open_: int, resting: Levels = NONE, current: Levels = NONE, wants_exit: bool = False):
    fill = exit_at_open(open_ * UNIT, resting, current, wants_exit, 0, UNIT)
    return ExitReason(fill.reason).name, fill.price // UNIT, fill.is_maker


def in_bar(open_: int, high: int, low: int, levels: Levels):
    fill = exit_in_bar(open_ * UNIT, high * UNIT, low * UNIT, levels, 0, UNIT)
    return ExitReason(fill.reason).name, fill.price // UNIT, fill.is_maker


def test_an_open_between_the_levels_ends_nothing():
    levels = Levels(90, 110, 0)
    assert at_open(100, levels, levels)[0] == "NONE"


def test_an_open_under_a_resting_stop_sells_at_the_open():
    assert at_open(85, Levels(90, 0, 0), Levels(90, 0, 0)) == ("STOP_LOSS", 85, False)


def test_an_open_under_a_resting_trail_names_the_trail():
    assert at_open(85, Levels(80, 0, 90), Levels(80, 0, 90)) == ("TRAILING_STOP", 85, False)


def test_an_open_over_the_target_sells_at_the_target_as_maker():
    assert at_open(120, Levels(0, 110, 0), Levels(0, 110, 0)) == ("TAKE_PROFIT", 110, True)


def test_a_signal_sells_at_the_open():
    assert at_open(100, wants_exit=True) == ("SIGNAL", 100, False)


def test_a_gap_stop_comes_before_a_signal():
    assert at_open(85, Levels(90, 0, 0), Levels(90, 0, 0), wants_exit=True)[0] == "STOP_LOSS"


def test_a_target_comes_before_a_signal():
    assert at_open(110, Levels(0, 110, 0), Levels(0, 110, 0), wants_exit=True)[0] == "TAKE_PROFIT"


def test_a_stop_that_only_the_last_bar_raised_does_not_rest_at_the_open():
    assert at_open(85, NONE, Levels(90, 0, 0))[0] == "NONE"


def test_a_bar_that_reaches_the_stop_sells_at_the_stop():
    assert in_bar(100, 101, 90, Levels(90, 0, 0)) == ("STOP_LOSS", 90, False)


def test_a_bar_that_opens_under_a_raised_stop_sells_at_its_open():
    assert in_bar(85, 101, 80, Levels(90, 0, 0)) == ("STOP_LOSS", 85, False)


def test_a_bar_that_reaches_the_target_sells_at_the_target():
    assert in_bar(100, 110, 99, Levels(90, 110, 0)) == ("TAKE_PROFIT", 110, True)


def test_a_bar_that_reaches_both_is_stopped_first():
    assert in_bar(100, 110, 90, Levels(90, 110, 0))[0] == "STOP_LOSS"


def test_a_bar_between_the_levels_ends_nothing():
    assert in_bar(100, 109, 91, Levels(90, 110, 0))[0] == "NONE"


def test_slippage_lowers_the_price_of_a_stop():
    fill = exit_in_bar(100 * UNIT, 101 * UNIT, 90 * UNIT, Levels(90, 0, 0), UNIT // 100, UNIT)
    assert fill.price // UNIT == 89


def test_near_levels_lie_inside_the_exact_ones():
    near = near_levels(Levels(90, 110, 0), ExitParams(0.1, 0.1, 0.0), 1.0)
    assert 90 < near.stop < 90.001
    assert 109.999 < near.target < 110


def test_levels_that_are_off_are_never_near():
    near = near_levels(NONE, ExitParams(math.nan, math.nan, math.nan), 1.0)
    assert (near.stop, near.target, near.trail_ratio) == (-math.inf, math.inf, 0.0)


def test_a_trail_is_watched_by_its_share_of_the_highest_price():
    assert near_levels(NONE, ExitParams(math.nan, math.nan, 0.05), 1.0).trail_ratio == pytest.approx(0.95)
