"""Test that balances add up whatever is asked and whatever the market does: no balance is made, lost or spent twice."""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange.paper.models import PaperBalance, PaperFill, PaperOrder, PaperOrderList
from exchange.paper.tests.builders import Caller, caller

DEPOSITS = {"USDT": "1000", "BTC": "10", "BNB": "1"}
OPEN = ("NEW", "PARTIALLY_FILLED")
BARS = 25


def assert_books_add_up(me: Caller, deposits: dict[str, str]) -> None:
    """Free + locked = deposits + fills - commissions; locked = what open orders set aside; nothing under zero."""
    expected: defaultdict[str, Decimal] = defaultdict(Decimal, {a: Decimal(held) for a, held in deposits.items()})
    for fill in PaperFill.objects.filter(account=me.account):
        sign = 1 if fill.is_buyer else -1
        assert min(fill.quantity, fill.price) > 0
        expected[fill.symbol[:-4]] += sign * fill.quantity
        expected[fill.symbol[-4:]] -= sign * fill.quote_quantity
        expected[fill.commission_asset] -= fill.commission
    locked: defaultdict[str, Decimal] = defaultdict(Decimal)
    for order in PaperOrder.objects.filter(account=me.account).prefetch_related("fills"):
        fills = order.fills.all()
        assert order.executed_quantity == sum((fill.quantity for fill in fills), Decimal(0)) <= order.quantity
        assert order.executed_quote == sum((fill.quote_quantity for fill in fills), Decimal(0))
        assert order.locked_amount >= 0
        if order.status in OPEN:
            locked[order.symbol[-4:] if order.side == "BUY" else order.symbol[:-4]] += order.locked_amount
        else:
            assert order.locked_amount == 0
        assert (order.status == "FILLED") == (order.executed_quantity == order.quantity)
    held = {row.asset: row for row in PaperBalance.objects.filter(account=me.account)}
    for asset in {*held, *expected, *locked}:
        free, aside = (held[asset].free, held[asset].locked) if asset in held else (Decimal(0), Decimal(0))
        assert free >= 0
        assert (free + aside, aside) == (expected[asset], locked[asset]), asset
    for order_list in PaperOrderList.objects.filter(account=me.account).prefetch_related("orders"):
        legs = [leg.status for leg in order_list.orders.all()]
        assert order_list.is_done == (not set(legs) & set(OPEN))
        assert sum(leg.executed_quantity > 0 for leg in order_list.orders.all()) <= 1, "both legs of an OCO traded"


quantities = st.sampled_from(["0.1", "0.5", "1", "2", "3.33333", "0.00001", "50"])
prices = st.integers(80, 120).map(str)
sides = st.sampled_from(["BUY", "SELL"])


def orders(type_: str, **more: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, str, dict[str, str]]]:
    sent = st.fixed_dictionaries({"type": st.just(type_), "side": sides, "quantity": quantities, **more})
    return st.tuples(st.just("POST"), st.just("order"), sent)


time_in_force = st.sampled_from(["GTC", "GTC", "IOC", "FOK"])
sells = {"aboveType": st.sampled_from(["LIMIT_MAKER", "TAKE_PROFIT_LIMIT"]), "belowType": st.just("STOP_LOSS")}
requests = st.one_of(
    orders("MARKET"),
    orders("MARKET", quoteOrderQty=st.sampled_from(["20", "99.99", "1000"])).map(
        lambda call: (*call[:2], {name: value for name, value in call[2].items() if name != "quantity"})
    ),
    orders("LIMIT", price=prices, timeInForce=time_in_force),
    orders("LIMIT_MAKER", price=prices),
    orders("STOP_LOSS", stopPrice=prices),
    orders("TAKE_PROFIT", stopPrice=prices),
    orders("STOP_LOSS_LIMIT", stopPrice=prices, price=prices, timeInForce=time_in_force),
    orders("TAKE_PROFIT_LIMIT", stopPrice=prices, price=prices, timeInForce=time_in_force),
    st.tuples(
        st.just("POST"),
        st.just("orderList/oco"),
        st.fixed_dictionaries(
            {
                "side": st.just("SELL"), "quantity": quantities, "aboveType": st.just("LIMIT_MAKER"),
                "abovePrice": prices, "belowType": st.just("STOP_LOSS"), "belowStopPrice": prices,
            }
        ) | st.fixed_dictionaries(
            {
                "side": st.just("BUY"), "quantity": quantities, "aboveType": st.just("STOP_LOSS"),
                "aboveStopPrice": prices, "belowType": st.just("LIMIT_MAKER"), "belowPrice": prices,
            }
        ),
    ),
    st.tuples(st.just("DELETE"), st.just("openOrders"), st.just({})),
    st.tuples(st.just("DELETE"), st.just("order"), st.integers(0, 5).map(lambda back: {"back": back})),
    st.tuples(st.just("BARS"), st.just(""), st.integers(1, 4).map(lambda bars: {"bars": bars})),
)  # fmt: skip
markets = st.lists(
    st.tuples(st.integers(85, 115), st.integers(0, 10), st.integers(0, 10), st.sampled_from([0, 1, 5, 1000])),
    min_size=BARS,
    max_size=BARS,
)
accounts = st.fixed_dictionaries(
    {
        "volume_share": st.sampled_from([None, "0.1", "1"]),
        "pays_fees_in_bnb": st.booleans(),
        "taker_fee_rate": st.sampled_from(["0", "0.001", "0.0077777"]),
        "slippage_bps": st.sampled_from(["0", "7"]),
    }
)


