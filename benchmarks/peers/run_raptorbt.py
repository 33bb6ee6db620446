"""raptorbt: its Rust engine, one run and its parallel batch. Runs in its own environment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import raptorbt
from common import CAPITAL, FEE, SLIPPAGE, grid_pairs, grid_signals, main, signals, timed
from data import Bars

BATCH_PAIRS = 40  # so many pairs' signals are held in memory at once


def config() -> Any:
    return raptorbt.BacktestConfig(
        initial_capital=CAPITAL, fees=FEE, slippage=SLIPPAGE, apply_slippage=True, fill_timing="next_bar_open"
    )


def prices(bars: Bars) -> tuple[Any, ...]:
    return bars.open_time * 1_000_000, bars.open, bars.high, bars.low, bars.close, np.ones(len(bars.close))


def one(bars: Bars, repeats: int) -> dict[str, Any]:
    series, settings = prices(bars), config()

    def run() -> Any:
        return raptorbt.run_single_backtest(*series, *signals(bars.close), config=settings)

    trades = [
        [
            float(trade.entry_idx),
            trade.entry_price,
            float(trade.exit_idx),
            trade.exit_price,
            trade.pnl / (trade.entry_price * trade.size),
        ]
        for trade in run().trades()
        if trade.exit_reason == "Signal"
    ]
    return {"raptorbt run_single_backtest": timed(run, repeats) | {"trades": trades}}


def grid(bars: Bars, repeats: int) -> dict[str, Any]:
    series, settings, pairs = prices(bars), config(), grid_pairs()

    def run(told: Callable[[Any], Any]) -> list[Any]:
        """Collect what `told` reads from each result; their trades are not asked for in the timed runs."""
        answers = []
        for first in range(0, len(pairs), BATCH_PAIRS):
            found = grid_signals(bars.close, pairs[first : first + BATCH_PAIRS])
            items = [raptorbt.BatchSingleItem(str(row), *decided) for row, decided in enumerate(found)]
            answers += [told(result) for _, result in raptorbt.batch_single_backtest(*series, items, settings)]
        return answers

    took = timed(lambda: run(lambda result: result.metrics.total_return_pct), repeats)
    closed = run(lambda result: sum(trade.exit_reason == "Signal" for trade in result.trades()))
    return {"raptorbt batch_single_backtest": took | {"closed": closed}}


if __name__ == "__main__":
    main(one, grid)
