"""Falls of the equity: from a peak to the low after it and back to the peak. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SHOWN = 10


class Drawdown(NamedTuple):
    """Rows of the peak, of the low and of the recovery (None: not recovered), and the depth, a positive fraction.

    The peak is row -1 where the equity fell from the starting capital at once.
    """

    peak: int
    low: int
    end: int | None
    depth: float


def falls(equity: NDArray[np.float64], initial: float) -> list[Drawdown]:
    """Every fall, in order. The starting capital counts as a peak, as in the largest drawdown (metrics.py)."""
    peaks = np.maximum(np.maximum.accumulate(equity), initial)
    is_under = equity < peaks
    edges = np.diff(np.concatenate(([False], is_under, [False])).astype(np.int8))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    found = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        low = start + int(equity[start:end].argmin())
        depth = float(1 - equity[low] / peaks[low])
        found.append(Drawdown(start - 1, low, end if end < len(equity) else None, depth))
    return found


def deepest(found: list[Drawdown], count: int = SHOWN) -> list[Drawdown]:
    return sorted(found, key=lambda fall: -fall.depth)[:count]


def longest(found: list[Drawdown], times: NDArray[np.int64]) -> Drawdown | None:
    """The fall that took longest from its peak to its recovery, or to the end of the data; None where none."""

    def length(fall: Drawdown) -> int:
        return int(times[-1] if fall.end is None else times[fall.end]) - int(times[max(fall.peak, 0)])

    return max(found, key=length, default=None)
