"""The time range that a run trades on: `--from` and `--to` as people write times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backtests.errors import BacktestError
from core.times import parse_utc, to_datetime, to_ms
from exchange.api.types import Klines


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A range from `start_ms` (included) to `end_ms` (excluded) by the bars' open times; None is the data's own end."""

    start_ms: int | None = None
    end_ms: int | None = None

    def rows(self, klines: Klines) -> tuple[int, int]:
        """Return the first row inside and the one after the last. Raise `BacktestError` if there are none."""
        if not len(klines):
            raise BacktestError("the data has no bars")
        times = klines.open_time
        first = 0 if self.start_ms is None else int(np.searchsorted(times, self.start_ms))
        end = len(times) if self.end_ms is None else int(np.searchsorted(times, self.end_ms))
        if first >= end:
            raise BacktestError(f"{self} holds no bars: the data runs from {_iso(times[0])} to {_iso(times[-1])}")
        return first, end

    def __str__(self) -> str:
        start = "the first bar" if self.start_ms is None else _iso(self.start_ms)
        end = "the last bar" if self.end_ms is None else _iso(self.end_ms)
        return f"the period from {start} to {end}"


def parse_time_range(start: str | None = None, end: str | None = None) -> TimeRange:
    """Parse ISO dates or times, UTC unless they carry an offset. Raise `BacktestError` for nonsense."""
    time_range = TimeRange(_time_ms("--from", start), _time_ms("--to", end))
    if time_range.start_ms is not None and time_range.end_ms is not None and time_range.start_ms >= time_range.end_ms:
        raise BacktestError(f"--from {start} is not before --to {end}")
    return time_range


def _time_ms(option: str, text: str | None) -> int | None:
    if not text:
        return None
    try:
        return to_ms(parse_utc(text))
    except ValueError:
        raise BacktestError(
            f"{option} {text!r} is no ISO date or time, for example 2024-01-31 or 2024-01-31T12:00"
        ) from None


def _iso(time_ms: int) -> str:
    return f"{to_datetime(time_ms):%Y-%m-%dT%H:%MZ}"
