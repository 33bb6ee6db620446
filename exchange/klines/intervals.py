"""Compute where a bar of an interval begins and ends, by Binance's calendar.

Weeks begin on Monday, months on their first day, three-day bars every third day since 1970-01-01; all others divide
the day. Times are Unix milliseconds. `offset_ms` moves the grid for a time zone ahead of UTC by that much.
"""

from __future__ import annotations

import numpy as np

from core.times import DAY_MS
from exchange.api.types import INTERVAL_MS, Int64Array

MONTH = "1M"
INTERVALS: tuple[str, ...] = (*INTERVAL_MS, MONTH)

_MONDAY_MS = 4 * DAY_MS  # 1970-01-05, the first Monday
_ORDER = INTERVAL_MS | {MONTH: 30 * DAY_MS}


def is_interval(name: str) -> bool:
    """Return True if Binance has this interval. Case matters: `1m` is a minute, `1M` a month."""
    return name in _ORDER


def is_shorter(interval: str, other: str) -> bool:
    return _ORDER[interval] < _ORDER[other]


def anchor_ms(interval: str) -> int:
    """Return a time at which a bar of this interval opens."""
    return _MONDAY_MS if interval == "1w" else 0


def open_time_at(interval: str, time_ms: int, offset_ms: int = 0) -> int:
    """Return the open time of the bar that contains `time_ms`."""
    if interval == MONTH:
        return int(open_times_at(interval, np.array([time_ms], dtype=np.int64), offset_ms)[0])
    length, anchor = INTERVAL_MS[interval], anchor_ms(interval) - offset_ms
    return (time_ms - anchor) // length * length + anchor


def next_open_time(interval: str, open_time_ms: int, offset_ms: int = 0) -> int:
    """Return the open time of the bar after the one that opens at `open_time_ms`."""
    if interval == MONTH:
        return open_time_at(interval, open_time_ms + 31 * DAY_MS, offset_ms)
    return open_time_ms + INTERVAL_MS[interval]


def close_time_of(interval: str, open_time_ms: int, offset_ms: int = 0) -> int:
    """Return the last millisecond of the bar that opens at `open_time_ms`."""
    return next_open_time(interval, open_time_ms, offset_ms) - 1


def open_times_at(interval: str, times_ms: Int64Array, offset_ms: int = 0) -> Int64Array:
    """Return `open_time_at` for each of many times."""
    return open_times_of(interval, bar_numbers(interval, times_ms, offset_ms), offset_ms)


def close_times_of(interval: str, open_times_ms: Int64Array, offset_ms: int = 0) -> Int64Array:
    """Return `close_time_of` for each of many open times."""
    if interval != MONTH:
        return open_times_ms + (INTERVAL_MS[interval] - 1)
    return open_times_of(interval, bar_numbers(interval, open_times_ms, offset_ms) + 1, offset_ms) - 1


def bar_numbers(interval: str, times_ms: Int64Array, offset_ms: int = 0) -> Int64Array:
    """Return the number of the bar that contains each time: neighbours on the grid differ by one."""
    local = times_ms.astype(np.int64, copy=False) + offset_ms
    if interval == MONTH:
        return local.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
    return (local - anchor_ms(interval)) // INTERVAL_MS[interval]


def open_times_of(interval: str, numbers: Int64Array, offset_ms: int = 0) -> Int64Array:
    """Return the open times of the bars with these numbers (see `bar_numbers`)."""
    if interval == MONTH:
        months = numbers.astype("datetime64[M]")
        return months.astype("datetime64[ms]").astype(np.int64) - offset_ms
    return numbers * INTERVAL_MS[interval] + (anchor_ms(interval) - offset_ms)


def useful_offset(interval: str, base_interval: str, offset_ms: int) -> int:
    """Return the part of a time zone's offset that moves bars of `interval` made of bars of `base_interval`."""
    if INTERVAL_MS.get(base_interval, DAY_MS) >= DAY_MS:
        return 0
    whole = offset_ms - offset_ms % INTERVAL_MS[base_interval]
    return 0 if interval in INTERVAL_MS and whole % INTERVAL_MS[interval] == 0 else whole
