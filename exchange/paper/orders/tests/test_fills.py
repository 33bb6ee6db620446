"""Which bar fills a resting order, at what price, fee and time: small tables, checked by hand (rules 7, 8 and 10)."""

from __future__ import annotations

import pytest

from exchange.paper.tests.builders import MINUTE_MS, START_MS, caller

pytestmark = pytest.mark.django_db

FLAT = "100 100 100 100\n" * 3


def test_a_market_buy_pays_the_ask_and_its_fee_in_base():
    me = caller(FLAT, slippage_bps="10")
    answer = me.order("BUY", "MARKET", "2")
    assert answer["status"] == "FILLED"
    assert answer["fills"][0]["price"] == "100.10000000"
    assert answer["fills"][0]["commission"] == "0.00200000"
    assert answer["fills"][0]["commissionAsset"] == "BTC"
    assert me.balances() == {"BTC": ("1.998", "0"), "USDT": ("9799.8", "0")}


def test_a_market_sell_gets_the_bid_and_pays_its_fee_in_quote():
    me = caller(FLAT, balances={"BTC": "2"}, slippage_bps="10")
    me.order("SELL", "MARKET", "2")
    assert me.balances() == {"USDT": ("199.6002", "0")}  # 199.8 less 0.1 %


def test_fees_are_rounded_down_to_eight_places():
    me = caller("33.33 33.33 33.33 33.33\n" * 3)
    fill = me.order("BUY", "MARKET", "0.33333")["fills"][0]
    assert fill["commission"] == "0.00033333"


def test_a_stop_that_the_open_gaps_through_sells_at_the_bid_of_the_open():
    me = caller("100 100 100 100\n100 101 99 100\n90 91 89 90\n90 90 90 90", balances={"BTC": "1"}, slippage_bps="10")
    me.order("SELL", "STOP_LOSS", "1", stopPrice="95")
    me.go_to(2)
    [trade] = me.trades()
    assert trade["price"] == "89.91000000"
    assert trade["time"] == START_MS + 2 * MINUTE_MS
    assert not trade["isMaker"]


def test_stop_inside_the_range_sells_at_the_stop_less_slippage():
    me = caller("100 100 100 100\n100 101 94 100\n100 100 100 100", balances={"BTC": "1"}, slippage_bps="10")
    me.order("SELL", "STOP_LOSS", "1", stopPrice="95")
    me.go_to(1, MINUTE_MS - 1)
    assert me.trades() == []
    me.go_to(2)
    [trade] = me.trades()
    assert trade["price"] == "94.90000000"  # 94.905, down to the tick
    assert START_MS + MINUTE_MS <= trade["time"] <= START_MS + 2 * MINUTE_MS - 1


def test_limit_fills_at_its_own_price_though_the_open_is_better():
    me = caller("100 100 100 100\n100 101 99 100\n120 121 119 120\n1 1 1 1", balances={"BTC": "1"}, maker_fee_rate="0")
    me.order("SELL", "LIMIT", "1", price="110", timeInForce="GTC")
    me.go_to(2)
    [trade] = me.trades()
    assert (trade["price"], trade["isMaker"], trade["time"]) == ("110.00000000", True, START_MS + 2 * MINUTE_MS)
    assert me.balances() == {"USDT": ("110", "0")}


def test_a_bar_that_touches_both_legs_was_stopped_first():
    me = caller("100 100 100 100\n100 111 94 105\n105 105 105 105", balances={"BTC": "1"})
    placed = me.oco(above="110", below="95")
    stop_id, limit_id = (order["orderId"] for order in placed["orders"])
    me.go_to(2)
    assert [trade["price"] for trade in me.trades()] == ["95.00000000"]
    assert me.status(stop_id) == "FILLED"
    limit = me("GET", "order", symbol="BTCUSDT", orderId=limit_id)
    assert (limit["status"], limit["expiryReason"]) == ("EXPIRED", "OCO_TRIGGER")


def test_open_over_the_target_fills_it_before_the_stop():
    me = caller("100 100 100 100\n100 101 99 100\n112 113 94 105\n1 1 1 1", balances={"BTC": "1"})
    me.oco(above="110", below="95")
    me.go_to(3)
    assert [trade["price"] for trade in me.trades()] == ["110.00000000"]


