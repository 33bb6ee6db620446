"""The settings under which the live runner and the engine are held against each other.

`PAIRWISE` has every strategy, size mode, exit and symbol at least once; `matrix()` has all of them together.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

from backtests.engine.result import RunResult
from backtests.engine.run import prepare, run_backtest
from backtests.engine.timerange import parse_time_range
from backtests.replay import ReplayRun, replay
from bots.settings.parse import make_settings
from exchange.klines.files import read_file
from exchange.klines.series import with_all_columns
from exchange.symbols.filters import find_symbol, parse_rules

Settings = dict[str, object]


class Case(NamedTuple):
    """One run to make twice."""

    symbol: str
    start: str
    end: str
    settings: Settings

    def __str__(self) -> str:
        words = " ".join(f"{key}={value}" for key, value in self.settings.items())
        return f"{self.symbol} {self.start} {self.end} {words}"


STRATEGIES: dict[str, Settings] = {
    "ema_rsi": {"strategy": "ema_rsi", "ema_fast": 5, "ema_slow": 13, "rsi_period": 7},
    "donchian": {"strategy": "donchian", "entry_period": 20, "exit_period": 10},
    "bollinger": {"strategy": "bollinger", "period": 20, "deviations": "1.8"},
}
SIZES: dict[str, Settings] = {
    "fixed": {"position_size_mode": "fixed", "position_size_fixed": 150},
    "percent": {"position_size_mode": "percent", "position_size_perc": "0.8"},
    "risk": {"position_size_mode": "risk", "risk_per_trade": "0.01"},
}
EXITS: dict[str, Settings] = {
    "stop": {"stop_loss": "0.015"},
    "stop and target": {"stop_loss": "0.02", "take_profit": "0.025"},
    "stop, target and trail": {"stop_loss": "0.03", "take_profit": "0.04", "trailing_stop": "0.02"},
    "stop and trail": {"stop_loss": "0.04", "trailing_stop": "0.015"},
}
COSTS: Settings = {"fee_rate": "0.001", "slippage_bps": 3}
LIMITS: Settings = {
    "cooldown_bars": 2, "max_daily_trades": 2, "max_daily_loss": "0.02", "daily_profit_target": "0.02",
    "max_drawdown": "0.3", "trading_hours": "Mon-Fri 04:00-22:00",
}  # fmt: skip
SYMBOLS = {"BTCUSDT": ("2024-02-01", "2024-04-01"), "ETHUSDT": ("2023-03-01", "2023-05-01")}  # 2023-03-24 has a gap


def _case(symbol: str, *parts: Settings) -> Case:
    settings: Settings = {}
    for part in parts:
        settings |= part
    return Case(symbol, *SYMBOLS[symbol], settings | COSTS)


PAIRWISE = (
    _case("BTCUSDT", STRATEGIES["ema_rsi"], SIZES["percent"], EXITS["stop, target and trail"]),
    _case("ETHUSDT", STRATEGIES["ema_rsi"], SIZES["risk"], EXITS["stop and target"], LIMITS),
    _case("BTCUSDT", STRATEGIES["donchian"], SIZES["fixed"], EXITS["stop and trail"], {"compounding": "false"}),
    _case("ETHUSDT", STRATEGIES["donchian"], SIZES["percent"], EXITS["stop"], {"initial_capital": 20}),
    _case("BTCUSDT", STRATEGIES["bollinger"], SIZES["risk"], EXITS["stop"], LIMITS),
    _case("ETHUSDT", STRATEGIES["bollinger"], SIZES["fixed"], {"take_profit": "0.01"}, {"maker_fee_rate": "0.0005"}),
)


def matrix() -> Iterator[Case]:
    """Every symbol with every strategy, size mode and way out."""
    for symbol, strategy, size, exits in product(SYMBOLS, STRATEGIES.values(), SIZES.values(), EXITS.values()):
        yield _case(symbol, strategy, size, exits)


def run_both(case: Case, data: Path) -> tuple[RunResult, RunResult]:
    """Run the case by the live bot on the paper exchange, and by the engine."""
    info = dict(find_symbol(json.loads((data / "exchange_info.json").read_text()), case.symbol))
    klines = read_file(data / "starter" / f"{case.symbol}-1h-20230101-20241231.csv.gz")
    parameters, time_range = make_settings(case.settings), parse_time_range(case.start, case.end)
    replayed = replay(ReplayRun(case.symbol, with_all_columns(klines), info, parameters, time_range))
    return replayed, run_backtest(prepare(klines, case.symbol, parse_rules(info)), parameters, time_range).result
