"""Our client against a real socket: what it sends, what it understands, and what each failure means."""

from __future__ import annotations

import gc
import hashlib
import hmac
import logging
import os
import re
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests

from exchange.api.errors import (
    DuplicateOrder,
    ExchangeError,
    ExchangeUnavailable,
    FilterViolation,
    InsufficientBalance,
    InvalidCredentials,
    OrderNotFound,
    OutcomeUnknown,
    RateLimited,
    RequestRejected,
    WouldTriggerImmediately,
)
from exchange.api.types import OcoRequest, OrderRequest, OrderStatus, OrderType, Side
from exchange.binance.clock import ServerClock
from exchange.binance.exchange import BinanceExchange
from exchange.binance.requester import Connection
from exchange.binance.tests.canned import CannedServer, Reply, canned_server, refusal
from exchange.limits.budget import Budget
from exchange.secrets import Secret

D = Decimal
KEY, SECRET = "known-key-4711", "known-secret-0815"

BUY = OrderRequest("BTCUSDT", Side.BUY, OrderType.MARKET, D("0.00001"), "bot-1-entry")
SELL = OrderRequest("BTCUSDT", Side.SELL, OrderType.MARKET, D("0.00001"), "bot-1-exit")
OCO = OcoRequest("BTCUSDT", Side.SELL, D("0.1"), "l-1", "t-1", "s-1", D(110), D(90))

FILLED = {
    "symbol": "BTCUSDT", "orderId": 28, "orderListId": -1, "clientOrderId": "bot-1-entry",
    "transactTime": 1507725176595, "price": "0.00000000", "origQty": "10.00000000",
    "executedQty": "10.00000000", "cummulativeQuoteQty": "39990.0",
    "status": "FILLED", "timeInForce": "GTC", "type": "MARKET", "side": "BUY", "workingTime": 1507725176595,
    "fills": [
        {"price": "4000.0", "qty": "1.0", "commission": "4.0", "commissionAsset": "USDT", "tradeId": 56},
        {"price": "3999.0", "qty": "9.0", "commission": "19.995", "commissionAsset": "BNB", "tradeId": 57},
    ],
}  # fmt: skip


def leg(order_id: int, client_id: str, type: str, **fields: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "orderId": order_id, "orderListId": 7, "clientOrderId": client_id, "price": "110.0",
        "transactTime": 1710485608839, "origQty": "0.1", "executedQty": "0.0", "cummulativeQuoteQty": "0.0",
        "status": "NEW", "timeInForce": "GTC", "type": type, "side": "SELL", **fields,
    }  # fmt: skip


def order_list(*legs: dict[str, Any], status: str = "EXECUTING") -> dict[str, Any]:
    return {
        "orderListId": 7, "contingencyType": "OCO", "listStatusType": "EXEC_STARTED", "listOrderStatus": status,
        "listClientOrderId": "l-1", "transactionTime": 1710485608839, "symbol": "BTCUSDT", "orderReports": list(legs),
        "orders": [{"symbol": "BTCUSDT", "orderId": x["orderId"], "clientOrderId": x["clientOrderId"]} for x in legs],
    }  # fmt: skip


@pytest.fixture
def server() -> Iterator[CannedServer]:
    with canned_server() as running:
        yield running


def connected(server_url: str, **options: Any) -> BinanceExchange:
    options.setdefault("timeouts_s", (0.5, 0.5))
    options.setdefault("budget", Budget(server_url, KEY))
    connection = Connection(requests.Session(), first_wait_s=0.001, **options)
    return BinanceExchange(server_url, KEY, Secret(SECRET), connection)


@pytest.fixture
def exchange(server: CannedServer) -> BinanceExchange:
    return connected(server.url)


# What is sent


