"""ccxt around the paper exchange: markets, tickers, every order it makes, OCO through its implicit method."""

from __future__ import annotations

import json

import ccxt
from common import BASE, KEY, REFUSED_ORDERS, SECRET, SYMBOL, advance, refused_order, same

exchange = ccxt.binance(
    {
        "apiKey": KEY,
        "secret": SECRET,
        "urls": {"api": {"public": f"{BASE}/api/v3", "private": f"{BASE}/api/v3"}},
        "options": {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False},
    }
)
exchange.session.trust_env = False
PAIR = "BTC/USDT"


def refusal(call, *args) -> tuple[int, str]:
    """Code and text as they came; its own exceptions keep only one of them for some."""
    try:
        call(*args)
    except ccxt.BaseError:
        said = json.loads(exchange.last_http_response)
        return said["code"], said["msg"]
    raise AssertionError(f"{args} was accepted")


market = exchange.load_markets()[PAIR]
same((market["precision"]["price"], market["precision"]["amount"]), (0.01, 0.00001))
ticker = exchange.fetch_ticker(PAIR)
same((ticker["last"], ticker["bid"], ticker["ask"]), (100.0, 100.0, 100.0))
same(len(exchange.fetch_ohlcv(PAIR, "1m", limit=5)), 5)
same(bool(exchange.fetch_order_book(PAIR)["bids"]), True)

bought = exchange.create_order(PAIR, "market", "buy", 1)
same((bought["status"], bought["average"], bought["fee"]["cost"]), ("closed", 100.0, 0.001))
balance = exchange.fetch_balance()
same((balance["BTC"]["free"], balance["USDT"]["free"]), (10.999, 9900.0))

resting = exchange.create_order(PAIR, "limit", "buy", 1, 90, {"clientOrderId": "mine-2"})
same(resting["status"], "open")
same([o["id"] for o in exchange.fetch_open_orders(PAIR)], [resting["id"]])
same(exchange.fetch_order(resting["id"], PAIR)["clientOrderId"], "mine-2")
same(exchange.cancel_order(resting["id"], PAIR)["status"], "canceled")
stop = exchange.create_order(PAIR, "STOP_LOSS_LIMIT", "sell", 1, 94, {"stopPrice": 95})
same(exchange.fetch_order(stop["id"], PAIR)["status"], "open")
exchange.cancel_all_orders(PAIR)
same(exchange.fetch_open_orders(PAIR), [])

for changes, code, text in REFUSED_ORDERS:
    same(refusal(exchange.private_post_order, refused_order(changes)), (code, text))

pair = exchange.private_post_orderlist_oco(
    {
        "symbol": SYMBOL,
        "side": "SELL",
        "quantity": "1",
        "aboveType": "LIMIT_MAKER",
        "abovePrice": "110",
        "belowType": "STOP_LOSS",
        "belowStopPrice": "95",
    }
)
advance(3)
same([exchange.fetch_order(o["orderId"], PAIR)["status"] for o in pair["orders"]], ["expired", "closed"])
same(exchange.fetch_my_trades(PAIR)[-1]["price"], 110.0)
same(exchange.fetch_orders(PAIR)[-1]["symbol"], PAIR)
print("tour done")
