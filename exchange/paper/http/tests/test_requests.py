"""What a request must look like: signatures over the raw bytes, timing, parameters, limits and their headers."""

from __future__ import annotations

import time
from urllib.parse import urlencode

import pytest

from exchange.paper.account.accounts import reveal
from exchange.paper.http import signatures
from exchange.paper.market.registry import market_registry
from exchange.paper.rate_limits.limits import Counters, RateLimit
from exchange.paper.tests.builders import caller

pytestmark = pytest.mark.django_db

FLAT = "100 100 100 100\n" * 5


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def signed(me, payload: str) -> str:
    return signatures.sign(reveal(me.account.api_secret), payload.encode())


def headers(me, **more: str) -> dict[str, str]:
    return {"X-MBX-APIKEY": me.account.api_key, **more}


def code(answer) -> tuple[int, int]:
    return answer.status_code, answer.json()["code"]


def test_the_signature_may_stand_anywhere_and_covers_the_rest_as_sent():
    me = caller(FLAT)
    rest = f"timestamp={now_ms()}&omitZeroBalances=true"
    signature = signed(me, rest)
    timestamp, omit = rest.split("&")
    pair = f"signature={signature}"
    for query in (f"{rest}&{pair}", f"{pair}&{rest}", f"{timestamp}&{pair}&{omit}"):
        assert me.raw("GET", "account", query, headers(me)).status_code == 200


def test_a_post_may_split_its_parameters_between_query_and_body():
    me = caller(FLAT)
    query, body = "symbol=BTCUSDT&side=BUY&type=MARKET", f"quantity=1&timestamp={now_ms()}"
    signature = signed(me, query + body)
    url = f"http://paper.invalid/api/v3/order?{query}"
    answer = me.session.post(url, data=f"{body}&signature={signature}", headers=headers(me))
    assert answer.json()["status"] == "FILLED"


def test_a_name_in_query_and_body_takes_the_querys_value():
    me = caller(FLAT)
    query, body = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1", f"quantity=2&timestamp={now_ms()}"
    url = f"http://paper.invalid/api/v3/order?{query}"
    data = f"{body}&signature={signed(me, query + body)}"
    assert me.session.post(url, data=data, headers=headers(me)).json()["executedQty"] == "1.00000000"


def test_percent_encoded_text_is_signed_as_sent_and_read_decoded():
    me = caller(FLAT)
    query = f"symbol=BTC%40USDT&timestamp={now_ms()}"
    answer = me.raw("GET", "openOrders", f"{query}&signature={signed(me, query)}", headers(me))
    assert answer.json()["code"] == -1100  # the signature was right, the @ is not


def test_a_wrong_signature_and_wrong_keys_have_their_own_codes():
    me = caller(FLAT)
    query = f"timestamp={now_ms()}"
    assert code(me.raw("GET", "account", f"{query}&signature={'0' * 64}", headers(me))) == (400, -1022)
    good = f"{query}&signature={signed(me, query)}"
    assert code(me.raw("GET", "account", good)) == (401, -2014)
    assert code(me.raw("GET", "account", good, {"X-MBX-APIKEY": "a b"})) == (401, -2014)
    assert code(me.raw("GET", "account", good, {"X-MBX-APIKEY": "nobody"})) == (401, -2015)
    assert me.raw("GET", "account", good.replace(signed(me, query), signed(me, query).upper()), headers(me)).ok


@pytest.mark.parametrize(
    "late_by_ms, window, expected",
    [(4000, None, 200), (6500, None, -1021), (6500, "7000.5", 200), (-500, None, 200), (-3000, None, -1021)],
)
def test_timestamps_are_held_to_the_window(late_by_ms, window, expected):
    me = caller(FLAT)
    answer = me.send("GET", "account", timestamp=now_ms() - late_by_ms, recvWindow=window)
    assert (answer.status_code if answer.ok else answer.json()["code"]) == expected


def test_timestamps_may_be_in_microseconds_and_answers_too():
    me = caller(FLAT)
    query = f"symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1&timestamp={time.time_ns() // 1000}"
    answer = me.raw(
        "POST", "order", f"{query}&signature={signed(me, query)}", headers(me, **{"X-MBX-TIME-UNIT": "MICROSECOND"})
    )
    assert answer.json()["transactTime"] == me.clock.now_ms() * 1000


