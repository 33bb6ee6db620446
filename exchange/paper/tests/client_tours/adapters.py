"""Each client as one function: `send("GET order", …)` calls the client's own method and gives the wire's JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from common import BASE, KEY, SECRET

Send = Callable[..., Any]


def python_binance() -> Send:
    from binance.client import Client

    client = Client(KEY, SECRET, ping=False)
    client.API_URL = f"{BASE}/api"
    client.session.trust_env = False
    methods = {
        "GET ping": client.ping,
        "GET time": client.get_server_time,
        "GET exchangeInfo": lambda **sent: client._get("exchangeInfo", data=sent),
        "GET klines": client.get_klines,
        "GET uiKlines": client.get_ui_klines,
        "GET depth": client.get_order_book,
        "GET avgPrice": client.get_avg_price,
        "GET trades": client.get_recent_trades,
        "GET ticker/price": client.get_symbol_ticker,
        "GET ticker/bookTicker": client.get_orderbook_ticker,
        "GET ticker/24hr": client.get_ticker,
        "GET account": client.get_account,
        "GET account/commission": client.v3_get_account_commission,
        "GET rateLimit/order": client.get_current_order_count,
        "GET order": client.get_order,
        "GET openOrders": client.get_open_orders,
        "GET allOrders": client.get_all_orders,
        "GET myTrades": client.get_my_trades,
        "GET orderList": client.v3_get_order_list,
        "GET allOrderList": client.v3_get_all_order_list,
        "GET openOrderList": client.get_open_oco_orders,
        "POST order": client.create_order,
        "POST order/test": client.create_test_order,
        "POST orderList/oco": client.create_oco_order,
        "DELETE order": client.cancel_order,
        "DELETE openOrders": client.cancel_all_open_orders,
        "DELETE orderList": client.v3_delete_order_list,
    }
    return lambda call, **sent: methods[call](**sent)


def ccxt() -> Send:
    """Its implicit methods; what came is read from the last answer, because it turns numbers into text."""
    import ccxt as library

    exchange = library.binance(
        {
            "apiKey": KEY,
            "secret": SECRET,
            "urls": {"api": {"public": f"{BASE}/api/v3", "private": f"{BASE}/api/v3"}},
            "options": {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False},
        }
    )
    exchange.session.trust_env = False

    def send(call: str, **sent: Any) -> Any:
        method, path = call.split()
        name = f"{method}_{path.replace('/', '_')}".lower()
        signed = getattr(exchange, f"private_{name}", None)
        (signed or getattr(exchange, f"public_{name}"))(sent)
        return json.loads(exchange.last_http_response)

    return send


def sdk() -> Send:
    """Use the official SDK; return its models as JSON, once it has taken no exception to any type."""
    import logging

    from binance_common.configuration import ConfigurationRestAPI
    from binance_sdk_spot.spot import Spot

    class Strict(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.WARNING:
                raise AssertionError(record.getMessage())

    logging.getLogger().addHandler(Strict())
    api = Spot(ConfigurationRestAPI(api_key=KEY, api_secret=SECRET, base_path=BASE, timeout=10_000, retries=0)).rest_api
    methods = {
        "GET ping": api.ping,
        "GET time": api.time,
        "GET exchangeInfo": api.exchange_info,
        "GET klines": api.klines,
        "GET uiKlines": api.ui_klines,
        "GET depth": api.depth,
        "GET avgPrice": api.avg_price,
        "GET trades": api.get_trades,
        "GET ticker/price": api.ticker_price,
        "GET ticker/bookTicker": api.ticker_book_ticker,
        "GET ticker/24hr": api.ticker24hr,
        "GET account": api.get_account,
        "GET account/commission": api.account_commission,
        "GET rateLimit/order": api.rate_limit_order,
        "GET order": api.get_order,
        "GET openOrders": api.get_open_orders,
        "GET allOrders": api.all_orders,
        "GET myTrades": api.my_trades,
        "GET orderList": api.get_order_list,
        "GET allOrderList": api.all_order_list,
        "GET openOrderList": api.open_order_list,
        "POST order": api.new_order,
        "POST order/test": api.order_test,
        "POST orderList/oco": api.order_list_oco,
        "DELETE order": api.delete_order,
        "DELETE openOrders": api.delete_open_orders,
        "DELETE orderList": api.delete_order_list,
    }

    def send(call: str, **sent: Any) -> Any:
        snake = {re.sub("([A-Z])", lambda found: f"_{found[1].lower()}", name): value for name, value in sent.items()}
        return plain(methods[call](**snake).data())

    return send


ITS_OWN = "additional_properties"  # a field of the SDK's models, not of the wire


def plain(value: Any) -> Any:
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if getattr(value, "actual_instance", None) is not None:
        return plain(value.actual_instance)
    if hasattr(value, "to_dict"):
        return plain(value.to_dict())
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items() if name != ITS_OWN and inner is not None}
    return value


CLIENTS: dict[str, Callable[[], Send]] = {"python_binance": python_binance, "ccxt": ccxt, "sdk": sdk}
