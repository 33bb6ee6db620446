"""How fast the engine is, against a bare compiled loop: seeded 1-minute bars, indicators included.

    python benchmarks/bench_engine.py [bars [repeats]]

The bare loop crosses two averages and books market fills with fee and slippage in floats: nothing else of the rules.
It is what any engine must at least do. Medians of runs that take turns, in milliseconds.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent / "peers"))

import numpy as np
import talib
from common import timed, timed_in_turns
from data import seeded_bars
from numba import njit

from backtests.engine.loop import run_bars_compiled
from backtests.engine.run import (
    MarketData,
    allocate_buffers,
    bar_arrays,
    engine_settings,
    prepare,
    row_range,
    run_backtest,
    run_calendar,
    strategy_events,
)
from backtests.engine.timerange import TimeRange
from bots.settings.parse import make_settings
from bots.settings.run_settings import RunSettings
from exchange.api.types import Klines, SymbolRules

REPEATS = 51
SIGNALS_ONLY = {"fee_rate": "0.001", "slippage_bps": 2, "position_size_mode": "percent", "position_size_perc": 1}
EVERY_RULE = SIGNALS_ONLY | {
    "stop_loss": "0.01", "take_profit": "0.02", "trailing_stop": "0.015", "max_daily_trades": 20,
    "max_daily_loss": "0.5", "daily_profit_target": "0.5", "max_drawdown": "0.999", "cooldown_bars": 2,
    "maker_fee_rate": "0.0008", "trading_hours": "Mon-Sun 00:00-23:59",
}  # fmt: skip


def market_of(count: int) -> MarketData:
    """Return the seeded bars as a symbol with a tick, a step and a least notional."""
    bars = seeded_bars(count)
    rules = SymbolRules(
        "BTCUSDT", "BTC", "USDT", tick_size=Decimal("0.01"), step_size=Decimal("0.00001"), min_notional=Decimal(5)
    )
    return prepare(Klines("1m", *bars, np.ones(count)), "BTCUSDT", rules)


@njit(nogil=True)
def bare(open_: Any, close: Any, fast: Any, slow: Any, rsi: Any, overbought: float, start: int, equity: Any) -> int:
    """Crosses, market fills, fee, slippage, equity."""
    fee, slip = 0.001, 0.0002
    quote, base, trades, wanted = 1000.0, 0.0, 0, 0
    for bar in range(len(close)):
        if wanted == 1:
            base = quote / (open_[bar] * (1 + slip)) * (1 - fee)
            quote = 0.0
            trades += 1
        elif wanted == -1:
            quote = base * open_[bar] * (1 - slip) * (1 - fee)
            base = 0.0
        wanted = 0
        if bar >= start:
            if base == 0.0 and fast[bar - 1] <= slow[bar - 1] and fast[bar] > slow[bar] and rsi[bar] < overbought:
                wanted = 1
            elif base > 0.0 and fast[bar - 1] >= slow[bar - 1] and fast[bar] < slow[bar] and rsi[bar] > 30:
                wanted = -1
        equity[bar] = quote + base * close[bar]
    return trades


def run_bare(market: MarketData, equity: Any) -> int:
    close = market.candles.close
    fast, slow, rsi = talib.EMA(close, 12), talib.EMA(close, 26), talib.RSI(close, 14)
    return int(bare(market.candles.open, close, fast, slow, rsi, 70.0, 280, equity))


def run_loop(market: MarketData, parameters: RunSettings, buffers: Any) -> int:
    """Run the engine as an optimisation does: signals, every rule, equity; no report."""
    first, end = row_range(market, parameters, TimeRange())
    bars = bar_arrays(
        market.candles,
        strategy_events(market, parameters),
        run_calendar(market.candles.open_time, first, end),
        parameters.trading_hours,
    )
    return int(run_bars_compiled(bars, first, end, engine_settings(market, parameters), buffers)[0])


def report(line: str) -> None:
    sys.stdout.write(line + "\n")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    market = market_of(count)
    equity, buffers = np.empty(count), allocate_buffers(count, -(-count // 1440))
    plain, full = make_settings(SIGNALS_ONLY), make_settings(EVERY_RULE)
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else REPEATS
    report(f"{count} bars; {run_bare(market, equity)} trades bare, {run_loop(market, plain, buffers)} signals only, "
          f"{run_loop(market, full, buffers)} with every rule")  # fmt: skip
    rows = timed_in_turns(
        {
            "bare loop": lambda: run_bare(market, equity),
            "engine, signals only": lambda: run_loop(market, plain, buffers),
            "engine, every rule": lambda: run_loop(market, full, buffers),
        },
        repeats,
    ) | {"engine, every rule, with report": timed(lambda: run_backtest(market, full), repeats)}
    for name, row in rows.items():
        report(f"{name:32} {row['median']:8.2f} ms   {row['cpu'] / rows['bare loop']['cpu']:5.2f} x bare (processor)")


if __name__ == "__main__":
    main()
