"""Read public market data: from Binance, its testnet, a mirror or the paper exchange. No key is needed.

Downloads, the mirror market, the stored symbols and (through exchange.py) every bot read through this one client: one
retry policy, one request budget a host.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from exchange.api.errors import ExchangeUnavailable
from exchange.api.types import BookTicker, Klines, SymbolRules
from exchange.binance import parsing
from exchange.binance.requester import Connection, Requester
from exchange.limits.budget import Budget
from exchange.symbols.filters import InvalidSymbolInfo, find_symbol, parse_rules

PAGE = 1000


class PublicClient:
    """The public part of `exchange.api.base.Exchange` over HTTP. One per thread.

    `base_url` is the root above `/api/v3`: https://api.binance.com, http://127.0.0.1:8000/paper.
    """

    def __init__(self, requester: Requester) -> None:
        self._requester = requester
        self._client = requester.client

    @classmethod
    def connect(cls, base_url: str, connection: Connection) -> PublicClient:
        """Return a client of a host that uses no key."""
        return PublicClient(Requester(base_url, "", "", connection))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.base_url}>"

    @property
    def base_url(self) -> str:
        return self._requester.base_url

    @property
    def budget(self) -> Budget:
        return self._requester.budget

    def server_time_ms(self) -> int:
        return self._requester.server_time_ms()

    def symbol_info(self, symbol: str) -> Mapping[str, Any]:
        """Return the symbol's entry in exchangeInfo, as the exchange wrote it."""
        return find_symbol(self.exchange_info(symbol=symbol), symbol)

    def all_symbols(self, **conditions: str) -> list[Mapping[str, Any]]:
        """Return every symbol's entry in exchangeInfo: one call of many megabytes."""
        entries = self.exchange_info(**conditions).get("symbols", [])
        return [entry for entry in entries if isinstance(entry, Mapping)]

    def exchange_info(self, **conditions: str) -> Mapping[str, Any]:
        """Return exchangeInfo, and take its rate limits over into the budget."""

        def ask() -> Mapping[str, Any]:
            # The library's get_exchange_info takes no arguments and would download every symbol.
            return parsing.as_object(self._client._get("exchangeInfo", data=conditions), "exchangeInfo")

        info = self._requester.read(ask, signed=False)
        self.budget.learn(parsing.rate_limits(info))
        return info

    def symbol_rules(self, symbol: str) -> SymbolRules:
        try:
            return parse_rules(self.symbol_info(symbol))
        except InvalidSymbolInfo as error:
            raise ExchangeUnavailable(f"the exchange's description of {symbol} cannot be read: {error}") from None

    def klines(
        self, symbol: str, interval: str, *, start_ms: int | None = None, end_ms: int | None = None, limit: int = PAGE
    ) -> Klines:
        bounds = {"limit": limit, "startTime": start_ms, "endTime": end_ms}

        def ask() -> Klines:
            return parsing.klines(self._client.get_klines(symbol=symbol, interval=interval, **bounds), interval)

        return self._requester.read(ask, signed=False)

    def kline_rows(self, symbol: str, interval: str, **bounds: int | str) -> list[list[Any]]:
        """Return klines with all of their columns, as the exchange wrote them."""

        def ask() -> list[list[Any]]:
            answer = self._client.get_klines(symbol=symbol, interval=interval, **bounds)
            return list(parsing.as_list(answer, "klines"))

        return self._requester.read(ask, signed=False)

    def book_ticker(self, symbol: str) -> BookTicker:
        return self._requester.read(
            lambda: parsing.book_ticker(self._client.get_orderbook_ticker(symbol=symbol)), signed=False
        )

    def last_price(self, symbol: str) -> Decimal:
        return self._requester.read(
            lambda: parsing.last_price(self._client.get_symbol_ticker(symbol=symbol)), signed=False
        )
