"""Small markets, accounts and a signing caller for the tests of the paper exchange."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import numpy as np
import requests

from exchange.klines.series import FullKlines
from exchange.paper.account import accounts
from exchange.paper.http import signatures
from exchange.paper.http.transport import PaperAdapter
from exchange.paper.market.clock import ManualClock
from exchange.paper.market.registry import MarketRegistry
from exchange.paper.market.replay import ReplayMarket
from exchange.paper.models import PaperAccount

START_MS = 1_700_000_040_000  # a whole minute
MINUTE_MS = 60_000
_names = itertools.count()


def candles(table: str, interval_ms: int = MINUTE_MS, interval: str = "1m") -> FullKlines:
    """One bar a line: open high low close [volume, 1000 where it is not said]."""
    rows = [[float(x) for x in line.split()] for line in table.strip().splitlines()]
    columns = np.array([row if len(row) == 5 else [*row, 1000.0] for row in rows]).T
    count = len(rows)
    opened, high, low, close, volume = columns
    return FullKlines(
        interval,
        START_MS + interval_ms * np.arange(count, dtype=np.int64),
        opened,
        high,
        low,
        close,
        volume,
        columns[4] * columns[3],
        np.ones(count, dtype=np.int64),
        columns[4] / 2,
        columns[4] * columns[3] / 2,
    )


def symbol_info(symbol: str = "BTCUSDT", **filters: dict[str, Any]) -> dict[str, Any]:
    """Return an exchangeInfo entry with a tick of 0.01 and steps of 0.00001; filters by name replace or add."""
    base, quote = symbol[:-4], symbol[-4:]
    usual: dict[str, dict[str, Any]] = {
        "PRICE_FILTER": {"minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"},
        "LOT_SIZE": {"minQty": "0.00001", "maxQty": "9000.0", "stepSize": "0.00001"},
        "MARKET_LOT_SIZE": {"minQty": "0.00000000", "maxQty": "100.0", "stepSize": "0.00000000"},
        "NOTIONAL": {
            "minNotional": "5.0",
            "applyMinToMarket": True,
            "maxNotional": "9000000.0",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        "PERCENT_PRICE_BY_SIDE": {
            "bidMultiplierUp": "5",
            "bidMultiplierDown": "0.2",
            "askMultiplierUp": "5",
            "askMultiplierDown": "0.2",
            "avgPriceMins": 5,
        },
        "ICEBERG_PARTS": {"limit": 100},
        "MAX_NUM_ORDERS": {"maxNumOrders": 200},
        "MAX_NUM_ORDER_LISTS": {"maxNumOrderLists": 20},
        "MAX_NUM_ALGO_ORDERS": {"maxNumAlgoOrders": 5},
    }
    return {
        "symbol": symbol,
        "status": "TRADING",
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": [
            "LIMIT",
            "LIMIT_MAKER",
            "MARKET",
            "STOP_LOSS",
            "STOP_LOSS_LIMIT",
            "TAKE_PROFIT",
            "TAKE_PROFIT_LIMIT",
        ],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "isSpotTradingAllowed": True,
        "filters": [{"filterType": name, **values} for name, values in {**usual, **filters}.items()],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": ["NONE", "EXPIRE_MAKER"],
    }


@dataclass
class Caller:
    """Signs and sends like any client, to the dispatcher of this process."""

    account: PaperAccount
    clock: ManualClock
    session: requests.Session
    market: ReplayMarket

    def __call__(self, method: str, path: str, *, status: int = 200, **params: Any) -> Any:
        """Return the answer's JSON, once its status is the expected one."""
        answer = self.send(method, path, **params)
        assert answer.status_code == status, answer.text
        return answer.json()

    def send(self, method: str, path: str, **params: Any) -> requests.Response:
        params = {name: value for name, value in params.items() if value is not None}
        params.setdefault("timestamp", time.time_ns() // 1_000_000)
        query = urlencode(params)
        secret = accounts.reveal(self.account.api_secret)
        signed = f"{query}&signature={signatures.sign(secret, query.encode())}"
        return self.raw(method, path, signed, {"X-MBX-APIKEY": self.account.api_key})

    def raw(self, method: str, path: str, query: str = "", headers: dict[str, str] | None = None) -> requests.Response:
        return self.session.request(method, f"http://paper.invalid/api/v3/{path}?{query}", headers=headers)

    def refused(self, method: str, path: str, **params: Any) -> tuple[int, str]:
        """Code and text of a refusal."""
        answer = self.send(method, path, **params)
        assert answer.status_code >= 400, answer.text
        return answer.json()["code"], answer.json()["msg"]

    def order(self, side: str, type_: str, quantity: str | None = None, **params: Any) -> Any:
        return self("POST", "order", symbol="BTCUSDT", side=side, type=type_, quantity=quantity, **params)

    def no_order(self, side: str, type_: str, quantity: str | None = None, **params: Any) -> tuple[int, str]:
        return self.refused("POST", "order", symbol="BTCUSDT", side=side, type=type_, quantity=quantity, **params)

    def oco(self, side: str = "SELL", quantity: str = "1", *, above: str, below: str, **params: Any) -> Any:
        """Place a limit and a market stop around the price."""
        types: dict[str, Any] = {
            "aboveType": "LIMIT_MAKER",
            "abovePrice": above,
            "belowType": "STOP_LOSS",
            "belowStopPrice": below,
        }
        if side == "BUY":
            types = {"aboveType": "STOP_LOSS", "aboveStopPrice": above, "belowType": "LIMIT_MAKER", "belowPrice": below}
        return self("POST", "orderList/oco", symbol="BTCUSDT", side=side, quantity=quantity, **types, **params)

    def status(self, order_id: int) -> str:
        return self("GET", "order", symbol="BTCUSDT", orderId=order_id)["status"]

    def trades(self) -> list[dict[str, Any]]:
        return self("GET", "myTrades", symbol="BTCUSDT")

    def balances(self) -> dict[str, tuple[str, str]]:
        """Free and locked of everything held, in as few digits as they need."""
        rows = self("GET", "account", omitZeroBalances="true")["balances"]
        return {row["asset"]: (_short(row["free"]), _short(row["locked"])) for row in rows}

    def go_to(self, bar: int, into_ms: int = 1) -> None:
        """Set the market to `into_ms` after the open of bar number `bar`."""
        self.clock.set(START_MS + bar * MINUTE_MS + into_ms)


def _short(text: str) -> str:
    return format(Decimal(text).normalize(), "f")


def _decimal_terms(terms: dict[str, Any]) -> dict[str, Any]:
    return {name: Decimal(value) if isinstance(value, str) else value for name, value in terms.items()}


def caller(
    table: str,
    *,
    balances: dict[str, str] | None = None,
    info: dict[str, Any] | None = None,
    others: dict[str, str] | None = None,
    at_bar: int = 1,
    replay_rules: bool = False,
    **terms: Any,
) -> Caller:
    """Return a caller with an account of its own on a market of BTCUSDT minutes (`others`: more symbols' tables)."""
    klines = {"BTCUSDT": candles(table)} | {symbol: candles(t) for symbol, t in (others or {}).items()}
    infos = {symbol: symbol_info(symbol) for symbol in klines}
    if info is not None:
        infos["BTCUSDT"] = info
    name = f"test {next(_names)}"
    account = accounts.create_account(
        name,
        f"replay:{name}",
        {asset: Decimal(held) for asset, held in (balances or {"USDT": "10000"}).items()},
        accounts.AccountTerms(**_decimal_terms(terms)),
    )
    served_by = MarketRegistry()
    clock = ManualClock(START_MS + at_bar * MINUTE_MS + 1)
    market = ReplayMarket(klines, infos)
    served_by.install(account, clock=clock, market=market, default=True, replay_rules=replay_rules)
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", PaperAdapter(served_by))
    return Caller(account, clock, session, market)
