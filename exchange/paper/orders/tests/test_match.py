"""Test when a bar meets a resting order, on two bars: 100-110-90-105 and 120-130-80-100."""

from __future__ import annotations

import numpy as np
import pytest

from exchange.paper.market.base import MarketBars
from exchange.paper.orders.match import (
    UNLIMITED,
    LevelTouch,
    LevelWait,
    crosses,
    first_touch,
    key_after,
    market_price,
    volume_cap,
)

MINUTE = 60_000
END = 2 * MINUTE


def array(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


BARS = MarketBars(
    array(0, MINUTE),
    array(MINUTE - 1, END - 1),
    array(100, 120),
    array(110, 130),
    array(90, 80),
    array(105, 100),
    np.array([2.0, 4.0]),
)


@pytest.mark.parametrize(
    ("level", "rises", "touch"),
    [
        (100, True, LevelTouch(1, 0, True)),
        (108, True, LevelTouch(2 * MINUTE, 0, False)),
        (115, True, LevelTouch(2 * MINUTE + 1, 1, True)),
        (125, True, LevelTouch(2 * END, 1, False)),
        (131, True, None),
        (95, False, LevelTouch(2 * MINUTE, 0, False)),
        (85, False, LevelTouch(2 * END, 1, False)),
        (79, False, None),
    ],
)
def test_first_event_that_reaches_the_level_is_found(level: int, rises: bool, touch: LevelTouch | None) -> None:
    assert first_touch(LevelWait(level, rises, -1), BARS, END) == touch


def test_events_before_the_order_do_not_count() -> None:
    wait = LevelWait(100, True, key_after(0))
    assert first_touch(wait, BARS, END) == LevelTouch(2 * MINUTE, 0, False)


def test_bar_in_progress_has_only_its_open() -> None:
    assert first_touch(LevelWait(108, True, -1), BARS, MINUTE - 1) is None


def test_range_is_over_before_the_next_open() -> None:
    assert first_touch(LevelWait(108, True, -1), BARS, MINUTE) == LevelTouch(2 * MINUTE, 0, False)


@pytest.mark.parametrize(("is_buy", "price"), [(True, 102), (False, 98)])
def test_market_order_pays_the_slippage_to_the_tick(is_buy: bool, price: int) -> None:
    assert market_price(100, is_buy, slippage=1_000_000, tick=2) == price


@pytest.mark.parametrize(("limit", "is_buy", "does"), [(99, True, False), (100, True, True), (101, False, False)])
def test_limit_crosses_from_the_best_price_on(limit: int, is_buy: bool, does: bool) -> None:
    assert crosses(limit, 100, is_buy) is does


def test_volume_cap_is_a_share_in_whole_steps() -> None:
    assert volume_cap(BARS, 1, share=10_000_000, step=30_000_000) == 30_000_000


def test_there_is_no_volume_before_the_first_bar() -> None:
    assert volume_cap(BARS, -1, share=10_000_000, step=1) == 0


def test_without_a_share_there_is_no_cap() -> None:
    assert volume_cap(BARS, 0, share=None, step=1) == UNLIMITED