def test_order_is_sent_once_with_our_id_and_a_valid_signature(server: CannedServer, exchange: BinanceExchange) -> None:
    server.on("POST order", Reply(FILLED))
    exchange.submit(
        OrderRequest("BTCUSDT", Side.BUY, OrderType.LIMIT, D("1E-7"), "bot-1-entry", limit_price=D("42000.10"))
    )
    (sent,) = server.calls("POST order")
    assert {name: sent.parameters[name] for name in ("quantity", "price", "newClientOrderId", "newOrderRespType")} == {
        "quantity": "0.0000001", "price": "42000.1", "newClientOrderId": "bot-1-entry", "newOrderRespType": "FULL",
    }  # fmt: skip
    assert sent.parameters["timeInForce"] == "GTC"
    payload = "&".join(f"{name}={value}" for name, value in sent.parameters.items() if name != "signature")
    assert sent.parameters["signature"] == hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest()
    assert sent.headers["X-MBX-APIKEY"] == KEY


def test_a_market_order_carries_neither_price_nor_time_in_force(
    server: CannedServer, exchange: BinanceExchange
) -> None:
    server.on("POST order", Reply(FILLED))
    exchange.submit(BUY)
    assert not {"price", "timeInForce", "stopPrice"} & set(server.calls("POST order")[0].parameters)


def test_an_oco_of_a_sale_has_its_target_above_and_its_stop_below(
    server: CannedServer, exchange: BinanceExchange
) -> None:
    server.on(
        "POST orderList/oco",
        Reply(order_list(leg(1, "s-1", "STOP_LOSS", stopPrice="90"), leg(2, "t-1", "LIMIT_MAKER"))),
    )
    placed = exchange.submit_oco(OCO)
    sent = server.calls("POST orderList/oco")[0].parameters
    assert (sent["aboveType"], sent["abovePrice"], sent["aboveClientOrderId"]) == ("LIMIT_MAKER", "110", "t-1")
    assert (sent["belowType"], sent["belowStopPrice"], sent["belowClientOrderId"]) == ("STOP_LOSS", "90", "s-1")
    assert (sent["listClientOrderId"], "belowPrice" in sent) == ("l-1", False)
    assert [(order.client_order_id, order.stop_price) for order in placed.orders] == [("s-1", D(90)), ("t-1", None)]
    assert not placed.is_done


def test_requests_are_stamped_by_the_exchanges_clock(server: CannedServer, exchange: BinanceExchange) -> None:
    server.clock_ahead_ms = 3_600_000
    server.on("GET openOrders", Reply([]))
    exchange.open_orders("BTCUSDT")
    stamp = int(server.calls("GET openOrders")[0].parameters["timestamp"])
    assert abs(stamp - time.time() * 1000 - 3_600_000) < 200
    assert abs(exchange.server_time_ms() - time.time() * 1000 - 3_600_000) < 200
    assert len(server.calls("GET time")) == 1


