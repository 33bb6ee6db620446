"""Serve the paper exchange by a threaded HTTP/1.1 server with keep-alive.

Serves /api/v3/… and, where it is asked to, POST /control/clock to callers on this machine. What it serves (account,
market, clock) is put together by the command `paper_exchange`.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.db import connection

from core.errors import UserError
from exchange.paper.http.dispatch import CONTENT_TYPE, RawRequest, RawResponse, serve
from exchange.paper.market.base import Market
from exchange.paper.market.clock import ManualClock
from exchange.paper.market.registry import MarketRegistry

logger = logging.getLogger(__name__)

_PREFIX = "/api/v3/"
_CONTROL = "/control/clock"
_MOST_BODY = 1_000_000
_IDLE_S = 75


class PaperServer(ThreadingHTTPServer):
    """One thread a connection. `controlled` is the clock that /control/clock may move, with its market."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], served_by: MarketRegistry, controlled: tuple[ManualClock, Market] | None = None
    ) -> None:
        self.venues = served_by
        self.controlled = controlled
        super().__init__(address, PaperHandler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a caller that went away."""
        logger.debug("connection ended", exc_info=True)


class PaperHandler(BaseHTTPRequestHandler):
    """One connection: requests one after another until the caller leaves."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer leaves in one piece
    timeout = _IDLE_S
    server: PaperServer

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            connection.close()  # this thread's own

    def version_string(self) -> str:
        return "paper-exchange"

    def log_message(self, format: str, *args: Any) -> None:
        """Write no access log: addresses carry signatures."""

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET

    def _answer(self) -> None:
        body = self._read_body()
        if body is None:
            return
        path, _, query = self.path.partition("?")
        if path == _CONTROL:
            self._send(self._control(body))
            return
        self._send(
            serve(
                RawRequest(
                    method=self.command,
                    path=path.removeprefix(_PREFIX) if path.startswith(_PREFIX) else "",
                    query=query.encode("latin-1"),
                    body=body,
                    headers={name.lower(): value for name, value in self.headers.items()},
                    address=self.client_address[0],
                ),
                self.server.venues,
            )
        )

    def _read_body(self) -> bytes | None:
        """Read the body by its Content-Length. An invalid one gets 400 or 413 and closes the connection."""
        text = self.headers.get("Content-Length", "0")
        if not text.isdigit() or "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            self.send_error(400, "A body needs its Content-Length")
            return None
        if int(text) > _MOST_BODY:
            self.send_error(413)
            return None
        return self.rfile.read(int(text))

    def _send(self, answer: RawResponse) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        self.wfile.flush()

    def _control(self, body: bytes) -> RawResponse:
        is_local = ipaddress.ip_address(self.client_address[0]).is_loopback
        if self.server.controlled is None or not is_local or self.command != "POST":
            return _json(404, {"error": "not served here"})
        try:
            return _json(200, {"time": move_clock(*self.server.controlled, body)})
        except UserError as error:
            return _json(400, {"error": str(error)})


def _json(status: int, body: dict[str, Any]) -> RawResponse:
    return RawResponse(status, {"Content-Type": CONTENT_TYPE}, json.dumps(body).encode())


def move_clock(clock: ManualClock, market: Market, body: bytes) -> int:
    """Obey `{"bars": n}` or `{"time": ms}` and give the new market time."""
    try:
        command = json.loads(body)
    except ValueError:
        command = None
    if not isinstance(command, dict) or len(command) != 1 or next(iter(command)) not in ("bars", "time"):
        raise UserError('send {"bars": n} or {"time": ms}')
    [(what, amount)] = command.items()
    if not isinstance(amount, int) or isinstance(amount, bool) or not 0 <= amount < 2**53:
        raise UserError(f'"{what}" must be a whole number from 0 up')
    if what == "time":
        return clock.set(amount)
    return clock.set(market.time_after_bars(clock.now_ms(), amount))
