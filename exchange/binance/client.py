"""Adapt python-binance's client: one host of our choosing, our own session, no ping, no event loop left behind.

It sends and receives; what an answer means is in parsing.py (values) and failures.py (errors).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests
from binance.client import Client

from exchange.api.errors import ExchangeUnavailable
from exchange.binance.parsing import BadPayload

CONNECT_TIMEOUT_S = 5.0
# The exchange itself gives an order 10 s before it answers "unknown"; hanging up earlier would only lose that answer.
READ_TIMEOUT_S = 15.0
# How long a request may be under way and still be carried out. Short: it bounds how long an order can be in doubt.
RECV_WINDOW_MS = 5000


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is not a success. `code` is Binance's, 0 where there was none."""

    status: int
    code: int
    message: str
    retry_after: str | None


class Refused(Exception):
    """Carry an answer that is no success to failures.py."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"HTTP {answer.status}")
        self.answer = answer


class RestClient(Client):
    """One per thread: the library keeps the last answer on itself.

    `base_url` is the root above `/api/v3`; `session` is closed by whoever made it.
    """

    REQUEST_RECVWINDOW = RECV_WINDOW_MS
    sign_by_s: float | None = None  # Unix seconds, by the exchange's clock, after which no request may be signed

    def __init__(
        self,
        base_url: str,
        key: str,
        secret: str,
        session: requests.Session,
        *,
        observe: Callable[[Mapping[str, str]], None],
        timeouts_s: tuple[float, float] = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
    ) -> None:
        self._given_session = session
        self._observe = observe
        # A redirect of an order would be followed as a second request; no host of ours sends one.
        options = {"timeout": timeouts_s, "allow_redirects": False}
        with _no_loop_left_behind():
            super().__init__(key, secret, requests_params=options, ping=False)
        self.API_URL = base_url.rstrip("/") + "/api"

    def _init_session(self) -> requests.Session:
        session = self._given_session
        session.trust_env = False  # neither proxy variables nor .netrc may redirect or sign our requests
        session.headers.update(self._get_headers())
        session.headers["User-Agent"] = "tradingsite"
        return session

    def _get_request_kwargs(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Refuse to send a signed request that is too late. A process that slept after it recorded its order may have
        been given up on, so the order must not leave any more. Should it sleep after this line, recvWindow stops the
        order: its timestamp is old.
        """
        made: dict[str, Any] = super()._get_request_kwargs(*args, **kwargs)
        if self.sign_by_s is not None and time.time() + self.timestamp_offset / 1000 > self.sign_by_s:
            raise ExchangeUnavailable("it was too late to send this order; nothing was sent")
        return made

    def _handle_response(self, response: requests.Response) -> Any:
        """Replace the library's handler, which fails on bodies that are lists and quotes whole pages in its errors."""
        self._observe(response.headers)
        if not 200 <= response.status_code < 300:
            raise Refused(_answer(response))
        if not response.content:
            return {}
        try:
            return response.json()
        except (ValueError, RecursionError):  # brackets nested without end are no answer either
            raise BadPayload("it is not JSON") from None


def _answer(response: requests.Response) -> Answer:
    code, message = 0, ""
    with contextlib.suppress(ValueError, RecursionError):
        body = response.json()
        if isinstance(body, dict) and type(body.get("code")) is int:
            code, message = body["code"], str(body.get("msg", ""))
    return Answer(response.status_code, code, message, response.headers.get("Retry-After"))


@contextlib.contextmanager
def _no_loop_left_behind() -> Iterator[None]:
    """Close the event loop that the library makes for each thread that has none."""
    if asyncio._get_running_loop() is not None:  # then the library finds that one
        yield
        return
    policy = asyncio.get_event_loop_policy()
    before = getattr(getattr(policy, "_local", None), "_loop", None)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        asyncio.set_event_loop(before)
        loop.close()


class _WithoutQuery(logging.Filter):
    """urllib3 logs the path of each request at DEBUG; the query of a signed one carries its signature."""

    _QUERY = re.compile(r"\?[^\s\"]*")

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                self._QUERY.sub("?…", value) if isinstance(value, str) and "?" in value else value
                for value in record.args
            )
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_WithoutQuery())
