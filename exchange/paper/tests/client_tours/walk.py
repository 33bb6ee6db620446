"""One walk through every endpoint and order type, the same for each client, each sending it its own way.

`TOUR_CLIENT` names the client. Answers are looked at as they came over the wire; balances are worked by hand.
The market stands at 100 and moves in five minutes: 12, 16 and 22 reach 111, 14 and 18 fall to 94, 20 to 89.
"""

from __future__ import annotations

import os
from decimal import Decimal

import adapters
from common import SYMBOL, advance, same

send = adapters.CLIENTS[os.environ["TOUR_CLIENT"]]()
BTC = {"symbol": SYMBOL}


def held(btc: str, usdt: str, btc_locked: str = "0", usdt_locked: str = "0") -> None:
    """Free and locked of both assets, exactly."""
    rows = {row["asset"]: row for row in send("GET account", omitZeroBalances="true")["balances"]}
    got = [Decimal(rows[asset][kind]) for asset in ("BTC", "USDT") for kind in ("free", "locked")]
    same(got, [Decimal(text) for text in (btc, btc_locked, usdt, usdt_locked)])


def order(side: str, type_: str, quantity: str | None = "1", **more: str) -> dict:
    sent = {"side": side, "type": type_, "quantity": quantity, **more}
    return send("POST order", **BTC, **{name: value for name, value in sent.items() if value is not None})


def oco(side: str, above: dict, below: dict, **more: str) -> dict:
    legs = {
        f"{leg}{name}": value for leg, named in (("above", above), ("below", below)) for name, value in named.items()
    }
    return send("POST orderList/oco", **BTC, side=side, quantity="1", **legs, **more)


def status(order_id: int) -> str:
    return send("GET order", **BTC, orderId=order_id)["status"]