def test_proxy_variables_do_not_redirect_our_requests(
    server: CannedServer, exchange: BinanceExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server.on("GET openOrders", Reply([]))
    assert exchange.open_orders("BTCUSDT") == ()


def test_a_client_per_thread_leaves_no_event_loop_behind(server: CannedServer) -> None:
    def build() -> None:
        connected(server.url)

    connected(server.url)
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        thread = threading.Thread(target=build)
        thread.start()
        thread.join()
    assert len(os.listdir("/proc/self/fd")) <= before + 2


# What is understood


def test_a_full_answer_becomes_a_report_with_its_fills(server: CannedServer, exchange: BinanceExchange) -> None:
    server.on("POST order", Reply(FILLED))
    report = exchange.submit(BUY)
    assert (report.status, report.executed_quantity, report.executed_quote) == (OrderStatus.FILLED, D(10), D(39990))
    assert [(fill.trade_id, fill.price, fill.commission_asset) for fill in report.fills] == [
        (56, D(4000), "USDT"), (57, D(3999), "BNB"),
    ]  # fmt: skip
    assert report.limit_price is None


def test_a_cancel_report_is_filed_under_the_orders_own_id(server: CannedServer, exchange: BinanceExchange) -> None:
    server.on(
        "DELETE order", Reply({**leg(4, "the-cancel", "LIMIT"), "origClientOrderId": "mine", "status": "CANCELED"})
    )
    report = exchange.cancel("BTCUSDT", "mine")
    assert (report.client_order_id, report.status) == ("mine", OrderStatus.CANCELED)


def test_cancelling_one_leg_of_an_oco_reports_that_leg(server: CannedServer, exchange: BinanceExchange) -> None:
    gone = {"status": "CANCELED", "clientOrderId": "the-cancel"}
    legs = [{**leg(1, "x", "STOP_LOSS"), **gone, "origClientOrderId": "s-1"},
            {**leg(2, "x", "LIMIT_MAKER"), **gone, "origClientOrderId": "t-1"}]  # fmt: skip
    server.on("DELETE order", Reply(order_list(*legs, status="ALL_DONE")))
    assert exchange.cancel("BTCUSDT", "t-1").order_id == 2


def trade_row(number: int) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "id": number, "orderId": 1, "price": "4.0", "qty": "1.0", "quoteQty": "4.0",
        "commission": "0.1", "commissionAsset": "BNB", "time": 1499865549590, "isBuyer": True, "isMaker": True,
    }  # fmt: skip


def test_fills_come_in_pages_until_all_are_there(server: CannedServer, exchange: BinanceExchange) -> None:
    server.on(
        "GET myTrades", Reply([trade_row(n) for n in range(1000)]), Reply([trade_row(n) for n in range(1000, 1003)])
    )
    assert [fill.trade_id for fill in exchange.fills("BTCUSDT", start_ms=5)] == list(range(1003))
    first, second = (call.parameters for call in server.calls("GET myTrades"))
    assert (first["startTime"], "fromId" in first) == ("5", False)
    assert (second["fromId"], "startTime" in second) == ("1000", False)


def test_klines_come_as_arrays(server: CannedServer, exchange: BinanceExchange) -> None:
    rows = [[60_000 * n, "1.5", "2", "1", "1.7", "9", 60_000 * (n + 1) - 1, "0", 1, "0", "0", "0"] for n in range(3)]
    server.on("GET klines", Reply(rows))
    bars = exchange.klines("BTCUSDT", "1m", start_ms=0, limit=3)
    assert (bars.open_time.tolist(), bars.close.tolist()) == ([0, 60_000, 120_000], [1.7] * 3)
    assert "signature" not in server.calls("GET klines")[0].parameters


def test_all_parts_of_the_commission_are_added_up(server: CannedServer, exchange: BinanceExchange) -> None:
    part = {"maker": "0.001", "taker": "0.002", "buyer": "0.0001", "seller": "0.0003"}
    discount = {"enabledForAccount": True, "enabledForSymbol": True, "discountAsset": "BNB", "discount": "0.75"}
    server.on(
        "GET account/commission", Reply({"standardCommission": part, "taxCommission": part, "discount": discount})
    )
    rates = exchange.commission_rates("BTCUSDT")
    assert (rates.maker, rates.taker, rates.discount_asset) == (D("0.0026"), D("0.0046"), "BNB")


