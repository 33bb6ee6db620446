"""EMA cross with an RSI filter (rules 2 and 3): TA-Lib's averages, Wilder's RSI."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bots.strategy.ta_lib import talib
from bots.strategy.types import Candles, Compiler, Events, ParameterField, identity

CACHE_BYTES = 1 << 26  # of each kind of series, when many parameters are tried on the same candles

NAME = "ema_rsi"
LABEL = "EMA cross with RSI"
DESCRIPTION = (
    "Buys when the fast average rises above the slow one while the RSI is under its overbought level; sells when it "
    "falls below while the RSI is over its oversold level."
)


class Params(NamedTuple):
    ema_fast: int
    ema_slow: int
    rsi_period: int
    rsi_overbought: float
    rsi_oversold: float


FIELDS = (
    ParameterField("ema_fast", "Fast EMA", 12, 1, 1000, 1, "Bars of the fast average; under the slow one."),
    ParameterField("ema_slow", "Slow EMA", 26, 2, 2000, 1, "Bars of the slow average."),
    ParameterField("rsi_period", "RSI period", 14, 2, 500, 1, "Bars of Wilder's RSI."),
    ParameterField("rsi_overbought", "RSI overbought", 70, 0, 100, 0.5, "No buy at or over this RSI.", False, 2),
    ParameterField("rsi_oversold", "RSI oversold", 30, 0, 100, 0.5, "No signal sell at or under this RSI.", False, 2),
)


def check(params: Params) -> list[tuple[str, str]]:
    """Return what does not fit together as (field, sentence) pairs."""
    problems = []
    if params.ema_fast >= params.ema_slow:
        problems.append(
            ("ema_fast", f"The fast EMA ({params.ema_fast}) must be under the slow EMA ({params.ema_slow}).")
        )
    if params.rsi_oversold >= params.rsi_overbought:
        problems.append(
            ("rsi_oversold", f"RSI oversold ({params.rsi_oversold:g}) must be under RSI overbought "
             f"({params.rsi_overbought:g}).")
        )  # fmt: skip
    return problems


def warmup_bars(params: Params) -> int:
    """Return the bars after which a window's values equal those over all of history to 1e-6 of price (rule 2)."""
    return max(8 * params.ema_slow, 20 * params.rsi_period)


def ema(close: NDArray[np.float64], period: int) -> NDArray[np.float64]:
    """Return TA-Lib's EMA; for one bar, which TA-Lib refuses, the closes."""
    return close.copy() if period == 1 else talib.EMA(close, timeperiod=period)


def indicators(candles: Candles, params: Params) -> dict[str, NDArray[np.float64]]:
    """Return the averages and the RSI, NaN where undefined."""
    return {
        "ema_fast": ema(candles.close, params.ema_fast),
        "ema_slow": ema(candles.close, params.ema_slow),
        "rsi": talib.RSI(candles.close, timeperiod=params.rsi_period),
    }


def crossings(fast: NDArray[np.float64], slow: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows where `fast` has just risen above `slow`, and where it has just fallen below."""
    rises = (fast[1:] > slow[1:]) & (fast[:-1] <= slow[:-1])  # NaN: neither
    falls = (fast[1:] < slow[1:]) & (fast[:-1] >= slow[:-1])
    return np.flatnonzero(rises) + 1, np.flatnonzero(falls) + 1


def crossings_by_row(
    fast: NDArray[np.float64], slow: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return what `crossings` does, in one pass, to be compiled: interpreted it is slow."""
    rises, falls = np.empty(len(fast) // 2 + 1, np.int64), np.empty(len(fast) // 2 + 1, np.int64)
    risen = fallen = 0
    for row in range(1, len(fast)):
        if fast[row] > slow[row]:
            if fast[row - 1] <= slow[row - 1]:
                rises[risen] = row
                risen += 1
        elif fast[row] < slow[row] and fast[row - 1] >= slow[row - 1]:
            falls[fallen] = row
            fallen += 1
    return rises[:risen].copy(), falls[:fallen].copy()


def from_row(rows: NDArray[np.int64], start: int) -> NDArray[np.int64]:
    """Return the ascending `rows` from `start` on."""
    return rows[rows.searchsorted(start) :]


class EventsOver:
    """Compute signals for many parameters over the same candles; shared series are computed once."""

    def __init__(self, candles: Candles, compiled: Compiler = identity) -> None:
        self._bars = len(candles.close)
        cached = lru_cache(maxsize=max(4, CACHE_BYTES // (8 * max(self._bars, 1))))
        # These functions do not refer to this object: a cycle would keep the series until the next garbage collection.
        average, rsi = cached(partial(ema, candles.close)), cached(partial(talib.RSI, candles.close))
        crossed = crossings if compiled is identity else compiled(crossings_by_row)
        pair = cached(lambda fast, slow: crossed(average(fast), average(slow)))

        def buys(fast: int, slow: int, start: int, period: int, overbought: float) -> NDArray[np.int64]:
            rows = from_row(pair(fast, slow)[0], start)
            return rows[rsi(period)[rows] < overbought]

        def sells(fast: int, slow: int, start: int, period: int, oversold: float) -> NDArray[np.int64]:
            rows = from_row(pair(fast, slow)[1], start)
            return rows[rsi(period)[rows] > oversold]

        self._buys, self._sells = cached(buys), cached(sells)

    def __call__(self, params: Params) -> Events:
        """Return the rows with signals."""
        start = warmup_bars(params)
        if self._bars <= start:
            return Events(np.empty(0, np.int64), np.empty(0, np.int64))
        inputs = params.ema_fast, params.ema_slow, start, params.rsi_period
        return Events(self._buys(*inputs, params.rsi_overbought), self._sells(*inputs, params.rsi_oversold))


def signals(candles: Candles, params: Params) -> NDArray[np.int8]:
    """Return +1 where the fast average has just risen above the slow one, -1 where it fell below, else 0 (rule 3)."""
    return EventsOver(candles)(params).dense(len(candles.close))
