"""Every documented refusal that these endpoints can give, by code and text, over raw requests.

The table is held to the official list of codes: each is in it, or among those that cannot occur here, with the reason.
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from exchange.paper.http.tests.refusal_cases import DAY_MS, FLAT, ORDERS, PARAMETERS, RefusalCase
from exchange.paper.rate_limits.limits import Counters, RateLimit
from exchange.paper.tests.builders import Caller, caller, symbol_info

pytestmark = pytest.mark.django_db


def a_caller(case: RefusalCase) -> Caller:
    info = symbol_info(**{name: values or {} for name, values in case.filters.items()})
    dropped = {name for name, values in case.filters.items() if values is None}
    info["filters"] = [entry for entry in info["filters"] if entry["filterType"] not in dropped]
    account = {"balances": {"USDT": "10000", "BTC": "10"}, **case.account}
    me = caller(case.table, info={**info, **case.info}, **account)
    me.market.symbols()["BTCUSDT"].update(case.info)  # a replay takes every order type, whatever its file says
    return me


def send(me: Caller, call: str, sent: dict[str, Any]) -> Any:
    method, path = call.split()
    is_public = (method, path.split("/")[0]) in PUBLIC
    if not is_public:
        return me.send(method, path, **sent)
    from urllib.parse import urlencode

    return me.raw(method, path, urlencode(sent))


PUBLIC = {
    ("GET", name)
    for name in ("ping", "time", "exchangeInfo", "klines", "uiKlines", "ticker", "depth", "avgPrice", "trades")
}


@pytest.mark.parametrize("case", PARAMETERS + ORDERS, ids=str)
def test_a_bad_request_is_told_why_by_code_and_text(case: RefusalCase) -> None:
    me = a_caller(case)
    for call, sent in case.first:
        assert send(me, call, sent).ok
    answer = send(me, case.call, case.sent)
    assert answer.json() == {"code": case.code, "msg": case.text}
    assert answer.status_code == (404 if case.code == -1020 else 400)


@pytest.mark.parametrize(
    "case", [c for c in PARAMETERS if c.call == "POST order" and c.code not in (-1104, -1121)][::5], ids=str
)
def test_order_test_refuses_as_order_does(case: RefusalCase) -> None:
    answer = a_caller(case).send("POST", "order/test", **case.sent)
    assert (answer.json()["code"], answer.json()["msg"]) == (case.code, case.text)


def test_a_refused_order_changes_nothing() -> None:
    me = caller(FLAT, balances={"USDT": "10000", "BTC": "10"})
    before = me.balances()
    for case in ORDERS:
        if not (case.first or case.filters or case.info or case.account) and case.call.startswith("POST"):
            send(me, case.call, case.sent)
    assert me.balances() == before
    assert me("GET", "openOrders", symbol="BTCUSDT") == []
    assert me("GET", "allOrders", symbol="BTCUSDT") == []


def test_an_order_cancelled_without_a_fill_is_archived_after_ninety_days() -> None:
    me = caller(FLAT)
    placed = me.order("BUY", "LIMIT", "1", price="90", timeInForce="GTC")
    me("DELETE", "order", symbol="BTCUSDT", orderId=placed["orderId"])
    filled = me.order("BUY", "MARKET", "1")
    me.clock.set(me.clock.now_ms() + 91 * DAY_MS)
    assert me.refused("GET", "order", symbol="BTCUSDT", orderId=placed["orderId"]) == (
        -2026,
        "Order was canceled or expired with no executed qty over 90 days ago and has been archived.",
    )
    assert me.status(filled["orderId"]) == "FILLED"


# The list of codes, walked

ELSEWHERE = {
    -1000: "test_a_fault_of_ours_is_an_unknown_error",
    -1001: "test_market_mirror: the market's source does not answer",
    -1003: "test_paper_requests: limits",
    -1015: "test_paper_requests: limits",
    -1021: "test_paper_requests: timestamps",
    -1022: "test_paper_requests: signatures",
    -1194: "test_a_time_unit_is_one_of_two",
    -2014: "test_paper_requests: keys",
    -2015: "test_paper_requests: keys",
    -2026: "test_an_order_cancelled_without_a_fill_is_archived_after_ninety_days",
    -2039: "test_paper_books: ids of an order must belong together",
}
CANNOT_OCCUR = {
    -1002: "a signed call without a key is -2014 on the REST API",
    -1006: "there is no message bus behind this server",
    -1007: "the answer is made in the request itself, so no engine can be late",
    -1008: "nothing here sheds load",
    -1016: "no service of these endpoints was ever shut down",
    -1103: "an unknown name is -1104 (or -1101) on the REST API",
    -1112: "a market always has a price, and the book around it is never empty",
    -1114: "a timeInForce too many is -1106 on the REST API",
    -1118: "an empty newClientOrderId is -1105 on the REST API",
    -1119: "an empty origClientOrderId is -1105 on the REST API",
    -1125: "listen keys are gone",
    -1135: "a malformed `symbols` is -1100 on the REST API",
    -2016: "no endpoint here looks for a trading window",
    -2043: "no endpoint here gives reference prices",
}
OTHER_PROTOCOLS = {
    # FIX, SBE, the WebSocket API, and OPO lists, none of which are served here.
    -1033, -1034, -1035, -1152, -1153, -1155, -1161, *range(-1191, -1168), -1221, -1222, -1223, -1224, -1225,
    -2035, -2036, -2042,
}  # fmt: skip


def test_every_documented_code_is_in_the_table_or_cannot_occur(shared_data: Path) -> None:
    listed = json.loads((shared_data / "rest_samples/official_docs/error_codes.json").read_text())["codes"]
    here = {case.code for case in PARAMETERS + ORDERS}
    known = here | ELSEWHERE.keys() | CANNOT_OCCUR.keys() | OTHER_PROTOCOLS
    assert {entry["code"] for entry in listed} - known == set()
    assert here & (CANNOT_OCCUR.keys() | OTHER_PROTOCOLS) == set()


def test_the_tables_texts_are_those_of_the_documents(shared_data: Path) -> None:
    listed = json.loads((shared_data / "rest_samples/official_docs/error_codes.json").read_text())
    engine = [entry["message"] for entry in listed["messages"]]
    texts = {entry["code"]: [*entry["messages"]] for entry in listed["codes"]}
    for code in (-1013, -2010, -2011):
        texts[code] += engine
    texts[-1013] += [f"Invalid {what}." for what in ("quantity", "price", "stop price", "iceberg quantity",
                                                     "quote order quantity")]  # fmt: skip
    texts[-1013].append("Filter failure: PERCENT_PRICE_BY_SIDE")
    for case in PARAMETERS + ORDERS:
        allowed = texts.get(case.code)
        if allowed is None:
            assert case.code in (-1131, -2018)  # given by the exchange, missing from the list
            continue
        patterns = [re.escape(text).replace("%s", ".+") for text in allowed]
        assert any(re.fullmatch(pattern, case.text) for pattern in patterns), case.text


def test_a_fault_of_ours_is_an_unknown_error(monkeypatch: pytest.MonkeyPatch) -> None:
    me = caller(FLAT)
    monkeypatch.setattr(type(me.market), "klines", lambda *_: 1 / 0)
    answer = me.raw("GET", "klines", "symbol=BTCUSDT&interval=1m")
    assert (answer.status_code, answer.json()) == (
        500,
        {"code": -1000, "msg": "An unknown error occurred while processing the request."},
    )


def test_a_time_unit_is_one_of_two() -> None:
    answer = caller(FLAT).raw("GET", "time", headers={"X-MBX-TIME-UNIT": "SECOND"})
    assert answer.json() == {
        "code": -1194,
        "msg": "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.",
    }


def test_limits_have_their_texts_and_statuses() -> None:
    weight = Counters((RateLimit("REQUEST_WEIGHT", "MINUTE", 1, 10),))
    weight.admit("a", 10, 0)
    for status, text in (
        (429, "Too much request weight used; current limit is 10 request weight per 1 MINUTE. "
              "Please use WebSocket Streams for live updates to avoid polling the API."),
        (418, f"Way too much request weight used; IP banned until {120_000}. "
              "Please use WebSocket Streams for live updates to avoid bans."),
    ):  # fmt: skip
        with pytest.raises(Exception, match="-1003") as caught:
            weight.admit("a", 1, 0)
        refused: Any = caught.value
        assert (refused.http_status, refused.msg) == (status, text)
    orders = Counters((RateLimit("ORDERS", "SECOND", 10, 1),))
    orders.admit_orders("me", 1, 0)
    with pytest.raises(Exception, match="-1015: Too many new orders; current limit is 1 orders per 10 SECOND"):
        orders.admit_orders("me", 1, int(time.time() * 0))