def test_order_placed_inside_a_bar_meets_its_range_but_not_its_open():
    me = caller("100 100 100 100\n100 105 99 100\n100 100 100 100", balances={"BTC": "1"})
    me.go_to(1, 30_000)
    order = me.order("SELL", "LIMIT", "1", price="104", timeInForce="GTC")
    me.go_to(2)
    assert me.status(order["orderId"]) == "FILLED"


def test_many_bars_settle_at_once_in_the_order_of_their_events():
    table = "100 100 100 100\n" * 2 + "100 100 100 100\n" * 500 + "100 112 100 100\n" + "100 100 80 100\n" * 3
    me = caller(table, balances={"BTC": "2"})
    first = me.order("SELL", "LIMIT", "1", price="111", timeInForce="GTC")
    second = me.order("SELL", "STOP_LOSS", "1", stopPrice="85")
    me.go_to(505)
    trades = me.trades()
    assert [t["orderId"] for t in trades] == [first["orderId"], second["orderId"]]
    assert [(t["time"] - START_MS) // MINUTE_MS for t in trades] == [502, 503]


def test_a_stop_limit_becomes_a_limit_that_waits_for_its_price():
    me = caller(
        "100 100 100 100\n100 100 94 95\n93 93 92 93\n93 97 93 96\n96 96 96 96", balances={"BTC": "1"}, slippage_bps="0"
    )
    order = me.order("SELL", "STOP_LOSS_LIMIT", "1", price="96", stopPrice="95", timeInForce="GTC")
    me.go_to(2)
    working = me("GET", "order", symbol="BTCUSDT", orderId=order["orderId"])
    assert (working["status"], working["isWorking"]) == ("NEW", True)
    me.go_to(4)
    [trade] = me.trades()
    assert (trade["price"], trade["isMaker"]) == ("96.00000000", True)


def test_a_take_profit_sells_at_the_market_when_the_price_has_risen_to_it():
    me = caller("100 100 100 100\n100 111 100 110\n110 110 110 110", balances={"BTC": "1"}, slippage_bps="10")
    me.order("SELL", "TAKE_PROFIT", "1", stopPrice="110")
    me.go_to(2)
    assert [t["price"] for t in me.trades()] == ["109.89000000"]


def test_a_buy_stop_over_a_gap_buys_what_the_money_reaches():
    me = caller("100 100 100 100\n100 100 100 100\n200 200 200 200\n1 1 1 1", balances={"USDT": "150"})
    order = me.order("BUY", "STOP_LOSS", "1", stopPrice="120")
    me.go_to(2)
    answer = me("GET", "order", symbol="BTCUSDT", orderId=order["orderId"])
    assert (answer["status"], answer["executedQty"]) == ("EXPIRED", "0.75000000")
    assert answer["expiryReason"] == "INSUFFICIENT_LIQUIDITY"


def test_partial_fills_take_a_share_of_each_bars_volume():
    table = "100 100 100 100 10\n100 100 100 100 10\n100 105 100 100 10\n100 105 100 100 10\n100 105 100 100 10"
    me = caller(table, balances={"BTC": "2"}, volume_share="0.1")
    order = me.order("SELL", "LIMIT", "2", price="104", timeInForce="GTC")
    me.go_to(3)
    assert me.status(order["orderId"]) == "PARTIALLY_FILLED"
    assert me.balances() == {"BTC": ("0", "1"), "USDT": ("103.896", "0")}
    me.go_to(4)
    assert me.status(order["orderId"]) == "FILLED"


def test_market_order_over_the_volume_expires_partly_filled():
    me = caller("100 100 100 100 10\n" * 3, volume_share="0.1")
    answer = me.order("BUY", "MARKET", "2")
    assert (answer["status"], answer["executedQty"]) == ("EXPIRED", "1.00000000")
    assert answer["expiryReason"] == "INSUFFICIENT_LIQUIDITY"
    assert me.balances() == {"BTC": ("0.999", "0"), "USDT": ("9900", "0")}


def test_fees_in_bnb_cost_three_quarters():
    me = caller(
        FLAT,
        balances={"USDT": "1000", "BNB": "0.0003"},
        others={"BNBUSDT": "300 300 300 300\n" * 3},
        pays_fees_in_bnb=True,
    )
    fill = me.order("BUY", "MARKET", "1")["fills"][0]
    assert (fill["commission"], fill["commissionAsset"]) == ("0.00025000", "BNB")  # 100 * 0.00075 / 300
    fill = me.order("BUY", "MARKET", "1")["fills"][0]
    assert (fill["commission"], fill["commissionAsset"]) == ("0.00100000", "BTC")
