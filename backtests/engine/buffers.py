"""What the bar loop reads and writes (loop.py), as values that numba takes as they are.

Amounts, prices and commissions are whole units of 1e-8 (int64), so that comparisons at a level are exact.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from bots.strategy.types import LotRules, RuleSettings

UNITS = 1e8
UNIT = 1e-8


class Bars(NamedTuple):
    """All bars of the data: arrays of equal length; and the rows that carry a BUY and a SELL, and that begin a UTC day.

    `day_ends` are the last rows of the days in the span.
    `shut` says for each minute of a week, from Monday on, whether entries are forbidden; empty forbids none.
    `ranges` are those of the closes (`ranges_of`), where many runs share them; else empty.
    """

    open_time: NDArray[np.int64]  # read where trading hours are limited
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    buys: NDArray[np.int64]
    sells: NDArray[np.int64]
    days: NDArray[np.int64]
    day_ends: NDArray[np.int64]
    shut: NDArray[np.bool_]
    ranges: NDArray[np.float64]


class Series(NamedTuple):
    """The prices that a position meets: the arrays of `Bars` by these names."""

    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]


class Setup(NamedTuple):
    """What holds for the whole run. Units of 1e-8 where the name does not say a fraction."""

    settings: RuleSettings
    rules: LotRules
    initial: int
    compounding: bool
    fee_rate: float
    fee: int
    maker_fee: int
    slippage: int
    tick: int
    step: int


class RunBuffers(NamedTuple):
    """What the loop writes: `equity` per bar of the span (unless it has no room: a search needs none); `daily`, the
    equity at the close of each day's last bar; the rest per trade, in units of 1e-8.

    Bars are row numbers in the data; an open trade has exit bar -1. `rejected` counts by `RejectionReason`.
    """

    equity: NDArray[np.float64]
    daily: NDArray[np.float64]
    entry_bar: NDArray[np.int64]
    entry_price: NDArray[np.int64]
    quantity: NDArray[np.int64]
    entry_fee: NDArray[np.int64]
    exit_bar: NDArray[np.int64]
    exit_price: NDArray[np.int64]
    exit_fee: NDArray[np.int64]
    exit_reason: NDArray[np.int8]
    net_pnl: NDArray[np.int64]
    rejected: NDArray[np.int64]


class Outcome(NamedTuple):
    """What the tape holds: trades, closed ones among them. With it, of the bars' closes: the largest drawdown of the
    equity, and how many of them a position was held at.
    """

    trades: int
    closed: int
    max_drawdown: float
    exposed_bars: int


@register_jitable
def price_units(price: float) -> int:
    """A price with at most 8 decimals as whole units."""
    return math.floor(price * UNITS + 0.5)
