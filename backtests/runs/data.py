"""Read a backtest's candles and symbol rules: from files, or from what is stored.

Reading files needs no database.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backtests.engine.run import BacktestError
from exchange.api.types import INTERVAL_MS, Klines, SymbolRules
from exchange.symbols.filters import InvalidSymbolInfo, find_symbol, parse_rules

if TYPE_CHECKING:
    from bots.models import BotConfig


def check_interval(interval: str) -> str:
    """Return the interval, or raise `BacktestError`."""
    if interval not in INTERVAL_MS:
        raise BacktestError(f"there is no interval {interval!r}; use one of {' '.join(INTERVAL_MS)}")
    return interval


def klines_of_file(path: Path, symbol: str, interval: str) -> Klines:
    """Read a file's candles, aggregated to the interval if its name says that they are shorter.

    Raise `KlinesInvalid`, naming file and line.
    """
    from exchange.klines.files import read_file, symbol_and_interval_from_name
    from exchange.klines.series import aggregate, with_all_columns

    stored = symbol_and_interval_from_name(path)[1] or check_interval(interval)
    klines = read_file(path, symbol, stored)
    return klines if stored == interval else aggregate(with_all_columns(klines), interval)


def rules_of_file(path: Path, symbol: str) -> SymbolRules:
    """Read a symbol's rules from an exchangeInfo file. Raise `InvalidSymbolInfo` if that is impossible."""
    try:
        info: Any = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InvalidSymbolInfo(f"{path}: cannot be read as exchangeInfo: {error}") from None
    return parse_rules(find_symbol(info, symbol))


def klines_of_store(dataset: str) -> tuple[str, str, Klines]:
    """Return symbol, interval and candles of a dataset named SYMBOL:INTERVAL, or raise `DatasetMissing`."""
    from exchange.klines import store

    symbol, colon, interval = dataset.partition(":")
    if not colon or not symbol:
        raise BacktestError(f"--dataset {dataset!r} is not SYMBOL:INTERVAL, for example BTCUSDT:1h")
    return symbol, interval, store.load(symbol, check_interval(interval))


def rules_on_record(symbol: str, venue: str | None = None) -> SymbolRules:
    """Return the newest stored rules of a symbol, of one venue or any. Raise `BacktestError` if there are none."""
    from exchange.models import Symbol

    row = Symbol.objects.filter(name=symbol, **({"venue": venue} if venue else {})).order_by("-read_at").first()
    if row is None:
        raise BacktestError(f"no rules of {symbol} are on record: give --exchange-info FILE or run refresh_symbols")
    return parse_rules(row.info)


def settings_of_bot(bot: BotConfig) -> dict[str, object]:
    """A bot's configuration as the settings of a run; its costs are an account's matter and not here."""
    from bots.bot_settings import run_values

    return run_values(bot)
