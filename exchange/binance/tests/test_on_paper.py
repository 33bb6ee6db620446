"""Our client and the paper exchange, written from the same documents by different hands, meet over the wire format."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal

import pytest

from exchange.api.errors import (
    ExchangeUnavailable,
    FilterViolation,
    InsufficientBalance,
    InvalidCredentials,
    OrderNotFound,
    RateLimited,
    RequestRejected,
    WouldTriggerImmediately,
)
from exchange.api.types import OcoRequest, OrderRequest, OrderStatus, OrderType, Side, TimeInForce
from exchange.binance.exchange import BinanceExchange
from exchange.binance.requester import Connection
from exchange.klines.candles import MemoryCandles
from exchange.limits.budget import Budget
from exchange.limits.stores import MemoryStore
from exchange.paper.account.accounts import reveal
from exchange.paper.local import connect_locally
from exchange.paper.tests.builders import MINUTE_MS, START_MS, Caller, caller

pytestmark = pytest.mark.django_db
D = Decimal

TABLE = """
    100 101  99 100
    100 101  99 100
    100 112  99 110
    110 111 109 110
    110 111  80  85
"""
BUY = OrderRequest("BTCUSDT", Side.BUY, OrderType.MARKET, D("1"), "entry")
OCO = OcoRequest("BTCUSDT", Side.SELL, D("0.99"), "list", "target", "stop", D(111), D(95))


@pytest.fixture
def market() -> Caller:
    return caller(TABLE, slippage_bps="10")


def client(market: Caller, secret: str | None = None) -> BinanceExchange:
    budget = Budget("http://paper.invalid", store=MemoryStore(market.clock.now_ms), now_ms=market.clock.now_ms)
    return BinanceExchange(
        "http://paper.invalid",
        market.account.api_key,
        secret or reveal(market.account.api_secret),
        Connection(market.session, budget),
    )


@pytest.fixture
def exchange(market: Caller) -> BinanceExchange:
    return client(market)


def test_rules_prices_and_the_account_are_understood(exchange: BinanceExchange) -> None:
    rules = exchange.symbol_rules("BTCUSDT")
    assert (rules.tick_size, rules.step_size, rules.min_notional, rules.max_algo_orders) == (
        D("0.01"), D("0.00001"), D(5), 5,
    )  # fmt: skip
    ticker = exchange.book_ticker("BTCUSDT")
    assert (ticker.bid, ticker.ask) == (D("99.9"), D("100.1"))
    account = exchange.account()
    assert (account.can_trade, account.free("USDT"), account.free("BTC")) == (True, D(10000), D(0))
    rates = exchange.commission_rates("BTCUSDT")
    assert (rates.maker, rates.taker, rates.discount_asset) == (D("0.001"), D("0.001"), None)


def test_candle_cache_leaves_out_the_forming_bar(exchange: BinanceExchange, market: Caller) -> None:
    market.go_to(3)
    forming = exchange.klines("BTCUSDT", "1m", limit=10)
    assert (forming.open_time[-1], forming.close[-1], forming.volume[-1]) == (START_MS + 3 * MINUTE_MS, 110.0, 0.0)
    closed = MemoryCandles(exchange).closed("BTCUSDT", "1m", now_ms=market.clock.now_ms())
    assert closed.close.tolist() == [100.0, 100.0, 110.0]


def test_a_market_order_is_reported_with_its_fill_fee_and_price(exchange: BinanceExchange) -> None:
    report = exchange.submit(BUY)
    assert (report.status, report.client_order_id, report.executed_quote) == (OrderStatus.FILLED, "entry", D("100.1"))
    (fill,) = report.fills
    assert (fill.price, fill.commission, fill.commission_asset) == (D("100.1"), D("0.001"), "BTC")
    assert exchange.fills("BTCUSDT", order_id=report.order_id) == (fill,)
    assert exchange.fills("BTCUSDT", from_trade_id=fill.trade_id) == (fill,)
    assert exchange.fills("BTCUSDT", start_ms=fill.time_ms) == (fill,)
    assert exchange.order("BTCUSDT", "entry").executed_quantity == 1


def test_an_oco_rests_and_its_target_ends_its_stop(exchange: BinanceExchange, market: Caller) -> None:
    exchange.submit(BUY)
    placed = exchange.submit_oco(OCO)
    assert {order.client_order_id: order.status for order in placed.orders} == {
        "stop": OrderStatus.NEW, "target": OrderStatus.NEW,
    }  # fmt: skip
    assert {order.client_order_id for order in exchange.open_orders("BTCUSDT")} == {"stop", "target"}
    market.go_to(3)
    ended = [exchange.order("BTCUSDT", name) for name in ("stop", "target")]
    assert {order.client_order_id: order.status for order in ended} == {
        "stop": OrderStatus.EXPIRED, "target": OrderStatus.FILLED,
    }  # fmt: skip
    (fill,) = exchange.fills("BTCUSDT", order_id=exchange.order("BTCUSDT", "target").order_id)
    assert (fill.price, fill.is_maker, fill.side) == (D(111), True, Side.SELL)


def test_cancelling_a_leg_cancels_both(exchange: BinanceExchange) -> None:
    exchange.submit(BUY)
    exchange.submit_oco(OCO)
    cancelled = exchange.cancel("BTCUSDT", "stop")
    assert (cancelled.client_order_id, cancelled.status) == ("stop", OrderStatus.CANCELED)
    assert exchange.open_orders("BTCUSDT") == ()
    with pytest.raises(OrderNotFound):
        exchange.cancel("BTCUSDT", "target")


def test_a_resting_limit_is_found_and_cancelled_by_our_id(exchange: BinanceExchange) -> None:
    limit = replace(BUY, type=OrderType.LIMIT, limit_price=D("90.00"), time_in_force=TimeInForce.GTC)
    assert exchange.submit(limit).status == OrderStatus.NEW
    assert exchange.order("BTCUSDT", "entry").limit_price == 90
    report = exchange.cancel("BTCUSDT", "entry")
    assert (report.client_order_id, report.status) == ("entry", OrderStatus.CANCELED)


def test_a_stop_limit_oco_is_taken_too(exchange: BinanceExchange) -> None:
    exchange.submit(BUY)
    placed = exchange.submit_oco(replace(OCO, stop_limit_price=D("94.50")))
    (stop,) = [order for order in placed.orders if order.client_order_id == "stop"]
    assert (stop.type, stop.limit_price, stop.stop_price) == (OrderType.STOP_LOSS_LIMIT, D("94.5"), D(95))


@pytest.mark.parametrize(
    ("request_", "kind"),
    [
        (replace(BUY, quantity=D("0.000015")), FilterViolation),
        (replace(BUY, quantity=D("0.01")), FilterViolation),
        (replace(BUY, quantity=D("99.9")), None),
        (replace(BUY, side=Side.SELL), InsufficientBalance),
        (replace(BUY, type=OrderType.LIMIT_MAKER, limit_price=D(101)), WouldTriggerImmediately),
        (replace(BUY, type=OrderType.STOP_LOSS, stop_price=D(90)), WouldTriggerImmediately),
        (replace(BUY, symbol="NOPEUSDT"), RequestRejected),
    ],
)
def test_refusals_come_as_what_they_are(
    exchange: BinanceExchange, request_: OrderRequest, kind: type[Exception] | None
) -> None:
    if kind is None:
        assert exchange.submit(request_).status == OrderStatus.FILLED
        return
    with pytest.raises(RequestRejected) as caught:
        exchange.submit(request_)
    assert type(caught.value) is kind
    with pytest.raises(OrderNotFound):
        exchange.order("BTCUSDT", "entry")


def test_an_oco_on_the_wrong_side_of_the_price_would_trigger_at_once(exchange: BinanceExchange) -> None:
    exchange.submit(BUY)
    with pytest.raises(WouldTriggerImmediately):
        exchange.submit_oco(replace(OCO, stop_price=D(100)))


def test_a_wrong_secret_is_refused_as_credentials(market: Caller) -> None:
    with pytest.raises(InvalidCredentials):
        client(market, secret="not-the-secret").account()


def test_the_budget_hears_what_the_paper_exchange_counts(exchange: BinanceExchange) -> None:
    exchange.account()
    exchange.submit(BUY)
    assert exchange.budget.state().used[0].used >= 20


def test_in_this_process_the_budget_is_counted_in_market_time(market: Caller) -> None:
    budget = connect_locally(market.account, market.clock).budget
    budget.observe({"X-MBX-USED-WEIGHT-1M": "6000"})
    with pytest.raises(RateLimited):
        budget.admit()
    market.clock.set(market.clock.now_ms() + MINUTE_MS)
    budget.admit()


@pytest.mark.parametrize("late", [BUY, OCO], ids=["order", "oco"])
def test_what_may_not_leave_any_more_does_not_reach_the_exchange(
    exchange: BinanceExchange, late: OrderRequest | OcoRequest
) -> None:
    exchange.submit(replace(BUY, client_order_id="held"))
    too_late = replace(late, send_by_s=time.time() - 1)
    with pytest.raises(ExchangeUnavailable, match="nothing was sent"):
        exchange.submit(too_late) if isinstance(too_late, OrderRequest) else exchange.submit_oco(too_late)
    assert exchange.open_orders("BTCUSDT") == ()
    with pytest.raises(OrderNotFound):
        exchange.order("BTCUSDT", "entry")


def test_what_may_still_leave_is_placed(exchange: BinanceExchange) -> None:
    report = exchange.submit(replace(BUY, send_by_s=time.time() + 10))
    assert report.status == OrderStatus.FILLED
