"""Donchian breakout: buy a new high of the last bars, sell a new low.

The channel of bar `i` is made of the bars before it, so that its close can lie outside:

- BUY: `close[i] > max(high[i - entry_period : i])`
- SELL: `close[i] < min(low[i - exit_period : i])`

R. Donchian's four-week rule in the two-period form of the Turtle rules, applied to closes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bots.strategy.ta_lib import talib
from bots.strategy.types import Candles, ParameterField

NAME = "donchian"
LABEL = "Donchian breakout"
DESCRIPTION = (
    "Buys when a close exceeds the highest high of the bars before it; sells when one is under the lowest low."
)


class Params(NamedTuple):
    entry_period: int
    exit_period: int


FIELDS = (
    ParameterField("entry_period", "Entry channel", 20, 2, 2000, 1, "Bars whose highest high a close must exceed."),
    ParameterField("exit_period", "Exit channel", 10, 2, 2000, 1, "Bars whose lowest low a close must undercut."),
)


def check(params: Params) -> list[tuple[str, str]]:
    """Return no problems: every pair of periods makes sense."""
    return []


def warmup_bars(params: Params) -> int:
    """Return the longer channel's bars; from there on a window has the same values as all of history."""
    return max(params.entry_period, params.exit_period)


def _of_bars_before(series: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shift `series` by one bar, so that bar `i` has the value at the close of `i - 1`."""
    moved = np.full(len(series), np.nan)
    moved[1:] = series[:-1]
    return moved


def indicators(candles: Candles, params: Params) -> dict[str, NDArray[np.float64]]:
    """Return the channel that each bar's close is compared with, NaN where undefined."""
    return {
        "upper": _of_bars_before(talib.MAX(candles.high, timeperiod=params.entry_period)),
        "lower": _of_bars_before(talib.MIN(candles.low, timeperiod=params.exit_period)),
    }


def signals(candles: Candles, params: Params) -> NDArray[np.int8]:
    """Return +1 where a close breaks out above the channel, -1 where it falls below, else 0."""
    signal = np.zeros(len(candles.close), dtype=np.int8)
    start = warmup_bars(params)
    if len(signal) <= start:
        return signal
    values, close = indicators(candles, params), candles.close[start:]
    signal[start:][close > values["upper"][start:]] = 1
    signal[start:][close < values["lower"][start:]] = -1
    return signal
