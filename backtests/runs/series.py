"""What is kept of an engine run beside its JSON, for its page: lines thinned for the screen, days and falls whole.

Figures never come from thinned lines. How it is read back, also from results of before this was kept, is in
reports/history.py.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtests.engine import metrics
from backtests.engine.drawdowns import Drawdown, deepest, falls, longest
from backtests.engine.run import Backtest, Market
from backtests.statistics.stop_slippage import Protection, slippage_of
from bots.settings.engine import rule_settings
from bots.settings.lot_rules import lot_rules
from bots.settings.parse import make_settings
from exchange.api.types import INTERVAL_MS

SCREEN_POINTS = 2000
HOLD_MEASURES = ("total_return", "cagr", "sharpe", "sortino", "max_drawdown", "calmar")
Floats = NDArray[np.float64]


def screen_rows(values: Floats, points: int = SCREEN_POINTS) -> NDArray[np.int64]:
    """Rows for the screen: of each stretch its first, lowest, highest and last bar; every peak survives."""
    count = len(values)
    if count <= points:
        return np.arange(count)
    edges = np.linspace(0, count, points // 4 + 1).astype(np.int64)
    keep = {0, count - 1}
    for start, stop in itertools.pairwise(edges):
        part = values[start:stop]
        keep |= {int(start), int(start + part.argmin()), int(start + part.argmax()), int(stop - 1)}
    return np.array(sorted(keep))


def series_of(market: Market, done: Backtest) -> dict[str, NDArray[Any]]:
    """The arrays that a finished run keeps."""
    candles = market.candles
    times, close = candles.open_time[done.first : done.end], candles.close[done.first : done.end]
    settings = make_settings(done.result.parameters)
    capital = float(settings.initial_capital)
    rows, days = screen_rows(done.equity), metrics.last_of_each_day(times)
    found = falls(done.equity, capital)
    protection = Protection(candles, rule_settings(settings).exits, lot_rules(market.rules).tick_size)
    return {
        "times": times[rows],
        "equity": done.equity[rows],
        "close": close[rows],
        "daily": metrics.daily_returns(times, done.equity),
        "day": times[days] // metrics.DAY_MS,
        "day_equity": done.equity[days],
        "day_close": close[days],
        "first_close": close[:1],
        "hold": _hold(market, times, close),
        "falls": _rows(deepest(found), times),
        "longest_fall": _rows([fall] if (fall := longest(found, times)) else [], times),
        "slippage": slippage_of(done.result.closed_trades, protection, float(settings.fee_rate)),
    }


def _rows(found: list[Drawdown], times: NDArray[np.int64]) -> Floats:
    """Falls as rows of peak, low and end in ms (end -1: not recovered) and depth."""
    rows = [
        (times[max(fall.peak, 0)], times[fall.low], -1 if fall.end is None else times[fall.end], fall.depth)
        for fall in found
    ]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 4)


def _hold(market: Market, times: NDArray[np.int64], close: Floats) -> Floats:
    """HOLD_MEASURES of having held from the first close to the last without a fee; NaN where undefined."""
    growth = close / close[0]
    days = (int(times[-1]) + INTERVAL_MS[market.interval] - 1 - int(times[0])) / metrics.DAY_MS
    daily = metrics.daily_returns(times, growth)
    yearly, fall = metrics.cagr(1.0, float(growth[-1]), days), metrics.max_drawdown(growth, 1.0)
    values = (
        float(growth[-1]) - 1,
        yearly,
        metrics.sharpe(daily),
        metrics.sortino(daily),
        fall,
        yearly / fall if yearly is not None and fall > 0 else None,
    )
    return np.array([np.nan if value is None else value for value in values])
