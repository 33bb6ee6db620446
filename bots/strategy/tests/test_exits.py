"""Stop, target and trail in whole ticks (rule 8)."""

from __future__ import annotations

import pytest

from bots.strategy.exits import active_stop, level_below, opening_levels, stop_reason, trail_level
from bots.strategy.tests.builders import NO_EXITS
from bots.strategy.types import OFF, ExitParams, ExitReason, Levels


def test_opening_levels_are_floored_to_the_tick():
    assert opening_levels(ExitParams(0.02, 0.03, 0.01), 100.55, 0.1) == Levels(985, 1035, 995)


def test_exits_that_are_off_have_no_levels():
    assert opening_levels(NO_EXITS, 100.0, 0.1) == Levels(0, 0, 0)


def test_a_level_below_is_not_lowered_by_floating_point_error():
    assert level_below(1.0, 0.7, 0.1) == 3  # 1 - 0.7 is 0.30000000000000004


@pytest.mark.parametrize(("levels", "stop"), [(Levels(95, 0, 97), 97), (Levels(97, 120, 95), 97), (Levels(0, 9, 0), 0)])
def test_the_active_stop_is_the_larger_of_stop_and_trail(levels, stop):
    assert active_stop(levels) == stop


@pytest.mark.parametrize(
    ("levels", "reason"),
    [
        (Levels(95, 0, 97), ExitReason.TRAILING_STOP),
        (Levels(97, 0, 97), ExitReason.STOP_LOSS),
        (Levels(0, 0, 1), ExitReason.TRAILING_STOP),
    ],
)
def test_the_reason_of_a_stop_names_the_larger_level(levels, reason):
    assert stop_reason(levels) == reason


def test_a_trail_follows_the_highest_price():
    exits = ExitParams(OFF, OFF, 0.05)
    assert [trail_level(exits, high, 1.0) for high in (100.0, 106.0, 106.0)] == [95, 100, 100]
