"""Candles and rules from files."""

from __future__ import annotations

import json

import pytest

from backtests.errors import BacktestError
from backtests.runs.files import check_interval, read_klines, read_symbol_info
from exchange.symbols.filters import InvalidSymbolInfo


@pytest.fixture
def hourly(shared_data):
    return shared_data / "starter" / "BTCUSDT-1h-20230101-20241231.csv.gz"


def test_a_known_interval_is_returned():
    assert check_interval("4h") == "4h"


def test_an_unknown_interval_is_refused_with_the_known_ones():
    with pytest.raises(BacktestError, match=r"no interval '7h'.*1h"):
        check_interval("7h")


def test_a_file_is_read_at_its_own_interval(hourly):
    assert read_klines(hourly, "BTCUSDT", "1h").interval == "1h"


def test_a_file_of_shorter_candles_is_aggregated(hourly):
    daily = read_klines(hourly, "BTCUSDT", "1d")
    assert (daily.interval, int(daily.open_time[1] - daily.open_time[0])) == ("1d", 86_400_000)


def test_a_symbols_entry_is_found(shared_data):
    assert read_symbol_info(shared_data / "exchange_info.json", "BTCUSDT")["symbol"] == "BTCUSDT"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InvalidSymbolInfo, match=r"nowhere\.json: cannot be read"):
        read_symbol_info(tmp_path / "nowhere.json", "BTCUSDT")


def test_a_file_that_is_no_json_is_named(tmp_path):
    (tmp_path / "info.json").write_text("{")
    with pytest.raises(InvalidSymbolInfo, match=r"info\.json: cannot be read"):
        read_symbol_info(tmp_path / "info.json", "BTCUSDT")


def test_a_symbol_that_is_not_in_the_file_is_refused(tmp_path):
    (tmp_path / "info.json").write_text(json.dumps({"symbols": []}))
    with pytest.raises(InvalidSymbolInfo, match="NOPE"):
        read_symbol_info(tmp_path / "info.json", "NOPE")
