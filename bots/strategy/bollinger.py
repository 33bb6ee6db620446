"""Bollinger reversion: buy a fall out of the lower band, sell the return to the middle.

Bands as J. Bollinger defines them: the simple mean of `period` closes, and `deviations` population standard
deviations around it (TA-Lib's BBANDS).

- BUY: `close[i-1] >= lower[i-1]` and `close[i] < lower[i]`
- SELL: `close[i] >= middle[i]`: every such bar, so that a bot that was down at the first one still gets out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bots.strategy.ta_lib import talib
from bots.strategy.types import Candles, ParameterField

NAME = "bollinger"
LABEL = "Bollinger reversion"
DESCRIPTION = "Buys when a close falls below the lower Bollinger band; sells once a close is back at the middle band."


class Params(NamedTuple):
    period: int
    deviations: float


FIELDS = (
    ParameterField("period", "Period", 20, 2, 2000, 1, "Bars of the mean and of the standard deviation."),
    ParameterField("deviations", "Deviations", 2, 0.1, 10, 0.1, "Width of a band in standard deviations.", False),
)


def check(params: Params) -> list[tuple[str, str]]:
    """Return no problems: every pair of values makes sense."""
    return []


def warmup_bars(params: Params) -> int:
    """Return the index of the first bar that may signal: one full band comes before it."""
    return params.period


def indicators(candles: Candles, params: Params) -> dict[str, NDArray[np.float64]]:
    """Return the three bands, NaN where undefined."""
    upper, middle, lower = talib.BBANDS(
        candles.close, timeperiod=params.period, nbdevup=params.deviations, nbdevdn=params.deviations
    )
    return {"upper": upper, "middle": middle, "lower": lower}


def signals(candles: Candles, params: Params) -> NDArray[np.int8]:
    """Return +1 where a close has just fallen below the lower band, -1 at or over the middle, else 0."""
    signal = np.zeros(len(candles.close), dtype=np.int8)
    start = warmup_bars(params)
    if len(signal) <= start:
        return signal
    values, close = indicators(candles, params), candles.close
    lower = values["lower"]
    fell_out = (close[start - 1 : -1] >= lower[start - 1 : -1]) & (close[start:] < lower[start:])
    signal[start:][fell_out] = 1
    signal[start:][close[start:] >= values["middle"][start:]] = -1
    return signal
