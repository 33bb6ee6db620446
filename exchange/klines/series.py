"""Hold candles with all 12 columns; compute their gaps and hash, and longer bars from shorter ones.

Where they come from is in files.py and store.py, the grid of intervals in intervals.py.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from core.errors import UserError
from exchange.api.types import Float64Array, Int64Array, Klines
from exchange.klines import intervals


class KlinesInvalid(UserError):
    """Candles that cannot be meant. The message names the file and line, and says what to do."""


@dataclass(frozen=True, slots=True)
class FullKlines(Klines):
    """`Klines` with the rest of Binance's 12 columns; zeros where the source did not know them."""

    quote_volume: Float64Array
    trades: Int64Array
    taker_base: Float64Array
    taker_quote: Float64Array

    def __getitem__(self, rows: slice) -> FullKlines:
        return FullKlines(self.interval, *(getattr(self, name)[rows] for name in COLUMNS))

    def close_time_ms(self, index: int) -> int:
        """Return the last millisecond of the bar at `index`, months included."""
        return intervals.close_time_of(self.interval, int(self.open_time[index]))

    def close_times(self) -> Int64Array:
        return intervals.close_times_of(self.interval, self.open_time)


COLUMNS = (
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "quote_volume",
    "trades",
    "taker_base",
    "taker_quote",
)


class Gap(NamedTuple):
    """A run of bars that the data lacks: open times of the first and last of them, and how many."""

    first_ms: int
    last_ms: int
    missing: int


def with_all_columns(klines: Klines) -> FullKlines:
    """Return the same bars as `FullKlines`, with zeros for what is not known."""
    if isinstance(klines, FullKlines):
        return klines
    zeros, none = np.zeros(len(klines)), np.zeros(len(klines), dtype=np.int64)
    return FullKlines(
        klines.interval,
        klines.open_time,
        klines.open,
        klines.high,
        klines.low,
        klines.close,
        klines.volume,
        zeros,
        none,
        zeros,
        zeros,
    )


def gaps(klines: Klines) -> list[Gap]:
    """Return the bars missing between the first and the last one, in order."""
    if len(klines) < 2:
        return []
    numbers = intervals.bar_numbers(klines.interval, klines.open_time)
    before = np.flatnonzero(np.diff(numbers) > 1)
    first = intervals.open_times_of(klines.interval, numbers[before] + 1)
    last = intervals.open_times_of(klines.interval, numbers[before + 1] - 1)
    missing = numbers[before + 1] - numbers[before] - 1
    return [Gap(int(a), int(b), int(n)) for a, b, n in zip(first, last, missing, strict=True)]


def data_hash(symbol: str, klines: Klines) -> str:
    """Return the SHA-256 of what a decision can depend on: symbol, interval, open times, prices and volume."""
    digest = hashlib.sha256(f"{symbol}:{klines.interval}:{len(klines)}\n".encode())
    digest.update(np.ascontiguousarray(klines.open_time, dtype="<i8").data)
    for column in (klines.open, klines.high, klines.low, klines.close, klines.volume):
        digest.update(np.ascontiguousarray(column, dtype="<f8").data)
    return digest.hexdigest()


def aggregate(klines: Klines, interval: str, offset_ms: int = 0) -> FullKlines:
    """Return longer bars made of shorter ones: first open, highest high, lowest low, last close, sums of the rest.

    The first and the last bar are made of what there is of them; whether they are whole is for the caller to say.
    Raises `KlinesInvalid` when `interval` is unknown or shorter than the data's.
    """
    if not intervals.is_interval(interval):
        raise KlinesInvalid(f"there is no interval {interval!r}; use one of {' '.join(intervals.INTERVALS)}")
    if intervals.is_shorter(interval, klines.interval):
        raise KlinesInvalid(f"bars of {klines.interval} cannot be cut into bars of {interval}; use a longer interval")
    full = with_all_columns(klines)
    if (interval == klines.interval and offset_ms == 0) or len(full) == 0:
        return full if interval == klines.interval else FullKlines(interval, *(getattr(full, c) for c in COLUMNS))
    numbers = intervals.bar_numbers(interval, full.open_time, offset_ms)
    starts = np.concatenate(([0], np.flatnonzero(np.diff(numbers)) + 1))
    ends = np.concatenate((starts[1:], [len(full)])) - 1
    return FullKlines(
        interval,
        intervals.open_times_of(interval, numbers[starts], offset_ms),
        full.open[starts],
        np.maximum.reduceat(full.high, starts),
        np.minimum.reduceat(full.low, starts),
        full.close[ends],
        _sums(full.volume, starts),
        _sums(full.quote_volume, starts),
        np.add.reduceat(full.trades, starts),
        _sums(full.taker_base, starts),
        _sums(full.taker_quote, starts),
    )


def _sums(amounts: Float64Array, starts: Int64Array) -> Float64Array:
    """Return the totals of each run, to the 8 decimals in which the exchange prints them."""
    return np.asarray(np.round(np.add.reduceat(amounts, starts), 8), dtype=np.float64)