def types(value: object) -> object:
    """Return the shape of an answer: names and types, one item for a list."""
    if isinstance(value, dict):
        return {name: types(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [types(inner) for inner in value[:1]]
    return type(value)


def names(text: str, kind: type) -> dict[str, type]:
    return dict.fromkeys(text.split(), kind)


ACK = names("symbol clientOrderId", str) | names("orderId orderListId transactTime", int)
AMOUNTS = names(
    "price origQty executedQty origQuoteOrderQty cummulativeQuoteQty status timeInForce type side "
    "selfTradePreventionMode",
    str,
)
RESULT = ACK | AMOUNTS | {"workingTime": int}
FILL = names("price qty commission commissionAsset", str) | {"tradeId": int}
QUERIED = (
    names("symbol clientOrderId stopPrice icebergQty", str)
    | AMOUNTS
    | names("orderId orderListId time updateTime workingTime", int)
    | {"isWorking": bool}
)
LIST = names("contingencyType listStatusType listOrderStatus listClientOrderId symbol", str) | {
    "orderListId": int,
    "transactionTime": int,
    "orders": [names("symbol clientOrderId", str) | {"orderId": int}],
}
KLINE = [int, str, str, str, str, str, int, str, int, str, str, str]

# The market

same(send("GET ping"), {})
same(types(send("GET time")), {"serverTime": int})
info = send("GET exchangeInfo", symbol=SYMBOL)
same([types(info[name]) for name in ("timezone", "serverTime")], [str, int])
same(types(info["rateLimits"][0]), names("rateLimitType interval", str) | names("intervalNum limit", int))
for path in ("GET klines", "GET uiKlines"):
    rows = send(path, **BTC, interval="1m", limit=2)
    same([[type(item) for item in row] for row in rows], [KLINE, KLINE])
    same([row[4] for row in rows], ["100.00000000", "100.00000000"])
same([len(send("GET depth", **BTC, limit=5)[side][0]) for side in ("bids", "asks")], [2, 2])
same(types(send("GET avgPrice", **BTC)), {"mins": int, "price": str, "closeTime": int})
same(types(send("GET trades", **BTC, limit=1)[0])["id"], int)
same(send("GET ticker/price", **BTC), {"symbol": SYMBOL, "price": "100.00000000"})
same(send("GET ticker/bookTicker", **BTC)["askPrice"], "100.00000000")
day = send("GET ticker/24hr", **BTC)
same((day["lastPrice"], type(day["count"]), len(day)), ("100.00000000", int, 21))
rates = send("GET account/commission", **BTC)
same(
    rates["standardCommission"],
    dict.fromkeys(("maker", "taker"), "0.00100000") | dict.fromkeys(("buyer", "seller"), "0.00000000"),
)
account = send("GET account")
same((account["makerCommission"], account["canTrade"], account["accountType"]), (10, True, "SPOT"))
same(
    types(send("GET rateLimit/order")[0]), names("rateLimitType interval", str) | names("intervalNum limit count", int)
)
same(send("POST order/test", **BTC, side="BUY", type="MARKET", quantity="1"), {})

# What fills at once

bought = order("BUY", "MARKET")
same(types(bought), RESULT | {"fills": [FILL]})
same((bought["status"], bought["price"], bought["fills"][0]["commission"]), ("FILLED", "0.00000000", "0.00100000"))
held("10.999", "9900")
same(order("BUY", "MARKET", None, quoteOrderQty="50")["executedQty"], "0.50000000")
held("11.4985", "9850")
same(order("SELL", "MARKET", None, quoteOrderQty="100")["cummulativeQuoteQty"], "100.00000000")
held("10.4985", "9949.9")
same(order("BUY", "LIMIT", price="120", timeInForce="GTC")["fills"][0]["price"], "100.00000000")
held("11.4975", "9849.9")
same(order("BUY", "LIMIT", price="90", timeInForce="IOC")["expiryReason"], "UNFILLED_IOC_QUANTITY_EXPIRED")
same(order("BUY", "LIMIT", price="90", timeInForce="FOK")["expiryReason"], "UNFILLED_FOK_ORDER_EXPIRED")
same(order("BUY", "LIMIT", price="100", timeInForce="IOC")["status"], "FILLED")
held("12.4965", "9749.9")
same(order("SELL", "LIMIT", price="100", timeInForce="FOK")["status"], "FILLED")
held("11.4965", "9849.8")

# What rests, is looked up and cancelled

resting = order("BUY", "LIMIT", price="90", timeInForce="GTC", newClientOrderId="mine")
same((resting["status"], resting["fills"]), ("NEW", []))
held("11.4965", "9759.8", usdt_locked="90")
seen = send("GET order", **BTC, origClientOrderId="mine")
same(types(seen), QUERIED)
same(send("GET openOrders", **BTC), [seen])
gone = send("DELETE order", **BTC, origClientOrderId="mine", newClientOrderId="the-cancel")
same((gone["origClientOrderId"], gone["clientOrderId"], gone["status"]), ("mine", "the-cancel", "CANCELED"))
same(types(gone), ACK | {"origClientOrderId": str} | AMOUNTS)
held("11.4965", "9849.8")

# Every type that waits, filled by what comes

above = [
    order("SELL", "LIMIT_MAKER", price="110"),
    order("SELL", "TAKE_PROFIT", stopPrice="110"),
    order("SELL", "TAKE_PROFIT_LIMIT", stopPrice="110", price="109", timeInForce="GTC"),
]
below = [
    order("SELL", "STOP_LOSS", stopPrice="95"),
    order("SELL", "STOP_LOSS_LIMIT", stopPrice="95", price="94", timeInForce="GTC"),
]
for ack in above + below:
    same(types(ack), ACK)
held("6.4965", "9849.8", btc_locked="5")
stop = send("GET order", **BTC, orderId=below[0]["orderId"])
same((stop["isWorking"], stop["workingTime"], stop["stopPrice"]), (False, -1, "95.00000000"))
advance(3)
same([status(ack["orderId"]) for ack in above + below], ["FILLED"] * 3 + ["NEW"] * 2)
held("6.4965", "10179.47", btc_locked="2")  # three times 110 less 0.1 %
advance(2)
same([status(ack["orderId"]) for ack in below], ["FILLED", "FILLED"])
held("6.4965", "10369.28")  # twice 95 less 0.1 %

# OCO: a sale by its target and by its stop, a purchase by its limit and by its stop

TARGET, STOP = {"Type": "LIMIT_MAKER", "Price": "110"}, {"Type": "STOP_LOSS", "StopPrice": "95"}
STOP_LIMIT = {"Type": "STOP_LOSS_LIMIT", "StopPrice": "95", "Price": "94", "TimeInForce": "GTC"}
pair = oco("SELL", TARGET, STOP, listClientOrderId="pair-1", newOrderRespType="RESULT")
same((pair["contingencyType"], pair["listStatusType"], pair["listOrderStatus"]), ("OCO", "EXEC_STARTED", "EXECUTING"))
same(types({name: value for name, value in pair.items() if name != "orderReports"}), LIST)
same({report["status"] for report in pair["orderReports"]}, {"NEW"})
held("5.4965", "10369.28", btc_locked="1")
same(types(send("GET openOrderList")), [LIST])
advance(2)
same([status(leg["orderId"]) for leg in pair["orders"]], ["EXPIRED", "FILLED"])
held("5.4965", "10479.17")
same(send("GET orderList", origClientOrderId="pair-1")["listOrderStatus"], "ALL_DONE")
pair = oco("SELL", TARGET, STOP_LIMIT)
advance(2)
same([status(leg["orderId"]) for leg in pair["orders"]], ["FILLED", "EXPIRED"])
held("4.4965", "10574.075")
pair = oco("BUY", {"Type": "STOP_LOSS", "StopPrice": "105"}, {"Type": "LIMIT_MAKER", "Price": "90"})
held("4.4965", "10469.075", usdt_locked="105")
advance(2)
same([status(leg["orderId"]) for leg in pair["orders"]], ["EXPIRED", "FILLED"])
held("5.4955", "10484.075")
pair = oco("BUY", {"Type": "STOP_LOSS", "StopPrice": "105"}, {"Type": "LIMIT_MAKER", "Price": "80"})
advance(2)
same([status(leg["orderId"]) for leg in pair["orders"]], ["FILLED", "EXPIRED"])
held("6.4945", "10379.075")
pair = oco("SELL", TARGET, STOP)
gone = send("DELETE orderList", **BTC, orderListId=pair["orderListId"])
same((gone["listStatusType"], [report["status"] for report in gone["orderReports"]]), ("ALL_DONE", ["CANCELED"] * 2))
pair = oco("SELL", TARGET, STOP)
send("DELETE order", **BTC, orderId=pair["orders"][1]["orderId"])  # one leg takes the whole list with it
same(send("GET orderList", orderListId=pair["orderListId"])["listOrderStatus"], "ALL_DONE")
held("6.4945", "10379.075")

# Cancelling all, and the record

order("BUY", "LIMIT", price="90", timeInForce="GTC")
order("SELL", "STOP_LOSS", stopPrice="95")
oco("SELL", TARGET, STOP)
gone = send("DELETE openOrders", **BTC)
same(len(gone), 3)
same((send("GET openOrders"), send("GET openOrderList")), ([], []))
held("6.4945", "10379.075")
same(len(send("GET allOrderList")), 7)
every = send("GET allOrders", **BTC)
same(
    {o["type"] for o in every},
    {"MARKET", "LIMIT", "LIMIT_MAKER", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"},
)
same({o["status"] for o in every}, {"FILLED", "CANCELED", "EXPIRED"})
trades = send("GET myTrades", **BTC)
same(
    types(trades[0]),
    names("symbol price qty quoteQty commission commissionAsset", str)
    | names("id orderId orderListId time", int)
    | names("isBuyer isMaker isBestMatch", bool),
)
same(len(trades), 15)
base, quote = Decimal(10), Decimal(10000)
for trade in trades:
    sign = 1 if trade["isBuyer"] else -1
    base += sign * Decimal(trade["qty"]) - (Decimal(trade["commission"]) if trade["commissionAsset"] == "BTC" else 0)
    quote -= sign * Decimal(trade["quoteQty"]) + (
        Decimal(trade["commission"]) if trade["commissionAsset"] == "USDT" else 0
    )
same((base, quote), (Decimal("6.4945"), Decimal("10379.075")))
print("tour done")
