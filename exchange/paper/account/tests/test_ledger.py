"""Money under pressure: what is locked, what is refused, two requests at once, and what a request costs."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from exchange.paper.models import PaperBalance, PaperFill
from exchange.paper.tests.builders import caller, symbol_info

FLAT = "100 100 100 100\n" * 5


@pytest.mark.django_db(transaction=True)
def test_two_requests_at_once_never_spend_a_balance_twice():
    me = caller(FLAT, balances={"USDT": "1000"})
    statuses: list[int] = []

    def buy() -> None:
        for _ in range(5):
            order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}
            statuses.append(me.send("POST", "order", **order).status_code)
        connection.close()

    threads = [threading.Thread(target=buy) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses.count(200) == 10
    assert statuses.count(400) == 20
    assert PaperBalance.objects.get(account=me.account, asset="USDT").free == 0
    assert PaperFill.objects.filter(account=me.account).count() == 10


@pytest.mark.django_db(transaction=True)
def test_requests_at_once_settle_a_bar_once():
    me = caller("100 100 100 100\n100 106 100 100\n100 100 100 100", balances={"BTC": "1"})
    me.order("SELL", "LIMIT", "1", price="105", timeInForce="GTC")
    me.go_to(2)

    def look() -> None:
        me.send("GET", "account")
        connection.close()

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert PaperFill.objects.filter(account=me.account).count() == 1
    assert me.balances() == {"USDT": ("104.895", "0")}


@pytest.mark.django_db
def test_a_tick_with_nothing_resting_costs_few_statements():
    me = caller(FLAT)
    me.balances()
    with CaptureQueriesContext(
        connection,
    ) as asked:
        me("GET", "openOrders", symbol="BTCUSDT")
    assert len(asked) <= 2
    with CaptureQueriesContext(connection) as asked:
        me("GET", "account")
    assert len(asked) <= 3


@pytest.mark.django_db
def test_an_oco_locks_its_quantity_once_and_gives_it_back_when_cancelled():
    me = caller(FLAT, balances={"BTC": "1"})
    pair = me.oco(above="110", below="95", listClientOrderId="pair-1")
    assert me.balances() == {"BTC": ("0", "1")}
    me("DELETE", "orderList", symbol="BTCUSDT", listClientOrderId="pair-1")
    assert me.balances() == {"BTC": ("1", "0")}
    assert me("GET", "orderList", orderListId=pair["orderListId"])["listOrderStatus"] == "ALL_DONE"
    assert me("GET", "openOrderList") == []
    assert me.refused("DELETE", "orderList", symbol="BTCUSDT", listClientOrderId="pair-1") == (
        -2011,
        "Unknown order sent.",
    )


@pytest.mark.django_db
def test_buy_oco_locks_the_dearer_leg():
    me = caller("100 100 100 100\n100 100 90 100\n100 100 100 100", balances={"USDT": "200"})
    me.oco("BUY", "1", above="110", below="95")
    assert me.balances() == {"USDT": ("90", "110")}
    me.go_to(2)
    assert me.balances() == {"BTC": ("0.999", "0"), "USDT": ("105", "0")}


@pytest.mark.django_db
def test_a_limit_that_crosses_pays_the_better_price_and_unlocks_the_rest():
    me = caller(FLAT)
    answer = me.order("BUY", "LIMIT", "1", price="120", timeInForce="GTC")
    assert (answer["status"], answer["fills"][0]["price"]) == ("FILLED", "100.00000000")
    assert me.balances()["USDT"] == ("9900", "0")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "rules, order, expected",
    [
        ({"MAX_POSITION": {"maxPosition": "1.5"}}, ("BUY", "2"), (-2010, "Filter failure: MAX_POSITION")),
        ({"MAX_NUM_ORDERS": {"maxNumOrders": 0.0}}, ("BUY", "1"), None),
        (
            {"MARKET_LOT_SIZE": {"minQty": "0", "maxQty": "1", "stepSize": "0"}},
            ("BUY", "2"),
            (-1013, "Filter failure: MARKET_LOT_SIZE"),
        ),
        (
            {"LOT_SIZE": {"minQty": "1", "maxQty": "9", "stepSize": "1"}},
            ("BUY", "1.5"),
            (-1013, "Filter failure: LOT_SIZE"),
        ),
    ],
)
def test_filters_of_market_orders(rules, order, expected):
    me = caller(FLAT, info=symbol_info(**rules))
    if expected is None:
        me.order(order[0], "MARKET", order[1])
    else:
        assert me.no_order(order[0], "MARKET", order[1]) == expected


@pytest.mark.django_db
def test_halted_symbol_takes_only_cancellations():
    me = caller(FLAT, info={**symbol_info(), "status": "BREAK"})
    assert me.no_order("BUY", "MARKET", "1") == (-2010, "Market is closed.")


@pytest.mark.django_db
def test_ids_of_an_order_must_belong_together():
    me = caller(FLAT)
    first = me.order("BUY", "LIMIT", "1", price="90", timeInForce="GTC", newClientOrderId="one")
    me.order("BUY", "LIMIT", "1", price="90", timeInForce="GTC", newClientOrderId="two")
    said = me.refused("GET", "order", symbol="BTCUSDT", orderId=first["orderId"], origClientOrderId="two")
    assert said == (-2039, "Client order ID is not correct for this order ID.")


@pytest.mark.django_db
def test_a_filled_orders_id_is_accepted_again_and_names_the_newer_order():
    me = caller(FLAT)
    me.order("BUY", "MARKET", "1", newClientOrderId="again")
    second = me.order("BUY", "MARKET", "1", newClientOrderId="again")
    assert me("GET", "order", symbol="BTCUSDT", origClientOrderId="again")["orderId"] == second["orderId"]


@pytest.mark.django_db
def test_a_cancel_may_be_restricted_to_orders_without_fills():
    me = caller("100 100 100 100 10\n" * 2 + "100 105 100 100 10\n" * 3, balances={"BTC": "2"}, volume_share="0.1")
    order = me.order("SELL", "LIMIT", "2", price="104", timeInForce="GTC")
    me.go_to(3)
    key = {"symbol": "BTCUSDT", "orderId": order["orderId"]}
    said = me.refused("DELETE", "order", cancelRestrictions="ONLY_NEW", **key)
    assert said == (-2011, "Order was not canceled due to cancel restrictions.")
    assert me.refused("DELETE", "order", cancelRestrictions="ANY", **key)[0] == -1145
    report = me("DELETE", "order", cancelRestrictions="ONLY_PARTIALLY_FILLED", **key)
    assert (report["status"], report["executedQty"]) == ("CANCELED", "1.00000000")
    assert me.balances()["BTC"] == ("1", "0")


@pytest.mark.django_db
def test_under_a_replays_rules_a_market_sale_is_not_held_to_the_minimum():
    me = caller(FLAT, balances={"BTC": "0.01"}, replay_rules=True)
    assert me.order("SELL", "MARKET", "0.01")["status"] == "FILLED"
    strict = caller(FLAT, balances={"BTC": "0.01"})
    assert strict.no_order("SELL", "MARKET", "0.01") == (-1013, "Filter failure: NOTIONAL")


@pytest.mark.django_db
def test_money_is_conserved_through_a_busy_hour():
    me = caller(
        "\n".join(f"100 {101 + n % 7} {99 - n % 5} 100" for n in range(60)),
        balances={"USDT": "1000", "BTC": "100"},
        maker_fee_rate="0",
        taker_fee_rate="0",
    )
    for bar in range(1, 58, 3):
        me.order("BUY", "LIMIT", "1", price="97", timeInForce="GTC")
        me.oco(above="106", below="96")
        me.order("SELL", "STOP_LOSS_LIMIT", "0.5", stopPrice="98", price="97.5", timeInForce="GTC")
        me.go_to(bar + 3)
        me.send("DELETE", "openOrders", symbol="BTCUSDT")
    held = {asset: Decimal(free) + Decimal(locked) for asset, (free, locked) in me.balances().items()}
    fills = PaperFill.objects.filter(account=me.account)
    spent = sum((f.quote_quantity if f.is_buyer else -f.quote_quantity) for f in fills)
    bought = sum((f.quantity if f.is_buyer else -f.quantity) for f in fills)
    assert fills.count() > 10
    assert (held["USDT"] + spent, held["BTC"] - bought) == (1000, 100)