# What each failure means


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refusal(-1013, "Filter failure: LOT_SIZE"), FilterViolation),
        (refusal(-2010, "Filter failure: MAX_NUM_ALGO_ORDERS"), FilterViolation),
        (refusal(-1013, "Invalid quantity."), FilterViolation),
        (refusal(-2010, "Account has insufficient balance for requested action."), InsufficientBalance),
        (refusal(-2010, "Order would trigger immediately."), WouldTriggerImmediately),
        (refusal(-2010, "Order would immediately match and take."), WouldTriggerImmediately),
        (refusal(-2010, "Duplicate order sent."), DuplicateOrder),
        (refusal(-2010, "Market is closed."), RequestRejected),
        (refusal(-2011, "Unknown order sent."), OrderNotFound),
        (refusal(-2013, "Order does not exist."), OrderNotFound),
        (refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401), InvalidCredentials),
        (refusal(-2014, "API-key format invalid.", 401), InvalidCredentials),
        (refusal(-1022, "Signature for this request is not valid."), InvalidCredentials),
        (refusal(-1121, "Invalid symbol."), RequestRejected),
        (refusal(-1003, "Too much request weight used.", 429), RateLimited),
        (refusal(-1003, "Way too much request weight used.", 418), RateLimited),
        (refusal(-1015, "Too many new orders; current limit is 50 orders per 10 SECOND.", 429), RateLimited),
        (refusal(-1021, "Timestamp for this request is outside of the recvWindow."), ExchangeUnavailable),
        (refusal(-1000, "An unknown error occurred while processing the request."), OutcomeUnknown),
        (refusal(-1001, "Internal error; unable to process your request."), OutcomeUnknown),
        (refusal(-1006, "An unexpected response was received from the message bus."), OutcomeUnknown),
        (refusal(-1007, "Timeout waiting for response from backend server."), OutcomeUnknown),
        (refusal(-1008, "Server is currently overloaded.", 503), OutcomeUnknown),
        (Reply(b"<html>502 Bad Gateway</html>", 502), OutcomeUnknown),
        (Reply(b"<html>blocked</html>", 403), OutcomeUnknown),
        (Reply([1, 2], 500), OutcomeUnknown),
        (Reply([1, 2], 400), OutcomeUnknown),
        (Reply(b"<html>fine?</html>"), OutcomeUnknown),
        (Reply({"symbol": "BTCUSDT"}), OutcomeUnknown),
        (Reply(["list"]), OutcomeUnknown),
        (Reply(FILLED, delay_s=1.0), OutcomeUnknown),
        (Reply(drops=True), OutcomeUnknown),
        (Reply(FILLED, cuts_body=True), OutcomeUnknown),
        (Reply(b"", 307, {"Location": "/api/v3/elsewhere"}), RequestRejected),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else str(value.body)[:40],
)
def test_what_an_answer_to_an_order_means(
    server: CannedServer, exchange: BinanceExchange, reply: Reply, kind: type[ExchangeError]
) -> None:
    server.on("POST order", reply)
    with pytest.raises(ExchangeError) as caught:
        exchange.submit(BUY)
    assert type(caught.value) is kind
    was_clock = caught.value.code == -1021
    assert len(server.calls("POST order")) == (2 if was_clock else 1), "an order was sent again blindly"


def test_an_order_to_a_server_that_is_not_there_was_not_executed(server: CannedServer) -> None:
    clock = ServerClock()
    connected(server.url, clock=clock).server_time_ms()  # so that the order itself is the first request
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(ExchangeError) as caught:
        connected(f"http://127.0.0.1:{port}", clock=clock).submit(BUY)
    assert type(caught.value) is ExchangeUnavailable


def test_wrong_timestamp_resends_the_order_by_a_new_clock(server: CannedServer, exchange: BinanceExchange) -> None:
    exchange.server_time_ms()
    server.clock_ahead_ms = 60_000
    server.on("POST order", refusal(-1021, "Timestamp for this request is outside of the recvWindow."), Reply(FILLED))
    assert exchange.submit(BUY).status == OrderStatus.FILLED
    first, second = (call.parameters for call in server.calls("POST order"))
    assert first["newClientOrderId"] == second["newClientOrderId"]
    assert int(second["timestamp"]) - int(first["timestamp"]) > 59_000


