"""What every tour needs: where the exchange is, its clock, and comparing. Runs in the clients' own environment."""

from __future__ import annotations

import json
import os
import urllib.request

BASE = os.environ["TOUR_BASE"]
KEY, SECRET = os.environ["TOUR_KEY"], os.environ["TOUR_SECRET"]
SYMBOL = "BTCUSDT"


def advance(bars: int) -> int:
    """Move the market's clock on by whole bars; its new time."""
    request = urllib.request.Request(f"{BASE}/control/clock", json.dumps({"bars": bars}).encode(), method="POST")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["time"]


def same(got: object, expected: object) -> None:
    if got != expected:
        raise AssertionError(f"expected {expected!r}, got {got!r}")


INSUFFICIENT = "Account has insufficient balance for requested action."
# What every client must be told, for the same mistake: parameters of POST order over a valid limit order, code, text.
REFUSED_ORDERS: list[tuple[dict[str, object], int, str]] = [
    ({"symbol": "NOPE"}, -1121, "Invalid symbol."),
    ({"side": "UP"}, -1117, "Invalid side."),
    ({"type": "LIMITED"}, -1116, "Invalid orderType."),
    ({"timeInForce": "GTX"}, -1115, "Invalid timeInForce."),
    (
        {"quantity": "1e-05"},
        -1100,
        r"Illegal characters found in parameter 'quantity'; legal range is '^([0-9]{1,20})(\.[0-9]{1,20})?$'.",
    ),
    ({"quantity": "0.000000001"}, -1111, "Parameter 'quantity' has too much precision."),
    ({"quantity": "99999999999999999999"}, -1108, "Parameter 'quantity' overflowed."),
    ({"quantity": "0"}, -1013, "Invalid quantity."),
    ({"quantity": "0.000001"}, -1013, "Filter failure: LOT_SIZE"),
    ({"price": "99.999"}, -1013, "Filter failure: PRICE_FILTER"),
    ({"price": "10"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    ({"quantity": "0.01"}, -1013, "Filter failure: NOTIONAL"),
    ({"quantity": "500"}, -2010, INSUFFICIENT),
    (
        {"newClientOrderId": "a.b"},
        -1100,
        "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[a-zA-Z0-9-_]{1,36}$'.",
    ),
    ({"price": None}, -1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed."),
    ({"stopPrice": "90"}, -1106, "Parameter 'stopPrice' sent when not required."),
    (
        {"type": "STOP_LOSS", "side": "SELL", "price": None, "timeInForce": None},
        -1102,
        "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!",
    ),
    (
        {"type": "STOP_LOSS", "side": "SELL", "price": None, "timeInForce": None, "stopPrice": "101"},
        -2010,
        "Order would trigger immediately.",
    ),
    ({"type": "LIMIT_MAKER", "timeInForce": None, "price": "101"}, -2010, "Order would immediately match and take."),
    ({"type": "MARKET", "timeInForce": None}, -1106, "Parameter 'price' sent when not required."),
    ({"strategyType": "5"}, -1134, "`strategyType` was less than 1000000."),
]


def refused_order(changes: dict[str, object]) -> dict[str, object]:
    """Return a valid limit order with `changes`; a change to None leaves the parameter out."""
    order: dict[str, object] = {
        "symbol": SYMBOL,
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "1",
        "price": "90",
    }
    return {name: value for name, value in {**order, **changes}.items() if value is not None}
