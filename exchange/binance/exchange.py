"""Binance Spot, its testnet or the paper exchange: whatever speaks the REST protocol at a given address.

Which address and key, is decided in exchange/factory.py. Reads are repeated while that may help; nothing that could
execute an order is, except after -1021, with which the exchange refuses a request before it looks at the order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import requests
from binance.exceptions import BinanceAPIException, BinanceRequestException
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay, wait_random_exponential
from urllib3.exceptions import HTTPError

from exchange.api.errors import ExchangeError, ExchangeUnavailable, RateLimited
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
    Side,
    SymbolRules,
)
from exchange.binance import failures, parsing
from exchange.binance.client import (
    CONNECT_TIMEOUT_S,
    READ_TIMEOUT_S,
    Refused,
    RestClient,
    TooLate,
    Unreadable,
)
from exchange.binance.clock import ServerClock
from exchange.binance.parameters import oco_parameters, order_parameters
from exchange.binance.parsing import BadPayload
from exchange.limits.budget import Budget, Priority
from exchange.secrets import Secret
from exchange.symbols.filters import InvalidSymbolInfo, find_symbol, parse_rules

T = TypeVar("T")

READ_TRIES = 5
LONGEST_READ_S = 40.0
FIRST_WAIT_S = 0.25
PAGE = 1000


class BinanceExchange:
    """`exchange.api.base.Exchange` over HTTP. One per thread.

    `base_url` is the root above `/api/v3`: https://api.binance.com, http://127.0.0.1:8000/paper. `session` carries the
    requests and is closed by whoever made it.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        secret: str,
        *,
        session: requests.Session,
        budget: Budget,
        clock: ServerClock | None = None,
        timeouts_s: tuple[float, float] = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
        first_wait_s: float = FIRST_WAIT_S,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.budget = budget
        self._clock = clock or ServerClock()
        self._client = RestClient(
            self.base_url,
            _revealed(key),
            Secret(_revealed(secret)),
            session,
            observe=budget.observe,
            timeouts_s=timeouts_s,
        )
        self._hidden = tuple(text for text in (_revealed(key), _revealed(secret)) if len(text) >= 8)
        self._first_wait_s = first_wait_s

    def __repr__(self) -> str:
        return f"<BinanceExchange {self.base_url}>"

    # --- Time and market ----------------------------------------------------------------------------------------------

    def server_time_ms(self) -> int:
        return round(self._clock.now_ms(self._ask_time_ms))

    def _ask_time_ms(self) -> int:
        def ask() -> int:
            return parsing.server_time(self._client.get_server_time())

        return self._read(ask, signed=False, level=Priority.EXIT)

    def symbol_info(self, symbol: str) -> Mapping[str, Any]:
        """The symbol's entry in exchangeInfo, as the exchange wrote it."""
        return find_symbol(self._exchange_info(symbol=symbol), symbol)

    def all_symbols(self) -> list[Mapping[str, Any]]:
        """Every symbol's entry in exchangeInfo: one call of many megabytes."""
        return [entry for entry in self._exchange_info().get("symbols", []) if isinstance(entry, Mapping)]

    def _exchange_info(self, **which: str) -> Mapping[str, Any]:
        def ask() -> Mapping[str, Any]:
            # The library's get_exchange_info takes no arguments and would download every symbol.
            answer = self._client._get("exchangeInfo", data=which) if which else self._client.get_exchange_info()
            return parsing.as_object(answer, "exchangeInfo")

        info = self._read(ask, signed=False)
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
        asked = {"symbol": symbol, "interval": interval, "limit": limit, "startTime": start_ms, "endTime": end_ms}
        return self._read(lambda: parsing.klines(self._client.get_klines(**asked), interval), signed=False)

    def book_ticker(self, symbol: str) -> BookTicker:
        return self._read(lambda: parsing.book_ticker(self._client.get_orderbook_ticker(symbol=symbol)), signed=False)

    def last_price(self, symbol: str) -> Decimal:
        return self._read(lambda: parsing.last_price(self._client.get_symbol_ticker(symbol=symbol)), signed=False)

    # --- Account ------------------------------------------------------------------------------------------------------

    def account(self) -> Account:
        return self._read(lambda: parsing.account(self._client.get_account(omitZeroBalances="true")))

    def commission_rates(self, symbol: str) -> CommissionRates:
        return self._read(lambda: parsing.commission_rates(self._client.v3_get_account_commission(symbol=symbol)))

    # --- Orders -------------------------------------------------------------------------------------------------------

    def submit(self, request: OrderRequest) -> OrderReport:
        parameters = order_parameters(request)
        return self._change(
            lambda: _ours(parsing.order_report(self._client.create_order(**parameters)), request.client_order_id),
            level=_level_of(request.side),
            orders=1,
            send_by_s=request.send_by_s,
        )

    def submit_oco(self, request: OcoRequest) -> OrderListReport:
        parameters = oco_parameters(request)
        return self._change(
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
            found = [leg for leg in legs if leg.client_order_id == client_order_id]
            if not found:
                raise BadPayload("the cancelled list does not name the order")
            return found[0]

        return self._change(send, send_by_s=send_by_s)

    def cancel_list(self, symbol: str, list_client_order_id: str) -> OrderListReport:
        return self._change(
            lambda: _our_list(
                parsing.order_list_report(
                    self._client.v3_delete_order_list(symbol=symbol, listClientOrderId=list_client_order_id)
                ),
                list_client_order_id,
            )
        )

    def order(self, symbol: str, client_order_id: str) -> OrderReport:
        return self._read(
            lambda: _ours(
                parsing.order_report(self._client.get_order(symbol=symbol, origClientOrderId=client_order_id)),
                client_order_id,
            ),
            level=Priority.EXIT,
        )

    def order_list(self, list_client_order_id: str) -> OrderListReport:
        """Look a list up by our id, then each of its legs: the list's own answer names them and says no more."""
        answer = self._read(
            lambda: parsing.as_object(
                self._client.v3_get_order_list(origClientOrderId=list_client_order_id), "an order list"
            ),
            level=Priority.EXIT,
        )
        bare = self._understand(lambda: parsing.order_list_report(answer, ()))
        ids = self._understand(lambda: parsing.leg_ids(answer))
        return self._understand(
            lambda: parsing.order_list_report(answer, tuple(self.order(bare.symbol, leg) for leg in ids))
        )

    def open_orders(self, symbol: str | None = None) -> tuple[OrderReport, ...]:
        which = {"symbol": symbol} if symbol else {}
        return self._read(
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
        """All executions that match, in as many requests as they take.

        The exchange takes `order_id` or `from_trade_id` (or both), or else `start_ms`; the first of them that is given
        counts. Without any: the newest thousand.
        """
        asked: dict[str, int] = {}
        if order_id is not None:
            asked["orderId"] = order_id
        if from_trade_id is not None:
            asked["fromId"] = from_trade_id
        if not asked and start_ms is not None:
            asked["startTime"] = start_ms
        found = self._fills_page(symbol, asked)
        page = found
        while asked and len(page) >= PAGE:
            asked.pop("startTime", None)
            asked["fromId"] = page[-1].trade_id + 1
            page = self._fills_page(symbol, asked)
            found += page
        return tuple(found)

    def _fills_page(self, symbol: str, asked: dict[str, int]) -> list[FillReport]:
        def ask() -> list[FillReport]:
            rows = self._client.get_my_trades(symbol=symbol, limit=PAGE, **asked)
            return [parsing.fill_report(row) for row in parsing.as_list(rows, "trades")]

        return sorted(self._read(ask, level=Priority.EXIT), key=lambda fill: fill.trade_id)

    # --- One request --------------------------------------------------------------------------------------------------

    def _read(self, ask: Callable[[], T], *, signed: bool = True, level: Priority = Priority.NORMAL) -> T:
        """Ask for something, up to five times while the exchange is unavailable. A rate limit is not slept through."""
        retrying = Retrying(
            stop=stop_after_attempt(READ_TRIES) | stop_after_delay(LONGEST_READ_S),
            wait=wait_random_exponential(multiplier=self._first_wait_s, max=5),
            retry=retry_if_exception_type(ExchangeUnavailable),
            reraise=True,
        )
        return retrying(lambda: self._send(ask, changes=False, signed=signed, level=level))

    def _change(
        self,
        send: Callable[[], T],
        *,
        level: Priority = Priority.EXIT,
        orders: int = 0,
        send_by_s: float | None = None,
    ) -> T:
        """Send something that may execute, once, and not after `send_by_s`."""
        try:
            return self._send(send, changes=True, level=level, orders=orders, send_by_s=send_by_s)
        except ExchangeUnavailable as error:
            if error.code != failures.CLOCK_IS_OFF:
                raise
        # Refused for its timestamp, before the engine saw it: the same request may go again, by the right time.
        return self._send(send, changes=True, level=level, orders=orders, send_by_s=send_by_s)

    def _send(
        self,
        call: Callable[[], T],
        *,
        changes: bool,
        signed: bool = True,
        level: Priority = Priority.NORMAL,
        orders: int = 0,
        send_by_s: float | None = None,
    ) -> T:
        if signed:
            self._set_clock()
        self.budget.admit(level, orders=orders)
        self._client.sign_by_s = send_by_s
        try:
            return call()
        except _FAILURES as error:
            failure = self._failure(error, changes)
        # Outside the handler, so that no traceback leads back to an error that holds the signed address.
        raise failure

    def _set_clock(self) -> None:
        """Let the library stamp requests by the exchange's clock."""
        self._client.timestamp_offset = self._clock.now_ms(self._ask_time_ms) - time.time() * 1000

    def _failure(self, error: Exception, changes: bool) -> ExchangeError:
        if isinstance(error, Refused):
            failure = failures.from_answer(error.answer, changes=changes)
        elif isinstance(error, TooLate):
            return ExchangeUnavailable("it was too late to send this order; nothing was sent")
        elif isinstance(error, OSError | HTTPError):  # requests' errors are OSErrors
            failure = failures.from_network(error, changes=changes)
        elif isinstance(error, BadPayload):
            failure = failures.unreadable(str(error), changes=changes)
        else:
            failure = failures.unreadable("it is not JSON", changes=changes)
        self._heed(failure)
        return self._without_secrets(failure)

    def _heed(self, failure: ExchangeError) -> None:
        """What a failure means for the requests after it."""
        if isinstance(failure, RateLimited):
            if failure.code == failures.TOO_MANY_ORDERS:
                self.budget.stop_placing(failure.retry_after_s)
            else:
                self.budget.stop_everyone(failure.retry_after_s)
        elif failure.code == failures.CLOCK_IS_OFF:
            self._clock.forget()

    def _without_secrets(self, failure: ExchangeError) -> ExchangeError:
        """The exchange's words are shown to people; should they ever quote a key, that is cut out."""
        text = str(failure)
        for hidden in self._hidden:
            text = text.replace(hidden, "********")
        failure.args = (text,)
        return failure

    def _understand(self, parse: Callable[[], T]) -> T:
        try:
            return parse()
        except BadPayload as error:
            failure = failures.unreadable(str(error), changes=False)
        raise failure


# The library's errors, those of requests and urllib3 beneath it, and our own of an answer that is no success.
_FAILURES = (Refused, Unreadable, TooLate, BadPayload, BinanceAPIException, BinanceRequestException, HTTPError, OSError)


def _revealed(text: str) -> str:
    return text.reveal() if isinstance(text, Secret) else text


def _ours(report: OrderReport, client_order_id: str) -> OrderReport:
    """An answer about another order (a cache between us and the exchange) tells nothing about ours."""
    if report.client_order_id != client_order_id:
        raise BadPayload("the answer is about another order")
    return report


def _our_list(report: OrderListReport, list_client_order_id: str) -> OrderListReport:
    if report.list_client_order_id != list_client_order_id:
        raise BadPayload("the answer is about another order list")
    return report


def _level_of(side: Side) -> Priority:
    """Bots are long only: what sells is an exit or its protection."""
    return Priority.EXIT if side == Side.SELL else Priority.NORMAL
