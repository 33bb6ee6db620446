"""Trade on Binance Spot, its testnet or the paper exchange: whatever speaks the REST protocol at a given address.

Which address and key, is decided in exchange/factory.py. How requests are sent and repeated is in requester.py.
"""

from __future__ import annotations

from exchange.api.types import (
    Account,
    CommissionRates,
    FillReport,
    OcoRequest,
    OrderListReport,
    OrderReport,
    OrderRequest,
    Side,
)
from exchange.binance import parsing
from exchange.binance.parameters import oco_parameters, order_parameters
from exchange.binance.parsing import BadPayload
from exchange.binance.public import PAGE, PublicClient
from exchange.binance.requester import Connection, Requester
from exchange.limits.budget import Priority


class BinanceExchange(PublicClient):
    """`exchange.api.base.Exchange` over HTTP. One per thread."""

    def __init__(self, base_url: str, key: str, secret: str, connection: Connection) -> None:
        super().__init__(Requester(base_url, key, secret, connection))

    def account(self) -> Account:
        return self._requester.read(lambda: parsing.account(self._client.get_account(omitZeroBalances="true")))

    def commission_rates(self, symbol: str) -> CommissionRates:
        return self._requester.read(
            lambda: parsing.commission_rates(self._client.v3_get_account_commission(symbol=symbol))
        )

    def submit(self, request: OrderRequest) -> OrderReport:
        parameters = order_parameters(request)
        return self._requester.change(
            lambda: _ours(parsing.order_report(self._client.create_order(**parameters)), request.client_order_id),
            level=_level_of(request.side),
            orders=1,
            send_by_s=request.send_by_s,
        )

    def submit_oco(self, request: OcoRequest) -> OrderListReport:
        parameters = oco_parameters(request)
        return self._requester.change(
            lambda: _our_list(
                parsing.order_list_report(self._client.create_oco_order(**parameters)), request.list_client_order_id
            ),
            level=_level_of(request.side),
            orders=2,
            send_by_s=request.send_by_s,
        )

    def cancel(self, symbol: str, client_order_id: str, *, send_by_s: float | None = None) -> OrderReport:
        def send() -> OrderReport:
            answer = self._client.cancel_order(symbol=symbol, origClientOrderId=client_order_id)
            if not parsing.is_list(answer):
                return _ours(parsing.order_report(answer), client_order_id)
            legs = parsing.order_list_report(answer).orders
            named = [leg for leg in legs if leg.client_order_id == client_order_id]
            if not named:
                raise BadPayload("the cancelled list does not name the order")
            return named[0]

        return self._requester.change(send, send_by_s=send_by_s)

    def order(self, symbol: str, client_order_id: str) -> OrderReport:
        return self._requester.read(
            lambda: _ours(
                parsing.order_report(self._client.get_order(symbol=symbol, origClientOrderId=client_order_id)),
                client_order_id,
            ),
            level=Priority.EXIT,
        )

    def open_orders(self, symbol: str | None = None) -> tuple[OrderReport, ...]:
        which = {"symbol": symbol} if symbol else {}
        return self._requester.read(
            lambda: tuple(
                parsing.order_report(row)
                for row in parsing.as_list(self._client.get_open_orders(**which), "open orders")
            ),
            level=Priority.EXIT,
        )

    def fills(
        self,
        symbol: str,
        *,
        order_id: int | None = None,
        start_ms: int | None = None,
        from_trade_id: int | None = None,
    ) -> tuple[FillReport, ...]:
        """Return all executions that match, in as many requests as they take.

        The exchange takes `order_id` or `from_trade_id` (or both), or else `start_ms`; the first of them that is given
        counts. Without any: the newest thousand.
        """
        bounds: dict[str, int] = {}
        if order_id is not None:
            bounds["orderId"] = order_id
        if from_trade_id is not None:
            bounds["fromId"] = from_trade_id
        if not bounds and start_ms is not None:
            bounds["startTime"] = start_ms
        fills = page = self._fills_page(symbol, bounds)
        while bounds and len(page) >= PAGE:
            bounds.pop("startTime", None)
            bounds["fromId"] = page[-1].trade_id + 1
            page = self._fills_page(symbol, bounds)
            fills = fills + page
        return tuple(fills)

    def _fills_page(self, symbol: str, bounds: dict[str, int]) -> list[FillReport]:
        def ask() -> list[FillReport]:
            rows = self._client.get_my_trades(symbol=symbol, limit=PAGE, **bounds)
            return [parsing.fill_report(row) for row in parsing.as_list(rows, "trades")]

        return sorted(self._requester.read(ask, level=Priority.EXIT), key=lambda fill: fill.trade_id)


def _ours(report: OrderReport, client_order_id: str) -> OrderReport:
    """Return the report. Raise `BadPayload` if it is about another order, as a cache between us may answer."""
    if report.client_order_id != client_order_id:
        raise BadPayload("the answer is about another order")
    return report


def _our_list(report: OrderListReport, list_client_order_id: str) -> OrderListReport:
    if report.list_client_order_id != list_client_order_id:
        raise BadPayload("the answer is about another order list")
    return report


def _level_of(side: Side) -> Priority:
    """Return how urgent an order is. Bots are long only: what sells is an exit or its protection."""
    return Priority.EXIT if side == Side.SELL else Priority.NORMAL
