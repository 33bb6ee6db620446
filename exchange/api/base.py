"""Declare the one interface that bots see of an exchange, live or paper."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from exchange.api.types import (
    Account,
    BookTicker,
    CommissionRates,
    FillReport,
    Klines,
    OcoRequest,
    OrderListReport,
    OrderReport,
    OrderRequest,
    SymbolRules,
)


class Exchange(Protocol):
    """Every method raises an `exchange.api.errors.ExchangeError`; none retries anything that spends money."""

    def server_time_ms(self) -> int:
        """Return the exchange's time, by a fresh offset."""

    def symbol_rules(self, symbol: str) -> SymbolRules:
        """Return the filters and permissions of a symbol."""

    def klines(
        self, symbol: str, interval: str, *, start_ms: int | None = None, end_ms: int | None = None, limit: int = 1000
    ) -> Klines:
        """Return bars by open time as Binance answers them, the forming one included when in range."""

    def book_ticker(self, symbol: str) -> BookTicker: ...

    def last_price(self, symbol: str) -> Decimal:
        """Return the price of the last trade: what stops and targets are triggered by."""

    def account(self) -> Account: ...

    def commission_rates(self, symbol: str) -> CommissionRates: ...

    def submit(self, request: OrderRequest) -> OrderReport:
        """Place one order, asking for the FULL answer. A lost answer is `OutcomeUnknown`."""

    def submit_oco(self, request: OcoRequest) -> OrderListReport:
        """Place a stop and a target that cancel each other. A lost answer is `OutcomeUnknown`."""

    def cancel(self, symbol: str, client_order_id: str, *, send_by_s: float | None = None) -> OrderReport:
        """Cancel one order (of a list: the whole list); `OrderNotFound` when it is not open any more."""

    def order(self, symbol: str, client_order_id: str) -> OrderReport:
        """Look an order up by our id; `OrderNotFound` when the exchange does not know it."""

    def open_orders(self, symbol: str | None = None) -> tuple[OrderReport, ...]: ...

    def fills(
        self,
        symbol: str,
        *,
        order_id: int | None = None,
        start_ms: int | None = None,
        from_trade_id: int | None = None,
    ) -> tuple[FillReport, ...]:
        """Return executions of this account, ascending by trade id."""
