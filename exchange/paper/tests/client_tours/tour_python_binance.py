"""python-binance around the paper exchange: every order type, OCO both ways, refusals, exact balances."""

from __future__ import annotations

from decimal import Decimal

from binance.client import Client
from binance.exceptions import BinanceAPIException
from common import BASE, KEY, REFUSED_ORDERS, SECRET, SYMBOL, advance, refused_order, same

client = Client(KEY, SECRET, ping=False)
client.API_URL = f"{BASE}/api"
client.session.trust_env = False


def refusal(call, **params) -> tuple[int, str]:
    try:
        call(**params)
    except BinanceAPIException as error:
        return error.code, error.message
    raise AssertionError(f"{params} was accepted")


def held(asset: str) -> tuple[Decimal, Decimal]:
    balance = client.get_asset_balance(asset)
    return Decimal(balance["free"]), Decimal(balance["locked"])


def order(side: str, type_: str, quantity: str = "1", **params) -> dict:
    return client.create_order(symbol=SYMBOL, side=side, type=type_, quantity=quantity, **params)


def oco(above: str, below: str) -> dict:
    legs = {"aboveType": "LIMIT_MAKER", "abovePrice": above, "belowType": "STOP_LOSS", "belowStopPrice": below}
    return client.create_oco_order(symbol=SYMBOL, side="SELL", quantity="1", **legs)


# The market: its time, symbols and candles.
same(client.ping(), {})
same([s["symbol"] for s in client.get_exchange_info()["symbols"]], [SYMBOL])
rows = client.get_klines(symbol=SYMBOL, interval="1m", limit=2)
same([type(x) for x in rows[0]], [int, str, str, str, str, str, int, str, int, str, str, str])
same(len(client.get_historical_klines(SYMBOL, "1m", "1 Jan, 2017", limit=1000)), 11)
same(client.get_avg_price(symbol=SYMBOL)["price"], "100.00000000")

# Market orders, by quantity and by quote, with fees out of what is received.
bought = order("BUY", "MARKET")
same((bought["status"], bought["cummulativeQuoteQty"], len(bought["fills"])), ("FILLED", "100.00000000", 1))
same(held("BTC"), (Decimal("10.999"), Decimal(0)))
same(held("USDT"), (Decimal(9900), Decimal(0)))
by_quote = client.create_order(symbol=SYMBOL, side="SELL", type="MARKET", quoteOrderQty="100")
same((by_quote["origQty"], by_quote["origQuoteOrderQty"]), ("1.00000000", "100.00000000"))
same(held("USDT"), (Decimal("9999.9"), Decimal(0)))

# Every refusal by code and text.
for changes, code, text in REFUSED_ORDERS:
    same(refusal(client.create_order, **refused_order(changes)), (code, text))
same(refusal(client.create_order, **refused_order({"surprise": "1"}))[0], -1104)
same(refusal(client.get_order, symbol=SYMBOL, orderId=999999), (-2013, "Order does not exist."))
same(refusal(client.cancel_order, symbol=SYMBOL, orderId=999999), (-2011, "Unknown order sent."))
same(refusal(client.get_my_trades, symbol=SYMBOL, fromId=1, startTime=1)[0], -1128)
same(refusal(client.get_klines, symbol=SYMBOL, interval="1s"), (-1120, "Invalid interval."))
same(client.create_test_order(**refused_order({})), {})

# Limits: resting, locked, looked up, refused twice, cancelled under another id.
resting = order("BUY", "LIMIT", price="90", timeInForce="GTC", newClientOrderId="mine-1")
same((resting["status"], resting["fills"]), ("NEW", []))
same(held("USDT"), (Decimal("9909.9"), Decimal(90)))
same(refusal(client.create_order, **refused_order({"newClientOrderId": "mine-1"})), (-2010, "Duplicate order sent."))
seen = client.get_order(symbol=SYMBOL, origClientOrderId="mine-1")
same((seen["orderId"], seen["isWorking"], seen["stopPrice"]), (resting["orderId"], True, "0.00000000"))
same([o["orderId"] for o in client.get_open_orders(symbol=SYMBOL)], [resting["orderId"]])
cancelled = client.cancel_order(symbol=SYMBOL, origClientOrderId="mine-1", newClientOrderId="the-cancel")
same((cancelled["origClientOrderId"], cancelled["clientOrderId"]), ("mine-1", "the-cancel"))
same(cancelled["status"], "CANCELED")
same(held("USDT"), (Decimal("9999.9"), Decimal(0)))
expired = order("BUY", "LIMIT", price="90", timeInForce="IOC")
same((expired["status"], expired["expiryReason"]), ("EXPIRED", "UNFILLED_IOC_QUANTITY_EXPIRED"))
expired = order("BUY", "LIMIT", price="90", timeInForce="FOK")
same((expired["status"], expired["expiryReason"]), ("EXPIRED", "UNFILLED_FOK_ORDER_EXPIRED"))

