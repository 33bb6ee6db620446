"""The series stored beside a run's JSON: lines thinned for the chart, days and drawdowns whole.

Metrics never come from thinned lines. How the series are read back, also of older results, is in
history.py.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtests.engine import metrics
from backtests.engine.drawdowns import Drawdown, drawdown_periods, longest, worst
from backtests.engine.run import EngineRun, MarketData
from backtests.statistics.stop_slippage import ExitLevels, slippage_costs
from bots.settings.engine import rule_settings
from bots.settings.lot_rules import lot_rules
from bots.settings.parse import make_settings
from core.times import DAY_MS
from exchange.api.types import INTERVAL_MS

CHART_POINTS = 2000
BUY_AND_HOLD_METRICS = ("total_return", "cagr", "sharpe", "sortino", "max_drawdown", "calmar")
Floats = NDArray[np.float64]


def chart_rows(values: Floats, points: int = CHART_POINTS) -> NDArray[np.int64]:
    """Return rows for the chart: of each part its first, lowest, highest and last bar; every peak survives."""
    count = len(values)
    if count <= points:
        return np.arange(count)
    edges = np.linspace(0, count, points // 4 + 1).astype(np.int64)
    rows = {0, count - 1}
    for start, stop in itertools.pairwise(edges):
        part = values[start:stop]
        rows |= {int(start), int(start + part.argmin()), int(start + part.argmax()), int(stop - 1)}
    return np.array(sorted(rows))


def run_series(market: MarketData, engine_run: EngineRun) -> dict[str, NDArray[Any]]:
    """Return the arrays that a finished run stores."""
    candles = market.candles
    times, close = (
        candles.open_time[engine_run.first : engine_run.end],
        candles.close[engine_run.first : engine_run.end],
    )
    settings = make_settings(engine_run.result.parameters)
    capital = float(settings.initial_capital)
    rows, days = chart_rows(engine_run.equity), metrics.last_of_each_day(times)
    periods = drawdown_periods(engine_run.equity, capital)
    exit_levels = ExitLevels(candles, rule_settings(settings).exits, lot_rules(market.rules).tick_size)
    return {
        "times": times[rows],
        "equity": engine_run.equity[rows],
        "close": close[rows],
        "daily": metrics.daily_returns(times, engine_run.equity),
        "day": times[days] // DAY_MS,
        "day_equity": engine_run.equity[days],
        "day_close": close[days],
        "first_close": close[:1],
        "hold": _buy_and_hold(market, times, close),
        "falls": _rows(worst(periods), times),
        "longest_fall": _rows([drawdown] if (drawdown := longest(periods, times)) else [], times),
        "slippage": slippage_costs(engine_run.result.closed_trades, exit_levels, float(settings.fee_rate)),
    }


def _rows(periods: list[Drawdown], times: NDArray[np.int64]) -> Floats:
    """Return drawdowns as rows of peak, low and end in ms (end -1: not recovered) and depth."""
    rows = [
        (
            times[max(drawdown.peak, 0)],
            times[drawdown.low],
            -1 if drawdown.end is None else times[drawdown.end],
            drawdown.depth,
        )
        for drawdown in periods
    ]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 4)


def _buy_and_hold(market: MarketData, times: NDArray[np.int64], close: Floats) -> Floats:
    """Return BUY_AND_HOLD_METRICS of holding from the first close to the last without a fee.

    NaN where one is not defined.
    """
    growth = close / close[0]
    days = (int(times[-1]) + INTERVAL_MS[market.interval] - 1 - int(times[0])) / DAY_MS
    daily = metrics.daily_returns(times, growth)
    yearly, drawdown = metrics.cagr(1.0, float(growth[-1]), days), metrics.max_drawdown(growth, 1.0)
    values = (
        float(growth[-1]) - 1,
        yearly,
        metrics.sharpe(daily),
        metrics.sortino(daily),
        drawdown,
        yearly / drawdown if yearly is not None and drawdown > 0 else None,
    )
    return np.array([np.nan if value is None else value for value in values])