@pytest.mark.parametrize(
    "trouble",
    [Reply(b"<html>502</html>", 502), Reply(drops=True), refusal(-1001, "Internal error"), Reply(b"<html/>")],
    ids=["502", "dropped", "-1001", "not JSON"],
)
def test_reads_are_asked_again(server: CannedServer, exchange: BinanceExchange, trouble: Reply) -> None:
    server.on("GET order", trouble, trouble, Reply(leg(1, "s-1", "STOP_LOSS")))
    assert exchange.order("BTCUSDT", "s-1").order_id == 1
    assert len(server.calls("GET order")) == 3


def test_reads_give_up_after_five_tries(server: CannedServer, exchange: BinanceExchange) -> None:
    server.on("GET openOrders", Reply(b"<html/>", 502))
    with pytest.raises(ExchangeUnavailable):
        exchange.open_orders("BTCUSDT")
    assert len(server.calls("GET openOrders")) == 5


def test_a_refused_read_is_not_repeated(server: CannedServer, exchange: BinanceExchange) -> None:
    server.on("GET order", refusal(-2013, "Order does not exist."))
    with pytest.raises(OrderNotFound):
        exchange.order("BTCUSDT", "gone")
    assert len(server.calls("GET order")) == 1


def test_a_rate_limit_says_how_long_and_is_not_slept_through(server: CannedServer, exchange: BinanceExchange) -> None:
    server.on("GET openOrders", refusal(-1003, "Too much request weight used.", 429, Retry_After="17"))
    started = time.monotonic()
    with pytest.raises(RateLimited) as caught:
        exchange.open_orders("BTCUSDT")
    assert (caught.value.retry_after_s, len(server.calls("GET openOrders"))) == (17, 1)
    assert time.monotonic() - started < 1
    with pytest.raises(RateLimited):  # and nobody else asks meanwhile
        exchange.book_ticker("BTCUSDT")
    assert server.calls("GET ticker/bookTicker") == []


def test_too_many_orders_stop_orders_and_nothing_else(server: CannedServer, exchange: BinanceExchange) -> None:
    server.on("POST order", refusal(-1015, "Too many new orders.", 429, Retry_After="9"))
    server.on("GET openOrders", Reply([]))
    for _ in range(2):
        with pytest.raises(RateLimited):
            exchange.submit(SELL)
    assert len(server.calls("POST order")) == 1
    assert exchange.open_orders("BTCUSDT") == ()


# Secrets


ACTIONS: dict[str, Callable[[BinanceExchange], object]] = {
    "GET order": lambda exchange: exchange.order("BTCUSDT", "x"),
    "POST order": lambda exchange: exchange.submit(BUY),
    "DELETE order": lambda exchange: exchange.cancel("BTCUSDT", "x"),
    "GET account": lambda exchange: exchange.account(),
}
TROUBLES = {
    "drops": Reply(drops=True),
    "slow": Reply({}, delay_s=0.7),
    "html": Reply(b"<html/>", 502),
    "quotes the key": refusal(-2015, f"key {KEY} and secret {SECRET} are wrong", 401),
}


@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize("trouble", TROUBLES)
def test_no_error_log_or_traceback_holds_a_key_a_signature_or_a_query(
    server: CannedServer, caplog: pytest.LogCaptureFixture, name: str, trouble: str
) -> None:
    exchange = connected(server.url, timeouts_s=(0.3, 0.3))
    server.on(name, TROUBLES[trouble])
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "urllib3.connectionpool")  # quiet by itself, but anyone may turn it up
    with pytest.raises(ExchangeError) as caught:
        ACTIONS[name](exchange)
    told = "".join(traceback.format_exception(caught.value)) + str(caught.value.args) + repr(caught.value)
    told += caplog.text + repr(exchange) + repr(vars(exchange)["_client"].API_SECRET)
    told += "".join(str(record.args) for record in caplog.records)
    for hidden in (KEY, SECRET, "signature="):
        assert hidden not in told
    assert not re.search(r"timestamp=\d", told)
    context: BaseException | None = caught.value
    while context is not None:
        assert not isinstance(context, requests.RequestException)
        context = context.__cause__ or context.__context__
