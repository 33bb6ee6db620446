"""Send requests through the client: within the budget, by the exchange's clock, repeated only while that is safe.

Reads are repeated while the exchange is unavailable. Nothing that could execute an order is, except after -1021, with
which the exchange refuses a request before it looks at the order. What a failure means is in failures.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import requests
from binance.exceptions import BinanceAPIException, BinanceRequestException
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay, wait_random_exponential
from urllib3.exceptions import HTTPError

from exchange.api.errors import ExchangeError, ExchangeUnavailable, RateLimited
from exchange.binance import failures, parsing
from exchange.binance.client import (
    CONNECT_TIMEOUT_S,
    READ_TIMEOUT_S,
    Refused,
    RestClient,
)
from exchange.binance.clock import ServerClock
from exchange.binance.parsing import BadPayload
from exchange.limits.budget import Budget, Priority
from exchange.secrets import Secret

T = TypeVar("T")

READ_TRIES = 5

# The library's errors, those of requests and urllib3 beneath it, and our own of an answer that is no success.
_FAILURES = (Refused, BadPayload, BinanceAPIException, BinanceRequestException, HTTPError, OSError)


@dataclass(frozen=True, slots=True)
class Connection:
    """Hold what the requests to one host share. `session` is closed by whoever made it."""

    session: requests.Session
    budget: Budget
    clock: ServerClock = field(default_factory=ServerClock)
    timeouts_s: tuple[float, float] = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
    first_wait_s: float = 0.25
    longest_read_s: float = 40.0


class Requester:
    """Send one client's requests. Use it from one thread, as the client under it."""

    def __init__(self, base_url: str, key: str, secret: str, connection: Connection) -> None:
        self.base_url = base_url.rstrip("/")
        self.budget = connection.budget
        self.client = RestClient(
            self.base_url,
            _revealed(key),
            Secret(_revealed(secret)),
            connection.session,
            observe=connection.budget.observe,
            timeouts_s=connection.timeouts_s,
        )
        self._connection = connection
        self._clock = connection.clock
        self._hidden = tuple(text for text in (_revealed(key), _revealed(secret)) if len(text) >= 8)

    def server_time_ms(self) -> int:
        return round(self._clock.now_ms(self._ask_time_ms))

    def _ask_time_ms(self) -> int:
        def ask() -> int:
            return parsing.server_time(self.client.get_server_time())

        return self.read(ask, signed=False, level=Priority.EXIT)

    def read(self, ask: Callable[[], T], *, signed: bool = True, level: Priority = Priority.NORMAL) -> T:
        """Ask for something, up to five times while the exchange is unavailable. Do not sleep through a rate limit."""
        retrying = Retrying(
            stop=stop_after_attempt(READ_TRIES) | stop_after_delay(self._connection.longest_read_s),
            wait=wait_random_exponential(multiplier=self._connection.first_wait_s, max=5),
            retry=retry_if_exception_type(ExchangeUnavailable),
            reraise=True,
        )
        if signed:
            return retrying(lambda: self._send_signed(ask, changes=False, level=level))
        return retrying(lambda: self._send(ask, changes=False, level=level))

    def change(
        self,
        send: Callable[[], T],
        *,
        level: Priority = Priority.EXIT,
        orders: int = 0,
        send_by_s: float | None = None,
    ) -> T:
        """Send something that may execute, once, and not after `send_by_s`."""

        def attempt() -> T:
            return self._send_signed(send, changes=True, level=level, orders=orders, send_by_s=send_by_s)

        try:
            return attempt()
        except ExchangeUnavailable as error:
            if error.code != failures.CLOCK_IS_OFF:
                raise
        # Refused for its timestamp, before the engine saw it: the same request may go again, by the right time.
        return attempt()

    def _send_signed(
        self,
        call: Callable[[], T],
        *,
        changes: bool,
        level: Priority,
        orders: int = 0,
        send_by_s: float | None = None,
    ) -> T:
        """Let the library stamp the request by the exchange's clock, and send it."""
        self.client.timestamp_offset = self._clock.now_ms(self._ask_time_ms) - time.time() * 1000
        return self._send(call, changes=changes, level=level, orders=orders, send_by_s=send_by_s)

    def _send(
        self,
        call: Callable[[], T],
        *,
        changes: bool,
        level: Priority,
        orders: int = 0,
        send_by_s: float | None = None,
    ) -> T:
        self.budget.admit(level, orders=orders)
        self.client.sign_by_s = send_by_s
        try:
            return call()
        except _FAILURES as error:
            failure = self._failure(error, changes)
        # Outside the handler, so that no traceback leads back to an error that holds the signed address.
        raise failure

    def _failure(self, error: Exception, changes: bool) -> ExchangeError:
        if isinstance(error, Refused):
            failure = failures.from_answer(error.answer, changes=changes)
        elif isinstance(error, OSError | HTTPError):  # requests' errors are OSErrors
            failure = failures.from_network(error, changes=changes)
        else:
            failure = failures.unreadable(str(error) if isinstance(error, BadPayload) else "", changes=changes)
        self._apply_to_later_requests(failure)
        return self._without_secrets(failure)

    def _apply_to_later_requests(self, failure: ExchangeError) -> None:
        if isinstance(failure, RateLimited):
            if failure.code == failures.TOO_MANY_ORDERS:
                self.budget.stop_placing(failure.retry_after_s)
            else:
                self.budget.stop_everyone(failure.retry_after_s)
        elif failure.code == failures.CLOCK_IS_OFF:
            self._clock.forget()

    def _without_secrets(self, failure: ExchangeError) -> ExchangeError:
        """Cut a key out of the exchange's message, which is shown to people, should it ever quote one."""
        text = str(failure)
        for hidden in self._hidden:
            text = text.replace(hidden, "********")
        failure.args = (text,)
        return failure


def _revealed(text: str) -> str:
    return text.reveal() if isinstance(text, Secret) else text
