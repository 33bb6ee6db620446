"""Any answer, however broken, lands in the tree of errors: in doubt, wherever an order may have got through."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError, ProtocolError

from exchange.api.errors import (
    ExchangeError,
    ExchangeUnavailable,
    OutcomeUnknown,
    RateLimited,
    RequestRejected,
)
from exchange.binance.clock import ServerClock
from exchange.binance.exchange import BinanceExchange
from exchange.binance.requester import Connection
from exchange.binance.tests.test_exchange import BUY, FILLED, OCO, leg, order_list
from exchange.limits.budget import Budget

ADDRESS = "http://canned.invalid"
PLACED_PAIR = order_list(leg(1, "s-1", "STOP_LOSS", stopPrice="90"), leg(2, "t-1", "LIMIT_MAKER"))
CANCELLED = {**leg(4, "the-cancel", "LIMIT"), "origClientOrderId": "mine", "status": "CANCELED"}
Call = Callable[[BinanceExchange], object]
CHANGES: dict[str, tuple[Call, Any]] = {
    "submit": (lambda exchange: exchange.submit(BUY), FILLED),
    "submit_oco": (lambda exchange: exchange.submit_oco(OCO), PLACED_PAIR),
    "cancel": (lambda exchange: exchange.cancel("BTCUSDT", "mine"), CANCELLED),
}
KLINE = [60_000, "1.5", "2", "1", "1.7", "9", 119_999, "0", 1, "0", "0", "0"]
RATES = {"maker": "0.001", "taker": "0.001", "buyer": "0", "seller": "0"}
READS: dict[str, tuple[Call, Any]] = {
    "order": (lambda exchange: exchange.order("BTCUSDT", "s-1"), leg(1, "s-1", "STOP_LOSS")),
    "open_orders": (lambda exchange: exchange.open_orders(), [leg(1, "s-1", "STOP_LOSS")]),
    "account": (
        lambda exchange: exchange.account(),
        {"canTrade": True, "balances": [{"asset": "BTC", "free": "1", "locked": "0"}]},
    ),
    "klines": (lambda exchange: exchange.klines("BTCUSDT", "1m"), [KLINE]),
    "book_ticker": (
        lambda exchange: exchange.book_ticker("BTCUSDT"),
        {"symbol": "BTCUSDT", "bidPrice": "1", "askPrice": "2"},
    ),
    "commission_rates": (lambda exchange: exchange.commission_rates("BTCUSDT"), {"standardCommission": RATES}),
    "symbol_rules": (
        lambda exchange: exchange.symbol_rules("BTCUSDT"),
        {
            "rateLimits": [{"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 9}],
            "symbols": [{"symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT", "filters": []}],
        },
    ),
    "fills": (
        lambda exchange: exchange.fills("BTCUSDT", order_id=1),
        [
            {
                "symbol": "BTCUSDT", "id": 5, "orderId": 1, "price": "4.0", "qty": "1.0", "quoteQty": "4.0",
                "commission": "0.1", "commissionAsset": "BNB", "time": 1499865549590, "isBuyer": True, "isMaker": True,
            }
        ],
    ),
}  # fmt: skip


@dataclass
class Canned(BaseAdapter):
    """Answers every request but `time` alike, or raises; counts what was sent."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    error: Exception | None = None
    sent: int = 0

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:  # type: ignore[override]
        if (request.url or "").endswith("/time"):
            return response(request, 200, json.dumps({"serverTime": time.time_ns() // 1_000_000}).encode(), {})
        self.sent += 1
        if self.error is not None:
            raise self.error
        return response(request, self.status, self.body, self.headers)

    def close(self) -> None:
        """Nothing is held open."""


def response(
    request: requests.PreparedRequest, status: int, body: bytes, headers: Mapping[str, str]
) -> requests.Response:
    made = requests.Response()
    made.status_code, made.url, made.request = status, request.url or "", request
    made.headers.update(headers)
    made.raw = HTTPResponse(io.BytesIO(body), preload_content=False)
    made._content = body
    return made


def outcome(call: Call, answer: Canned) -> Any:
    """Return the value of a call, or an error of the tree. Anything else fails the test."""
    session = requests.Session()
    session.mount(ADDRESS, answer)
    connection = Connection(session, Budget(ADDRESS), CLOCK, first_wait_s=0)
    exchange = BinanceExchange(ADDRESS, "key-key-key", "secret-secret", connection)
    try:
        return call(exchange)
    except ExchangeError as error:
        return error


CLOCK = ServerClock()

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["NaN", "-1", "1e9"])
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner)
)