@pytest.mark.django_db
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(calls=st.lists(requests, max_size=14), market=markets, account=accounts)
def test_the_books_add_up_after_any_requests_and_bars(
    calls: list[tuple[str, str, Any]], market: list[tuple[int, int, int, int]], account: dict[str, Any]
) -> None:
    table = "\n".join(
        f"{opened} {opened + up} {opened - down} {opened} {volume}" for opened, up, down, volume in market
    )
    others = {"BNBUSDT": "300 300 300 300\n" * BARS}
    me = caller(table, balances=DEPOSITS, others=others, **account)
    bar, placed = 1, []
    for method, path, sent in calls:
        if method == "BARS":
            bar = min(bar + sent["bars"], BARS - 1)
            me.go_to(bar)
            continue
        if "back" in sent:
            if not placed:
                continue
            sent = {"orderId": placed[-1 - sent["back"] % len(placed)]}
        answer = me.send(method, path, symbol="BTCUSDT", **sent)
        assert answer.status_code in (200, 400), answer.text
        if answer.ok and method == "POST":
            body = answer.json()
            placed += [body["orderId"]] if "orderId" in body else [leg["orderId"] for leg in body["orders"]]
        assert_books_add_up(me, DEPOSITS)
    me.go_to(BARS - 1)
    me.balances()
    assert_books_add_up(me, DEPOSITS)


def at_once(*works: Any) -> None:
    """Run each in a thread of its own, with a connection of its own."""

    def run(work: Any) -> None:
        try:
            work()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.django_db(transaction=True)
def test_a_cancel_against_a_fill_ends_in_one_of_both() -> None:
    for _ in range(8):
        me = caller("100 100 100 100\n100 106 100 100\n100 100 100 100\n", balances={"BTC": "1"}, at_bar=0)
        order = me.order("SELL", "LIMIT", "1", price="105", timeInForce="GTC")
        told: list[int] = []

        def cancel(me: Caller = me, order: Any = order, told: list[int] = told) -> None:
            told.append(me.send("DELETE", "order", symbol="BTCUSDT", orderId=order["orderId"]).status_code)

        at_once(cancel, lambda me=me: me.go_to(2), lambda me=me: me.send("GET", "account"), cancel)
        status = me.status(order["orderId"])
        assert (status, told.count(200)) in (("CANCELED", 1), ("FILLED", 0))
        assert_books_add_up(me, {"BTC": "1"})


@pytest.mark.django_db(transaction=True)
def test_the_legs_of_an_oco_are_ended_once_by_whoever_comes_first() -> None:
    for _ in range(4):
        me = caller("100 100 100 100\n100 111 94 100\n100 100 100 100\n", balances={"BTC": "1"}, at_bar=0)
        pair = me.oco(above="110", below="95")
        legs = [leg["orderId"] for leg in pair["orders"]]
        cancels = [lambda me=me, leg=leg: me.send("DELETE", "order", symbol="BTCUSDT", orderId=leg) for leg in legs]
        at_once(*cancels, lambda me=me: me.go_to(2), lambda me=me: me.send("GET", "openOrders", symbol="BTCUSDT"))
        statuses = [me.status(leg) for leg in legs]
        assert statuses in (["CANCELED", "CANCELED"], ["FILLED", "EXPIRED"])  # of one bar, the stop comes first
        assert_books_add_up(me, {"BTC": "1"})


@pytest.mark.django_db(transaction=True)
def test_many_at_once_on_one_account_keep_the_books() -> None:
    me = caller("100 103 97 100\n" * 20, balances={"USDT": "1000", "BTC": "5"}, at_bar=0, pays_fees_in_bnb=True)

    def trade(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(8):
            side = chance.choice(["BUY", "SELL"])
            kind = chance.choice(["MARKET", "LIMIT", "CANCEL", "OCO"])
            if kind == "CANCEL":
                me.send("DELETE", "openOrders", symbol="BTCUSDT")
            elif kind == "OCO":
                legs = {
                    "aboveType": "LIMIT_MAKER",
                    "abovePrice": "102",
                    "belowType": "STOP_LOSS",
                    "belowStopPrice": "98",
                }
                me.send("POST", "orderList/oco", symbol="BTCUSDT", side="SELL", quantity="1", **legs)
            else:
                limit = {"price": chance.choice(["98", "102"]), "timeInForce": "GTC"} if kind == "LIMIT" else {}
                me.send("POST", "order", symbol="BTCUSDT", side=side, type=kind, quantity="3", **limit)

    def time_passes() -> None:
        for bar in range(1, 15):
            me.go_to(bar)
            me.send("GET", "account")

    at_once(*(lambda seed=seed: trade(seed) for seed in range(4)), time_passes)
    assert PaperFill.objects.filter(account=me.account).exists()
    assert_books_add_up(me, {"USDT": "1000", "BTC": "5"})
