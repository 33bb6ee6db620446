"""Test the clocks of paper markets."""

from __future__ import annotations

import time

import pytest

from core.errors import UserError
from exchange.paper.market.clock import ManualClock, WallClock


def test_wall_clock_runs_with_ours() -> None:
    assert WallClock().now_ms() == pytest.approx(time.time() * 1000, abs=50)


def test_wall_clock_can_start_at_another_time() -> None:
    assert WallClock.starting_at(1_000).now_ms() == pytest.approx(1_000, abs=50)


def test_manual_clock_stands_still() -> None:
    clock = ManualClock(1_000)
    time.sleep(0.002)
    assert clock.now_ms() == 1_000


def test_manual_clock_is_set_forward() -> None:
    clock = ManualClock(1_000)
    clock.set(2_000)
    assert clock.now_ms() == 2_000


def test_manual_clock_does_not_go_back() -> None:
    clock = ManualClock(1_000)
    with pytest.raises(UserError, match="cannot go back to 999"):
        clock.set(999)


@pytest.mark.parametrize(("clock", "is_manual"), [(WallClock(), False), (ManualClock(0), True)])
def test_clock_knows_whether_it_is_set_by_hand(clock: WallClock | ManualClock, is_manual: bool) -> None:
    assert clock.is_manual is is_manual