@st.composite
def spoiled(draw: st.DrawFn, payload: Any) -> Any:
    """Return the payload with one thing in it replaced, or taken out."""
    if isinstance(payload, dict | list) and payload and draw(st.integers(0, 9)):
        copy = payload.copy()
        key = draw(st.sampled_from(list(copy) if isinstance(copy, dict) else range(len(copy))))
        if draw(st.integers(0, 5)) == 0:
            del copy[key]
        else:
            copy[key] = draw(spoiled(copy[key]))
        return copy
    return draw(anything)


quickly = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("name", CHANGES)
@quickly
@given(data=st.data())
def test_a_success_that_is_not_understood_leaves_the_outcome_in_doubt(name: str, data: st.DataObject) -> None:
    call, payload = CHANGES[name]
    answer = Canned(json.dumps(data.draw(spoiled(payload))).encode())
    came = outcome(call, answer)
    assert not isinstance(came, ExchangeError) or type(came) is OutcomeUnknown
    assert answer.sent == 1


@pytest.mark.parametrize("name", READS)
@quickly
@given(data=st.data())
def test_a_read_that_is_not_understood_is_unavailable(name: str, data: st.DataObject) -> None:
    call, payload = READS[name]
    came = outcome(call, Canned(json.dumps(data.draw(spoiled(payload))).encode()))
    assert not isinstance(came, ExchangeError) or type(came) is ExchangeUnavailable


BODIES = {
    "nothing": b"",
    "html": b"<html><body>Service Unavailable</body></html>",
    "cut json": b'{"symbol": "BTCUSDT", "orderId": 2',
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "long number": b'{"code": ' + b"9" * 10_000 + b"}",
    "not utf-8": b'{"msg": "\xff\xfe"}',
    "null": b"null",
    "list": b"[1, 2]",
    "no code": b'{"msg": "no"}',
    "code as text": b'{"code": "-2010", "msg": "no"}',
    "code true": b'{"code": true, "msg": "no"}',
    "null byte": b"\x00",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("status", [200, 202, 400, 403, 404, 409, 500, 503, 504])
def test_what_does_not_say_no_in_the_exchanges_own_words_is_no_refusal(status: int, body: bytes) -> None:
    for name in ("submit", "cancel"):
        answer = Canned(body, status)
        assert type(outcome(CHANGES[name][0], answer)) is OutcomeUnknown
        assert answer.sent == 1


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (500, -1000, "An unknown error occurred while processing the request."),
        (400, -1006, "An unexpected response was received from the message bus. Execution status unknown."),
        (
            504,
            -1007,
            "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
        ),
        (
            400,
            -1007,
            "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
        ),
        (503, -1008, "Server is currently overloaded with other requests. Please try again in a few minutes."),
        (503, 0, "Unknown error, please check your request or try again later."),
        (503, -1001, "Service Unavailable."),
        (409, -2021, "Order cancel-replace partially failed."),
        (500, -2010, "Account has insufficient balance for requested action."),
    ],
)
def test_what_the_exchange_itself_does_not_know_is_in_doubt(status: int, code: int, message: str) -> None:
    for call, _ in CHANGES.values():
        assert (
            type(outcome(call, Canned(json.dumps({"code": code, "msg": message}).encode(), status))) is OutcomeUnknown
        )
    for call, _ in READS.values():
        came = outcome(call, Canned(json.dumps({"code": code, "msg": message}).encode(), status))
        assert type(came) is ExchangeUnavailable


