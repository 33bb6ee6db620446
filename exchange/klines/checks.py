"""Check rows of candles. A vectorised pass finds a bad row; the message is written only then.

Where rows come from and where they go is not known here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.times import to_datetime
from exchange.api.types import Int64Array
from exchange.klines import intervals
from exchange.klines.series import COLUMNS, FullKlines

_INTEGERS = (0, 6)  # positions of open and close time
_OLDEST_MS = 1_000_000_000_000  # 2001; anything below is seconds, or no time at all
_NEWEST_MS = 10_000_000_000_000

FETCH_AGAIN = "fetch the file again, or correct or remove the row"


class RowProblem(NamedTuple):
    what: str
    advice: str


class BadRow(NamedTuple):
    """A row by its number (a line's, from 1, or an array's, from 0) and what is wrong with it."""

    number: int
    problem: RowProblem


def utc(time_ms: int) -> str:
    """Return a time as text, or the bare number if it is no time."""
    try:
        return f"{to_datetime(time_ms):%Y-%m-%d %H:%M:%S} UTC"
    except OverflowError:
        return str(time_ms)


def check_text_row(line: str, columns: int) -> RowProblem | None:
    """Return what keeps a line of CSV from being a row of numbers, if anything."""
    if not line.strip():
        return None
    fields = line.split(",")
    if len(fields) != columns:
        return RowProblem(f"{len(fields)} columns instead of {columns}", FETCH_AGAIN)
    for position, field in enumerate(fields[:-1]):
        parse = int if position in _INTEGERS else float
        try:
            parse(field.strip())
        except ValueError:
            kind = "a whole number of ms or µs" if position in _INTEGERS else "a number"
            return RowProblem(f"column {position + 1} is {field.strip()!r}, not {kind}", FETCH_AGAIN)
        if field != field.strip() or "_" in field:
            return RowProblem(f"column {position + 1} is {field!r}, not a plain number", FETCH_AGAIN)
    return None


def first_bad_row(
    klines: FullKlines, close_time: Int64Array | None, off_ms: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], BadRow | None]:
    """Return which rows repeat the one before them exactly, and the first invalid row (from 0)."""
    repeats = _repeats(klines)
    bad = off_ms | _bad_values(klines) | _off_grid(klines, close_time)
    bad[1:] |= (np.diff(klines.open_time) <= 0) & ~repeats[1:]
    if not bad.any():
        return repeats, None
    index = int(np.argmax(bad))
    return repeats, BadRow(index, _explain(klines, close_time, off_ms, index))


def _repeats(klines: FullKlines) -> NDArray[np.bool_]:
    same = np.zeros(len(klines), dtype=bool)
    if len(klines) > 1:
        same[1:] = np.diff(klines.open_time) == 0
        if same.any():
            for name in COLUMNS[1:]:
                column = getattr(klines, name)
                same[1:] &= column[1:] == column[:-1]
    return same


def _bad_values(klines: FullKlines) -> NDArray[np.bool_]:
    low, high = klines.low, klines.high
    # Written so that NaN, which compares as False, is bad.
    good = (low > 0) & (low <= klines.open) & (low <= klines.close) & (klines.open <= high) & (klines.close <= high)
    good &= np.isfinite(high)
    for name in ("volume", "quote_volume", "trades", "taker_base", "taker_quote"):
        column = getattr(klines, name)
        good &= (column >= 0) & (column < np.inf)
    return ~good


def _off_grid(klines: FullKlines, close_time: Int64Array | None) -> NDArray[np.bool_]:
    times = klines.open_time
    bad = (times < _OLDEST_MS) | (times > _NEWEST_MS)
    bounded = np.where(bad, _OLDEST_MS, times)
    bad |= intervals.open_times_at(klines.interval, bounded) != times
    if close_time is not None:
        bad |= intervals.close_times_of(klines.interval, bounded) != close_time
    return bad


def _explain(klines: FullKlines, close_time: Int64Array | None, off_ms: NDArray[np.bool_], index: int) -> RowProblem:
    """Describe what is wrong with the row that the vectorised pass found."""
    time = int(klines.open_time[index])
    if not _OLDEST_MS <= time <= _NEWEST_MS:
        return RowProblem(f"open time {time} is neither ms nor µs since 1970", "convert the times to ms")
    for name in ("open", "high", "low", "close"):
        value = float(getattr(klines, name)[index])
        if not 0 < value < np.inf:
            return RowProblem(f"{name} is {value:g}, and a price is a number above 0", FETCH_AGAIN)
    for name in ("volume", "quote_volume", "trades", "taker_base", "taker_quote"):
        value = float(getattr(klines, name)[index])
        if not 0 <= value < np.inf:
            return RowProblem(f"{name} is {value:g}, and must be a number of at least 0", FETCH_AGAIN)
    return _explain_prices(klines, index) or _explain_times(klines, close_time, off_ms, index)


def _explain_prices(klines: FullKlines, index: int) -> RowProblem | None:
    high, low = float(klines.high[index]), float(klines.low[index])
    if high < low:
        return RowProblem(f"high {high:.15g} is under low {low:.15g}", FETCH_AGAIN)
    for name in ("open", "close"):
        value = float(getattr(klines, name)[index])
        if not low <= value <= high:
            return RowProblem(f"{name} {value:.15g} is outside low {low:.15g} to high {high:.15g}", FETCH_AGAIN)
    return None


def _explain_times(
    klines: FullKlines, close_time: Int64Array | None, off_ms: NDArray[np.bool_], index: int
) -> RowProblem:
    interval, time = klines.interval, int(klines.open_time[index])
    grid = intervals.open_time_at(interval, time)
    if off_ms[index] or grid != time:
        return RowProblem(
            f"open time {time} ({utc(time)}) is off the {interval} grid, where a bar opens at {utc(grid)}",
            f"check that the bars really are {interval}, or correct or remove the row",
        )
    end = intervals.close_time_of(interval, time)
    if close_time is not None and int(close_time[index]) != end:
        return RowProblem(
            f"close time {int(close_time[index])} is not the end of a {interval} bar that opens at {utc(time)} ({end})",
            f"check that the bars really are {interval}, or correct or remove the row",
        )
    before = int(klines.open_time[index - 1])
    if time == before:
        advice = "decide which of the two rows is right and remove the other"
        return RowProblem(f"repeats the open time {utc(time)} with other values", advice)
    problem = f"open time {utc(time)} comes after {utc(before)}, and rows must ascend"
    return RowProblem(problem, "sort the file by open time")
