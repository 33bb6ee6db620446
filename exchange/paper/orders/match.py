"""Find when a bar meets a resting order, and at what price: pure, in units of 1e-8 and milliseconds.

A base bar is two events. Its OPEN happens at its open time; its RANGE (low and high) once it has ended, so a bar in
progress has only its open. Rules: TRADING_RULES 7, 8 and 10. What a fill does to an account is in ledger.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exchange.api.types import Int64Array
from exchange.fills import UNITS, ask_price, bid_price, floor_to, mul_units
from exchange.paper.market.base import MarketBars

UNLIMITED = 2**62


@dataclass(frozen=True, slots=True)
class LevelWait:
    """What a resting order waits for: the price to rise to `level` (or above), or to fall to it (or below).

    `since` is the key of the last event it has already been through.
    """

    level: int
    rises: bool
    since: int


@dataclass(frozen=True, slots=True)
class LevelTouch:
    """An event that meets an order: bar `index`, at its open or inside its range. Keys order events in time."""

    key: int
    index: int
    at_open: bool


def key_after(time_ms: int) -> int:
    """Return the key of the last event that is over at `time_ms`."""
    return 2 * time_ms + 1


def open_keys(open_times: Int64Array) -> Int64Array:
    return 2 * open_times + 1


def range_keys(close_times: Int64Array) -> Int64Array:
    """Return when a range is over: one millisecond after its close time, just before the next bar's open."""
    return 2 * (close_times + 1)


def first_touch(wait: LevelWait, bars: MarketBars, until_ms: int) -> LevelTouch | None:
    """Return the first event after `wait.since`, up to `until_ms`, that reaches the level. A bar's open comes first."""
    last_key = key_after(until_ms)
    opens, ranges = open_keys(bars.open_time), range_keys(bars.close_time)
    at_open = _first_hit(bars.open, bars.open, wait, opens, last_key)
    in_range = _first_hit(bars.low, bars.high, wait, ranges, last_key)
    if at_open is not None and (in_range is None or at_open <= in_range):
        return LevelTouch(int(opens[at_open]), at_open, True)
    return None if in_range is None else LevelTouch(int(ranges[in_range]), in_range, False)


def _first_hit(lows: Int64Array, highs: Int64Array, wait: LevelWait, keys: Int64Array, last_key: int) -> int | None:
    start = int(np.searchsorted(keys, wait.since, side="right"))
    end = int(np.searchsorted(keys, last_key, side="right"))
    if start >= end:
        return None
    hits = highs[start:end] >= wait.level if wait.rises else lows[start:end] <= wait.level
    first = int(np.argmax(hits))
    return start + first if hits[first] else None


def market_price(reference: int, is_buy: bool, slippage: int, tick: int) -> int:
    """Return what a market order gets when the last price is `reference`: the ask or the bid of rule 10."""
    return int(ask_price(reference, slippage, tick) if is_buy else bid_price(reference, slippage, tick))


def crosses(limit: int, best: int, is_buy: bool) -> bool:
    """Return True if a limit order would trade at once against the best opposite price."""
    return best <= limit if is_buy else best >= limit


def volume_cap(bars: MarketBars, index: int, share: int | None, step: int) -> int:
    """Return the most that one order may take of the volume of the bar at `index`, in whole steps; nothing before the
    first bar. Without a share there is no cap.
    """
    if share is None:
        return UNLIMITED
    if index < 0:
        return 0
    volume = round(float(bars.volume[index]) * UNITS)
    return int(floor_to(mul_units(volume, share), step))
