"""Drawdown periods of an equity curve: from a peak to the low after it and back to the peak. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SHOWN = 10


class Drawdown(NamedTuple):
    """One drawdown: rows of its peak, low and recovery (None: not recovered), and its depth, a positive fraction.

    The peak is row -1 where the equity fell from the starting capital at once.
    """

    peak: int
    low: int
    end: int | None
    depth: float


def drawdown_periods(equity: NDArray[np.float64], initial: float) -> list[Drawdown]:
    """Return every drawdown, in order of time.

    The starting capital counts as a peak, as it does for the largest drawdown (metrics.py).
    """
    peaks = np.maximum(np.maximum.accumulate(equity), initial)
    is_under = equity < peaks
    edges = np.diff(np.concatenate(([False], is_under, [False])).astype(np.int8))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    periods = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        low = start + int(equity[start:end].argmin())
        depth = float(1 - equity[low] / peaks[low])
        periods.append(Drawdown(start - 1, low, end if end < len(equity) else None, depth))
    return periods


def worst(periods: list[Drawdown], count: int = SHOWN) -> list[Drawdown]:
    """Return the deepest drawdowns, the deepest first."""
    return sorted(periods, key=lambda drawdown: -drawdown.depth)[:count]


def longest(periods: list[Drawdown], times: NDArray[np.int64]) -> Drawdown | None:
    """Return the drawdown that took longest to recover, or None.

    One that has not recovered counts until the end of the data.
    """

    def length(drawdown: Drawdown) -> int:
        return int(times[-1] if drawdown.end is None else times[drawdown.end]) - int(times[max(drawdown.peak, 0)])

    return max(periods, key=length, default=None)
