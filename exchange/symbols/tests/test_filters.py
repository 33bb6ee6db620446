"""Symbol filters: what exchangeInfo says, and what an order must obey."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.formats import plain
from exchange.api.types import OrderRequest, OrderType, Side, SymbolRules
from exchange.symbols import filters
from exchange.symbols.describe import describe
from exchange.symbols.filters import (
    InvalidSymbolInfo,
    OpenOrderUsage,
    find_symbol,
    lot,
    parse_rules,
    violations,
)

D = Decimal


def info(*filter_entries: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT", "filters": list(filter_entries), **fields}


def rules(**fields: Any) -> SymbolRules:
    return SymbolRules(symbol="BTCUSDT", base="BTC", quote="USDT", **fields)


def order(type: OrderType = OrderType.LIMIT, side: Side = Side.BUY, quantity: str = "1", **fields: Any) -> OrderRequest:
    return OrderRequest("BTCUSDT", side, type, D(quantity), "t-1", **fields)


def broken(found: tuple[filters.Violation, ...]) -> list[str]:
    return [violation.filter for violation in found]


@pytest.fixture
def btc(shared_data: Path) -> SymbolRules:
    return parse_rules(find_symbol(json.loads((shared_data / "exchange_info.json").read_text()), "BTCUSDT"))


@pytest.fixture
def btc_2021(shared_data: Path) -> SymbolRules:
    return parse_rules(find_symbol(json.loads((shared_data / "exchange_info_2021-04-29.json").read_text()), "BTCUSDT"))


def test_todays_form_of_exchange_info_is_read(btc: SymbolRules) -> None:
    assert (btc.tick_size, btc.step_size, btc.min_quantity) == (D("0.01"), D("0.00001"), D("0.00001"))
    assert (btc.min_notional, btc.max_notional, btc.max_notional_applies_to_market) == (D(5), D(9_000_000), False)
    assert (btc.bid_multiplier_up, btc.ask_multiplier_down) == (D("1.2"), D("0.8"))
    assert (btc.max_orders, btc.max_algo_orders, btc.max_order_lists, btc.max_position) == (200, 5, 20, None)
    assert "STOP_LOSS" in btc.order_types


def test_zeros_of_the_market_lot_size_are_no_rule(btc: SymbolRules) -> None:
    assert (btc.market_step_size, btc.market_min_quantity) == (None, None)
    assert btc.market_max_quantity == D("119.27356195")


def test_the_form_of_2021_is_read(btc_2021: SymbolRules) -> None:
    assert (btc_2021.min_notional, btc_2021.min_notional_filter) == (D(10), "MIN_NOTIONAL")
    assert (btc_2021.bid_multiplier_up, btc_2021.ask_multiplier_down) == (D(5), D("0.2"))
    assert btc_2021.percent_price_filter == "PERCENT_PRICE"
    assert btc_2021.max_order_lists is None
    assert "STOP_LOSS" not in btc_2021.order_types


def test_every_symbol_of_both_files_is_read_and_explained(shared_data: Path) -> None:
    for name in ("exchange_info.json", "exchange_info_2021-04-29.json"):
        for entry in json.loads((shared_data / name).read_text())["symbols"]:
            lines = describe(parse_rules(entry))
            assert len(lines) >= 6
            assert not any("E-" in line or "None" in line for line in lines)


@pytest.mark.parametrize(
    ("new", "old", "name", "minimum"), [("5", "10", "MIN_NOTIONAL", 10), ("10", "5", "NOTIONAL", 10)]
)
def test_the_stricter_of_both_notional_filters_counts(new: str, old: str, name: str, minimum: int) -> None:
    read = parse_rules(
        info(
            {"filterType": "NOTIONAL", "minNotional": new, "applyMinToMarket": True},
            {"filterType": "MIN_NOTIONAL", "minNotional": old, "applyToMarket": True},
        )
    )
    assert (read.min_notional, read.min_notional_filter) == (D(minimum), name)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"symbol": "BTCUSDT", "quoteAsset": "USDT", "filters": []}, "baseAsset"),
        ({"symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT"}, "filters"),
        (info({"filterType": "LOT_SIZE", "stepSize": "small"}), "LOT_SIZE.stepSize is 'small'"),
        (info({"filterType": "LOT_SIZE", "minQty": "NaN"}), "LOT_SIZE.minQty"),
        (info({"filterType": "PRICE_FILTER", "tickSize": "-1"}), "PRICE_FILTER.tickSize"),
    ],
)
def test_an_unreadable_entry_is_refused_by_name(entry: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidSymbolInfo, match=says):
        parse_rules(entry)


def test_a_symbol_that_is_not_listed_is_named() -> None:
    with pytest.raises(InvalidSymbolInfo, match="DOGEUSDT is not among the 1 symbols"):
        find_symbol({"symbols": [info()]}, "DOGEUSDT")


def test_market_order_obeys_the_larger_step() -> None:
    both = rules(step_size=D("0.1"), market_step_size=D("0.5"))
    assert (lot(both, is_market=False).step, lot(both, is_market=True).step) == (D("0.1"), D("0.5"))


def test_market_order_obeys_the_smaller_maximum() -> None:
    both = rules(max_quantity=D(9), market_max_quantity=D("3.3"))
    assert (lot(both, is_market=False).maximum, lot(both, is_market=True).maximum) == (D(9), D("3.3"))


def test_decimals_are_written_without_exponents() -> None:
    assert [plain(D(text)) for text in ("1E-7", "5.00", "1E+3", "0", "0E-8", "-0.0")] == [
        "0.0000001", "5", "1000", "0", "0", "0",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="NaN"):
        plain(D("NaN"))


def test_an_order_that_obeys_everything_breaks_nothing(btc: SymbolRules) -> None:
    limit = order(quantity="0.001", limit_price=D("42000.01"))
    assert violations(btc, limit, average_price=D(42000), usage=OpenOrderUsage()) == ()
    market = order(OrderType.MARKET, quantity="0.001")
    assert violations(btc, market, average_price=D(42000), usage=OpenOrderUsage()) == ()


@pytest.mark.parametrize(
    ("request_", "average", "names"),
    [
        (order(quantity="0.000001", limit_price=D(42000)), "42000", ["LOT_SIZE", "NOTIONAL"]),
        (order(quantity="0.0010001", limit_price=D(42000)), "42000", ["LOT_SIZE"]),
        (order(quantity="9001", limit_price=D(900)), "900", ["LOT_SIZE"]),
        (order(quantity="0.001", limit_price=D("42000.001")), "42000", ["PRICE_FILTER"]),
        (order(quantity="1", limit_price=D("1000000.01")), "1000000", ["PRICE_FILTER"]),
        (order(quantity="0.001", limit_price=D("50400.01")), "42000", ["PERCENT_PRICE_BY_SIDE"]),
        (order(quantity="0.001", side=Side.SELL, limit_price=D("33599.99")), "42000", ["PERCENT_PRICE_BY_SIDE"]),
        (order(quantity="0.0001", limit_price=D("42000")), "42000", ["NOTIONAL"]),
        (order(OrderType.MARKET, quantity="0.0001"), "42000", ["NOTIONAL"]),
        (order(OrderType.MARKET, quantity="120"), "42000", ["MARKET_LOT_SIZE"]),
        (order(OrderType.STOP_LOSS, Side.SELL, "0.001", stop_price=D("41000.005")), "42000", ["PRICE_FILTER"]),
        (order(OrderType.STOP_LOSS, Side.SELL, "0.0001", stop_price=D(41000)), "42000", ["NOTIONAL"]),
    ],
)
def test_each_broken_filter_is_named(btc: SymbolRules, request_: OrderRequest, average: str, names: list[str]) -> None:
    assert broken(violations(btc, request_, average_price=D(average))) == names


def test_an_order_exactly_at_a_bound_passes(btc: SymbolRules) -> None:
    assert violations(btc, order(quantity="0.001", limit_price=D(50400)), average_price=D(42000)) == ()
    assert filters.notional(btc, D(50000), D("0.0001"), is_market=True) is None


def test_a_symbol_may_leave_market_orders_out_of_the_minimum() -> None:
    lenient = rules(min_notional=D(10), min_notional_applies_to_market=False)
    assert filters.notional(lenient, D(1), D(1), is_market=True) is None
    assert filters.notional(lenient, D(1), D(1), is_market=False) is not None


def test_counts_of_open_orders_include_the_new_one(btc: SymbolRules) -> None:
    stop = order(OrderType.STOP_LOSS, Side.SELL, "0.001", stop_price=D(41000))
    assert broken(violations(btc, stop, usage=OpenOrderUsage(open_orders=4, open_algo_orders=4))) == []
    assert broken(violations(btc, stop, usage=OpenOrderUsage(open_orders=5, open_algo_orders=5))) == [
        "MAX_NUM_ALGO_ORDERS"
    ]
    assert broken(violations(btc, stop, usage=OpenOrderUsage(open_orders=200))) == ["MAX_NUM_ORDERS"]


def test_room_for_an_oco_counts_two_orders_one_stop_and_one_list(btc: SymbolRules) -> None:
    assert filters.room_for_protection(btc, OpenOrderUsage(198, 4, 19), with_target=True) is None
    for usage, name in ((OpenOrderUsage(199), "MAX_NUM_ORDERS"), (OpenOrderUsage(0, 5), "MAX_NUM_ALGO_ORDERS"),
                        (OpenOrderUsage(0, 0, 20), "MAX_NUM_ORDER_LISTS")):  # fmt: skip
        refused = filters.room_for_protection(btc, usage, with_target=True)
        assert refused
        assert refused.filter == name
    assert filters.room_for_protection(btc, OpenOrderUsage(199, 4, 20), with_target=False) is None


def test_max_position_counts_what_is_held_and_what_open_buys_may_bring() -> None:
    capped = replace(rules(), max_position=D(10))
    usage = OpenOrderUsage(base_held=D(6), open_buy_quantity=D(3))
    assert filters.max_position(capped, Side.BUY, usage, D(1)) is None
    assert filters.max_position(capped, Side.BUY, usage, D("1.1")) is not None
    assert filters.max_position(capped, Side.SELL, usage, D("1.1")) is None


def test_a_refusal_says_what_is_wrong_in_words(btc: SymbolRules) -> None:
    refused = filters.lot_size(btc, D("0.0010001"))
    assert refused
    assert refused.words == "0.0010001 BTC is not a whole number of steps of 0.00001 BTC"
    refused = filters.notional(btc, D(42000), D("0.0001"), is_market=True)
    assert refused
    assert refused.words == "0.0001 BTC at 42000 is worth 4.2 USDT, less than the least, 5 USDT"
