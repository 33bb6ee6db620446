"""Fixtures of most tests of results: real hourly candles and filters of BTCUSDT on record, and a bot that trades it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.utils import timezone

from bots.control import lifecycle
from bots.models import BotConfig
from exchange.api.types import Klines
from exchange.klines import store
from exchange.klines.files import read_file
from exchange.models import ApiKey, Symbol


@pytest.fixture(scope="session")
def two_years(shared_data: Path) -> Klines:
    return read_file(shared_data / "starter" / "BTCUSDT-1h-20230101-20241231.csv.gz", "BTCUSDT", "1h")


@pytest.fixture(scope="module")
def klines(two_years: Klines) -> Klines:
    """Return as many candles as most tests need; a module that needs others overrides this."""
    return two_years[:4000]


@pytest.fixture
def market(db: None, klines: Klines, shared_data: Path) -> None:
    """Store the candles and the symbol's filters."""
    store.merge("BTCUSDT", klines)
    info = json.loads((shared_data / "exchange_info.json").read_text())
    entry = next(symbol for symbol in info["symbols"] if symbol["symbol"] == "BTCUSDT")
    Symbol.objects.create(venue="paper", name="BTCUSDT", base="BTC", quote="USDT", info=entry, read_at=timezone.now())


@pytest.fixture
def bot(market: None) -> BotConfig:
    key = ApiKey.objects.create(name="paper", venue="paper", key="k", secret="s")
    bot = BotConfig(name="Alpha", api_key=key, symbol="BTCUSDT", timeframe="1h")
    lifecycle.save(bot)
    return bot
