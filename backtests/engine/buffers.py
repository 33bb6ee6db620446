"""Inputs and outputs of the bar loop (loop.py) as named tuples that numba accepts.

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
UNIT = 1 / UNITS


class BarArrays(NamedTuple):
    """All bars of the data as arrays of equal length, with the rows of signals and of days.

    `buys` and `sells` are the rows that carry such a signal. `days` are the rows that begin a UTC day, `day_ends` the
    last row of each day of the run. `blocked` tells for each minute of a week, from Monday on, whether entries are
    forbidden; empty forbids none. `ranges` are the block ranges of the closes (`block_ranges`) where many runs share
    them, else empty.
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
    blocked: NDArray[np.bool_]
    ranges: NDArray[np.float64]


class PriceArrays(NamedTuple):
    """The price arrays of `BarArrays` that exits are decided on."""

    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]


class EngineSettings(NamedTuple):
    """The settings of one run as the loop takes them. Units of 1e-8 where the name does not say a fraction."""

    rule_settings: RuleSettings
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
    """Arrays that the loop writes.

    `equity` is per bar of the run; it is empty where nobody needs it, as in an optimisation. `daily` is the equity at
    the close of each day's last bar. The others are per trade, in units of 1e-8. Bars are row numbers in the data; an
    open trade has exit bar -1. `rejected` counts by `RejectionReason`.
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


class RunSummary(NamedTuple):
    """Counts of a run.

    All trades, the closed ones, the largest drawdown at a close, and the bars with a position at their close.
    """

    trades: int
    closed: int
    max_drawdown: float
    exposed_bars: int


@register_jitable
def price_units(price: float) -> int:
    """Return a price of at most 8 decimals in whole units."""
    return math.floor(price * UNITS + 0.5)