NOT_SENT = {
    "connect timeout": requests.ConnectTimeout(MaxRetryError(None, "", ConnectTimeoutError("slow"))),  # type: ignore[arg-type]
    "refused": requests.ConnectionError(MaxRetryError(None, "", NewConnectionError(None, "refused"))),  # type: ignore[arg-type]
}
MAYBE_SENT = {
    "read timeout": requests.ReadTimeout("read"),
    "reset": requests.ConnectionError(ProtocolError("Connection aborted.", ConnectionResetError(104, "reset"))),
    "closed while sending": requests.ConnectionError(ProtocolError("Connection aborted.", BrokenPipeError(32, "pipe"))),
    "cut body": requests.exceptions.ChunkedEncodingError("cut"),
    "bad compression": requests.exceptions.ContentDecodingError("gzip"),
    "tls": requests.exceptions.SSLError("bad record"),
    "plain": OSError("gone"),
    "timeout of the socket": TimeoutError("timed out"),
}


@pytest.mark.parametrize("error", NOT_SENT.values(), ids=NOT_SENT.keys())
def test_an_order_whose_connection_was_never_made_was_not_executed(error: Exception) -> None:
    for call, _ in CHANGES.values():
        assert type(outcome(call, Canned(error=error))) is ExchangeUnavailable


@pytest.mark.parametrize("error", MAYBE_SENT.values(), ids=MAYBE_SENT.keys())
def test_an_order_whose_connection_broke_is_in_doubt(error: Exception) -> None:
    for call, _ in CHANGES.values():
        answer = Canned(error=error)
        assert type(outcome(call, answer)) is OutcomeUnknown
        assert answer.sent == 1


@pytest.mark.parametrize(
    ("told", "waits_s"),
    [("7", 7), ("0", 0), ("-5", 0), ("1e12", 259_200), ("inf", 60), ("nan", 60), ("Wed, 21 Oct 2026", 60), ("", 60)],
)
def test_a_rate_limits_header_is_believed_only_as_far_as_it_makes_sense(told: str, waits_s: float) -> None:
    limited = Canned(b'{"code": -1003, "msg": "Too much."}', 429, {"Retry-After": told})
    came = outcome(CHANGES["submit"][0], limited)
    assert isinstance(came, RateLimited)
    assert came.retry_after_s == waits_s


@pytest.mark.parametrize("count", ["\u00b2", "9" * 5000, "-1", "x", ""])
def test_a_count_that_is_no_number_does_not_lose_the_answer(count: str) -> None:
    answer = Canned(json.dumps(FILLED).encode(), headers={"X-MBX-USED-WEIGHT-1M": count})
    assert outcome(CHANGES["submit"][0], answer).executed_quantity == Decimal(10)


def test_an_answer_about_another_order_tells_nothing_about_ours() -> None:
    for name, field_name in (("submit", "clientOrderId"), ("cancel", "origClientOrderId")):
        call, payload = CHANGES[name]
        assert type(outcome(call, Canned(json.dumps({**payload, field_name: "theirs"}).encode()))) is OutcomeUnknown
    pair = {**PLACED_PAIR, "listClientOrderId": "theirs"}
    assert type(outcome(CHANGES["submit_oco"][0], Canned(json.dumps(pair).encode()))) is OutcomeUnknown
    other = Canned(json.dumps(leg(1, "theirs", "LIMIT")).encode())
    assert type(outcome(READS["order"][0], other)) is ExchangeUnavailable


def test_a_clear_no_is_a_refusal() -> None:
    refused = Canned(b'{"code": -2010, "msg": "Market is closed."}', 400)
    for call, _ in CHANGES.values():
        assert type(outcome(call, refused)) is RequestRejected