# Types that answer ACK unless asked for more.
acks = [
    order("SELL", "LIMIT_MAKER", price="150"),
    order("SELL", "STOP_LOSS", stopPrice="50"),
    order("SELL", "STOP_LOSS_LIMIT", stopPrice="50", price="49", timeInForce="GTC"),
    order("SELL", "TAKE_PROFIT", stopPrice="150"),
    order("SELL", "TAKE_PROFIT_LIMIT", stopPrice="150", price="149", timeInForce="GTC"),
]
for ack in acks:
    same(sorted(ack), ["clientOrderId", "orderId", "orderListId", "symbol", "transactTime"])
stop = client.get_order(symbol=SYMBOL, orderId=acks[1]["orderId"])
same((stop["isWorking"], stop["workingTime"], stop["status"]), (False, -1, "NEW"))
order("SELL", "STOP_LOSS", stopPrice="50")
same(
    refusal(
        client.create_order,
        **refused_order({"side": "SELL", "type": "STOP_LOSS", "stopPrice": "50", "price": None, "timeInForce": None}),
    ),
    (-2010, "Filter failure: MAX_NUM_ALGO_ORDERS"),
)
same(len(client._delete("openOrders", True, data={"symbol": SYMBOL})), 6)
same(held("BTC")[1], Decimal(0))

# OCO: the target fills, then the stop of another; each ends its sibling.
same(
    refusal(
        client.create_oco_order,
        symbol=SYMBOL,
        side="SELL",
        quantity="1",
        aboveType="LIMIT_MAKER",
        abovePrice="99",
        belowType="STOP_LOSS",
        belowStopPrice="95",
    ),
    (-2010, "The relationship of the prices for the orders is not correct."),
)
before = held("BTC")[0]
pair = oco("110", "95")
same((pair["listStatusType"], pair["listOrderStatus"], pair["contingencyType"]), ("EXEC_STARTED", "EXECUTING", "OCO"))
same(held("BTC"), (before - 1, Decimal(1)))
usdt = held("USDT")[0]
advance(3)
same(held("BTC"), (before - 1, Decimal(0)))
same(held("USDT")[0], usdt + Decimal("109.89"))
states = {o["orderId"]: client.get_order(symbol=SYMBOL, orderId=o["orderId"]) for o in pair["orders"]}
same([s["status"] for s in states.values()], ["EXPIRED", "FILLED"])
same([s.get("expiryReason") for s in states.values()], ["OCO_TRIGGER", None])
same(client.v3_get_order_list(orderListId=pair["orderListId"])["listOrderStatus"], "ALL_DONE")
pair = oco("110", "95")
advance(2)
same([client.get_order(symbol=SYMBOL, orderId=o["orderId"])["status"] for o in pair["orders"]], ["FILLED", "EXPIRED"])
last = client.get_my_trades(symbol=SYMBOL)[-1]
same((last["price"], last["isMaker"], last["isBuyer"]), ("95.00000000", False, False))
pair = oco("110", "95")
done = client.cancel_order(symbol=SYMBOL, orderId=pair["orders"][0]["orderId"])
same((done["listStatusType"], [r["status"] for r in done["orderReports"]]), ("ALL_DONE", ["CANCELED", "CANCELED"]))
same(held("BTC"), (before - 2, Decimal(0)))
same(len(client.get_all_orders(symbol=SYMBOL)) >= 16, True)
same(client.get_account()["canTrade"], True)
print("tour done")
