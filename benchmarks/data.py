"""The seeded 1-minute bars that every benchmark runs on, ours and the peers'. Needs numpy alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MINUTE_MS = 60_000
FIRST_MS = 1_704_067_200_000


class Bars(NamedTuple):
    """A walk of 1-minute bars in a two-decimal price."""

    open_time: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]


def seeded_bars(count: int) -> Bars:
    rng = np.random.default_rng(1)
    close = np.round(30_000 * np.exp(np.cumsum(rng.standard_t(4, count) * 0.0004)), 2)
    open_ = np.concatenate([close[:1], close[:-1]])
    wick = np.abs(rng.normal(0, 0.0003, (2, count)))
    high = np.round(np.maximum(open_, close) * (1 + wick[0]), 2)
    low = np.round(np.minimum(open_, close) * (1 - wick[1]), 2)
    return Bars(FIRST_MS + np.arange(count, dtype=np.int64) * MINUTE_MS, open_, high, low, close)
