"""Candles: read from files, checked, stored, joined into longer bars. The one place others import them from.

    klines = read_file("BTCUSDT-1h-2024.csv.gz")                  # KlinesInvalid names the file and line
    klines = store.load("BTCUSDT", "1h", start_ms, end_ms)        # from the Parquet store under KLINES_URL
    store.merge("BTCUSDT", klines)
    gaps(klines), aggregate(klines, "4h"), data_hash("BTCUSDT", klines)

Formats of files are in kline_files.py, the store in kline_store.py, the values in kline_series.py. Reading a file needs
neither database nor network.
"""

from __future__ import annotations

from exchange import kline_store as store
from exchange.kline_files import FileReport, read_file, read_report, symbol_and_interval_from_name
from exchange.kline_series import (
    COLUMNS,
    FullKlines,
    Gap,
    KlinesInvalid,
    aggregate,
    data_hash,
    gaps,
    with_all_columns,
)
from exchange.types import Klines

__all__ = [
    "COLUMNS",
    "FileReport",
    "FullKlines",
    "Gap",
    "Klines",
    "KlinesInvalid",
    "aggregate",
    "data_hash",
    "gaps",
    "read_file",
    "read_report",
    "store",
    "symbol_and_interval_from_name",
    "with_all_columns",
]
