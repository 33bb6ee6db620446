"""Our engine, and the bare loop that any engine must at least do, asked what the peers are asked."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from common import CAPITAL, GRID_OVERBOUGHT, OVERSOLD, RSI, grid_pairs, main, timed, timed_in_turns, trade_rows, warmup

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import numpy as np
import talib
from bench_engine import EVERY_RULE, SIGNALS_ONLY, bare, market_of, run_bare, run_loop
from data import Bars

from backtests.engine.run import EngineRun, MarketData, allocate_buffers, run_backtest
from backtests.engine.timerange import TimeRange
from backtests.optimisation.evaluate import Evaluator
from bots.settings.parse import make_settings

THREADS = 2
PLAIN = SIGNALS_ONLY | {"initial_capital": CAPITAL, "rsi_oversold": OVERSOLD, "rsi_period": RSI}
# Of a fixed size: a strategy that loses would come to the drawdown limit, and bars without trades cost little.
FULL = EVERY_RULE | {"initial_capital": CAPITAL, "position_size_mode": "fixed", "position_size_fixed": 10_000}
NAMES = ("ema_fast", "ema_slow", "rsi_overbought")
PLAIN_ROW, FULL_ROW = "ours, signals, fees, slippage", "ours, every rule"


def plain(market: MarketData, run: EngineRun) -> list[list[float]]:
    closed = run.result.closed_trades
    row = {int(time): number for number, time in enumerate(market.candles.open_time)}
    return trade_rows(
        [row[trade.entry_time] for trade in closed],
        [trade.entry_price for trade in closed],
        [row[trade.exit_time] for trade in closed],
        [trade.exit_price for trade in closed],
        [trade.net_pnl / (trade.entry_price * trade.quantity) for trade in closed],
    )


def one(bars: Bars, repeats: int) -> dict[str, Any]:
    market = market_of(len(bars.close))
    equity, buffers = np.empty(market.bars), allocate_buffers(market.bars, -(-market.bars // 1440))
    signals_only, every_rule = make_settings(PLAIN), make_settings(FULL)
    trades = plain(market, run_backtest(market, signals_only))
    rows: dict[str, Any] = timed_in_turns(
        {
            "bare loop": lambda: run_bare(market, equity),
            PLAIN_ROW: lambda: run_loop(market, signals_only, buffers),
            FULL_ROW: lambda: run_loop(market, every_rule, buffers),
        },
        repeats,
    )
    rows[PLAIN_ROW]["trades"] = trades
    return rows | {"ours, every rule, full report": timed(lambda: run_backtest(market, every_rule), repeats)}


def evaluated(fixed: dict[str, Any]) -> Callable[[Bars, int], dict[str, Any]]:
    """Run the grid by an optimisation's own evaluator: fifteen figures and the daily returns of every combination."""
    name = FULL_ROW if fixed is FULL else PLAIN_ROW

    def grid(bars: Bars, repeats: int) -> dict[str, Any]:
        market = market_of(len(bars.close))
        rows = [(*pair, level) for pair, level in itertools.product(grid_pairs(), GRID_OVERBOUGHT)]
        combinations = [dict(zip(NAMES, map(float, row), strict=True)) for row in rows]

        def run() -> Any:
            return Evaluator(market, fixed, TimeRange(), NAMES, threads=THREADS)(combinations)

        took = timed(run, repeats)
        return {name: took | ({} if fixed is FULL else {"closed": run().metric("closed_trades").tolist()})}

    return grid


def bare_grid(bars: Bars, repeats: int) -> dict[str, Any]:
    pairs = grid_pairs()

    def run() -> None:
        average = {period: talib.EMA(bars.close, period) for period in set(itertools.chain(*pairs))}
        rsi = talib.RSI(bars.close, RSI)

        def some(first: int) -> None:
            equity = np.empty(len(bars.close))
            for fast, slow in pairs[first::THREADS]:
                for level in GRID_OVERBOUGHT:
                    bare(bars.open, bars.close, average[fast], average[slow], rsi, level, warmup(slow), equity)

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(some, range(THREADS)))

    return {"bare loop, shared averages": timed(run, repeats)}


if __name__ == "__main__":
    cases = {"grid": evaluated(PLAIN), "full-grid": evaluated(FULL), "bare-grid": bare_grid}
    main(one, cases.get(sys.argv[1]))