@pytest.mark.parametrize(
    "query, expected",
    [
        ("", (-1102, "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.")),
        ("timestamp=1", (-1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.")),
        ("timestamp=&signature=x", (-1105, "Parameter 'timestamp' was empty.")),
        ("timestamp=1&timestamp=2&signature=x", (-1101, "Duplicate values for a parameter detected.")),
        (
            "timestamp=1&signature=x&foo=1",
            (-1104, "Not all sent parameters were read; read '2' parameter(s) but was sent '3'."),
        ),
    ],
)
def test_malformed_parameters_have_the_documented_codes(query, expected):
    me = caller(FLAT)
    said = me.raw("GET", "account", query, headers(me)).json()
    assert (said["code"], said["msg"]) == expected


def test_a_window_over_a_minute_is_refused():
    assert caller(FLAT).refused("GET", "account", recvWindow="60001")[0] == -1131


def test_an_unknown_path_is_404():
    assert caller(FLAT).raw("GET", "nothing").status_code == 404


def test_every_answer_reports_the_weight_used():
    me = caller(FLAT)
    first = me.raw("GET", "ping")
    assert (first.headers["X-MBX-USED-WEIGHT-1M"], first.headers["X-MBX-USED-WEIGHT"]) == ("1", "1")
    assert first.headers["Content-Type"] == "application/json;charset=UTF-8"
    placed = me.send(
        "POST", "order", symbol="BTCUSDT", side="BUY", type="LIMIT", price="90", quantity="1", timeInForce="GTC"
    )
    assert placed.headers["X-MBX-USED-WEIGHT-1M"] == "1"
    assert (placed.headers["X-MBX-ORDER-COUNT-10S"], placed.headers["X-MBX-ORDER-COUNT-1D"]) == ("1", "1")
    refused = me.send(
        "POST", "order", symbol="BTCUSDT", side="BUY", type="LIMIT", price="90", quantity="0", timeInForce="GTC"
    )
    assert refused.headers["X-MBX-USED-WEIGHT-1M"] == "2"
    assert [row["count"] for row in me("GET", "rateLimit/order")] == [1, 1]


def test_signed_reads_weigh_what_the_documentation_says():
    me = caller(FLAT, balances={"USDT": "1000", "BTC": "1"})
    resting = me.order("BUY", "LIMIT", "1", price="90", timeInForce="GTC")["orderId"]
    pair = me.oco(above="110", below="95")["orderListId"]
    symbol = {"symbol": "BTCUSDT"}
    weights = [
        (20, "account", {}),
        (20, "account/commission", symbol),
        (4, "order", {**symbol, "orderId": resting}),
        (6, "openOrders", symbol),
        (80, "openOrders", {}),
        (20, "allOrders", symbol),
        (20, "myTrades", symbol),
        (5, "myTrades", {**symbol, "orderId": resting}),
        (4, "orderList", {"orderListId": pair}),
        (6, "openOrderList", {}),
        (20, "allOrderList", {}),
        (40, "rateLimit/order", {}),
    ]
    used = 0
    for weight, path, params in weights:
        answer = me.send("GET", path, **params)
        assert answer.status_code == 200, answer.text
        used += weight
        assert answer.headers["X-MBX-USED-WEIGHT-1M"] == str(used), path


def test_going_on_after_a_429_is_a_ban_that_ends():
    me = caller(FLAT)
    answers = [me.raw("GET", "exchangeInfo") for _ in range(302)]
    assert {a.status_code for a in answers[:300]} == {200}
    limited, banned = answers[300:]
    assert (limited.status_code, limited.json()["code"]) == (429, -1003)
    assert 1 <= int(limited.headers["Retry-After"]) <= 60
    assert (banned.status_code, banned.headers["Retry-After"]) == (418, "120")
    me.clock.set(me.clock.now_ms() + 121_000)
    assert me.raw("GET", "ping").status_code == 200


def test_too_many_orders_in_ten_seconds_are_refused_until_the_slot_ends():
    counters = Counters((RateLimit("ORDERS", "SECOND", 10, 2),))
    counters.admit_orders("me", 2, 5_000)
    with pytest.raises(Exception, match="-1015"):
        counters.admit_orders("me", 1, 9_999)
    counters.admit_orders("me", 1, 10_000)


def test_a_filled_order_no_longer_counts():
    me = caller(FLAT)
    me.order("BUY", "MARKET", "1")
    assert [row["count"] for row in me("GET", "rateLimit/order")] == [0, 0]


def test_the_site_serves_the_same_answers_below_paper(client):
    me = caller(FLAT)
    market_registry.install(me.account, clock=me.clock, market=me.market)
    body = urlencode({"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1", "timestamp": now_ms()})
    try:
        answer = client.post(
            "/paper/api/v3/order",
            f"{body}&signature={signed(me, body)}",
            content_type="application/x-www-form-urlencoded",
            headers=headers(me),
        )
    finally:
        market_registry.remove(me.account)
    assert (answer.status_code, answer.json()["status"]) == (200, "FILLED")


def test_a_browser_at_paper_is_told_what_is_there(client):
    assert client.get("/paper", follow=True).redirect_chain == [("/paper/", 301)]
    page = client.get("/paper/").content.decode()
    assert "<code>http://testserver/paper</code>" in page
    assert "<code>orderList/oco</code>" in page
