"""Read candles and symbol rules from files. No database is needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from backtests.errors import BacktestError
from exchange.api.types import INTERVAL_MS, Klines
from exchange.klines.files import read_file, symbol_and_interval_from_name
from exchange.klines.series import aggregate, with_all_columns
from exchange.symbols.filters import InvalidSymbolInfo, find_symbol


def check_interval(interval: str) -> str:
    """Return the interval, or raise `BacktestError`."""
    if interval not in INTERVAL_MS:
        raise BacktestError(f"there is no interval {interval!r}; use one of {' '.join(INTERVAL_MS)}")
    return interval


def read_klines(path: Path, symbol: str, interval: str) -> Klines:
    """Read a file's candles, aggregated to the interval if its name says that they are shorter.

    Raise `KlinesInvalid`, naming file and line.
    """
    stored = symbol_and_interval_from_name(path)[1] or check_interval(interval)
    klines = read_file(path, symbol, stored)
    return klines if stored == interval else aggregate(with_all_columns(klines), check_interval(interval))


def read_symbol_info(path: Path, symbol: str) -> dict[str, Any]:
    """Return a symbol's entry in an exchangeInfo file. Raise `InvalidSymbolInfo` if it cannot be read."""
    try:
        info: Any = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InvalidSymbolInfo(f"{path}: cannot be read as exchangeInfo: {error}") from None
    return dict(find_symbol(info, symbol))
