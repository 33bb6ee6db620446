"""EMA cross with an RSI filter (rules 2 and 3): TA-Lib's averages, Wilder's RSI."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bots.strategy.ta_lib import talib
from bots.strategy.types import Candles, Compiler, Events, ParameterField, as_it_is

KEPT_BYTES = 1 << 26  # of each kind of series, when many parameters are tried on the same candles

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
    """What does not fit together: (field, sentence) pairs."""
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
    """Bars after which a window's values equal those over all of history to 1e-6 of price (rule 2)."""
    return max(8 * params.ema_slow, 20 * params.rsi_period)


def ema(close: NDArray[np.float64], period: int) -> NDArray[np.float64]:
    """TA-Lib's EMA; of one bar, which TA-Lib does not take, the closes themselves."""
    return close.copy() if period == 1 else talib.EMA(close, timeperiod=period)


def indicators(candles: Candles, params: Params) -> dict[str, NDArray[np.float64]]:
    """The series that the signal looks at, NaN where undefined."""
    return {
        "ema_fast": ema(candles.close, params.ema_fast),
        "ema_slow": ema(candles.close, params.ema_slow),
        "rsi": talib.RSI(candles.close, timeperiod=params.rsi_period),
    }


def crossings(fast: NDArray[np.float64], slow: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows where `fast` has just risen above `slow`, and where it has just fallen below."""
    rises = (fast[1:] > slow[1:]) & (fast[:-1] <= slow[:-1])  # NaN: neither
    falls = (fast[1:] < slow[1:]) & (fast[:-1] >= slow[:-1])
    return np.flatnonzero(rises) + 1, np.flatnonzero(falls) + 1


def crossings_by_row(
    fast: NDArray[np.float64], slow: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`crossings` in one pass, for a compiler: interpreted it would be slow."""
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
    """Those of ascending `rows` that are not before `start`."""
    return rows[rows.searchsorted(start) :]


class EventsOver:
    """Signals for many parameters over the same candles: what several of them share is found once."""

    def __init__(self, candles: Candles, compiled: Compiler = as_it_is) -> None:
        self._bars = len(candles.close)
        keep = lru_cache(maxsize=max(4, KEPT_BYTES // (8 * max(self._bars, 1))))
        # Of functions that do not know this object: a cycle would hold the series until the collector's next round.
        average, rsi = keep(partial(ema, candles.close)), keep(partial(talib.RSI, candles.close))
        crossed = crossings if compiled is as_it_is else compiled(crossings_by_row)
        pair = keep(lambda fast, slow: crossed(average(fast), average(slow)))

        def buys(fast: int, slow: int, start: int, period: int, overbought: float) -> NDArray[np.int64]:
            rows = from_row(pair(fast, slow)[0], start)
            return rows[rsi(period)[rows] < overbought]

        def sells(fast: int, slow: int, start: int, period: int, oversold: float) -> NDArray[np.int64]:
            rows = from_row(pair(fast, slow)[1], start)
            return rows[rsi(period)[rows] > oversold]

        self._buys, self._sells = keep(buys), keep(sells)

    def __call__(self, params: Params) -> Events:
        start = warmup_bars(params)
        if self._bars <= start:
            return Events(np.empty(0, np.int64), np.empty(0, np.int64))
        asked = params.ema_fast, params.ema_slow, start, params.rsi_period
        return Events(self._buys(*asked, params.rsi_overbought), self._sells(*asked, params.rsi_oversold))


def signals(candles: Candles, params: Params) -> NDArray[np.int8]:
    """+1 where the fast average has just risen above the slow one, -1 where it fell below, else 0 (rule 3)."""
    return EventsOver(candles)(params).dense(len(candles.close))
