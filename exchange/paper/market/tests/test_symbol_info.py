"""Test how a paper market describes its symbols."""

from __future__ import annotations

from decimal import Decimal as D

import numpy as np
import pytest

from exchange.klines.series import FullKlines
from exchange.paper.market.symbol_info import (
    entry_for_candles,
    entry_of,
    finest_tick,
    known_traits,
    power_of_ten,
    split_symbol,
    traits_of,
)
from exchange.symbols.filters import parse_rules


def candles(price: float) -> FullKlines:
    prices, zeros = np.array([price]), np.zeros(1)
    none = np.zeros(1, dtype=np.int64)
    return FullKlines("1h", none, prices, prices, prices, prices, zeros, zeros, none, zeros, zeros)


@pytest.mark.parametrize(
    ("symbol", "parts"),
    [("FOOUSDT", ("FOO", "USDT")), ("ETHBTC", ("ETH", "BTC")), ("NOSUCH", (None, None)), ("USDT", (None, None))],
)
def test_symbol_is_split_at_its_quote(symbol: str, parts: tuple[str | None, str | None]) -> None:
    assert split_symbol(symbol) == parts


def test_bitcoin_is_known() -> None:
    assert "BTCUSDT" in known_traits()


def test_unknown_pair_of_a_known_quote_has_traits() -> None:
    assert traits_of("FOOUSDT") == traits_of("FOOUSDT") is not None


def test_what_is_no_pair_has_no_traits() -> None:
    assert traits_of("NOSUCH") is None


def test_every_known_entry_can_be_read() -> None:
    for symbol, traits in known_traits().items():
        assert parse_rules(entry_of(traits)).symbol == symbol


@pytest.mark.parametrize(("price", "tick"), [(100.0, "0.01"), (1.2345, "0.0001"), (0.00000012, "0.00000001")])
def test_tick_is_as_fine_as_the_prices(price: float, tick: str) -> None:
    assert finest_tick(candles(price)) == D(tick)


def test_entry_for_candles_has_a_tick_as_fine_as_them() -> None:
    assert parse_rules(entry_for_candles("FOOUSDT", candles(1.2345))).tick_size == D("0.0001")


@pytest.mark.parametrize(("value", "power"), [(0.5, "0.1"), (0.1, "0.1"), (7, "1"), (1e-12, "1E-8")])
def test_power_of_ten_lies_at_or_below(value: float, power: str) -> None:
    assert power_of_ten(value) == D(power)
