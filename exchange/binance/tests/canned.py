"""A small HTTP server with canned answers: real sockets, so that timeouts, resets and half answers are real too."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Reply:
    """One canned answer. `drops`: the connection is cut after the request was read."""

    body: Any = field(default_factory=dict)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0
    drops: bool = False
    cuts_body: bool = False

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    parameters: dict[str, str]
    headers: dict[str, str]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path.removeprefix('/api/v3/')}"


def refusal(code: int, message: str, status: int = 400, **headers: str) -> Reply:
    return Reply({"code": code, "msg": message}, status, {name.replace("_", "-"): v for name, v in headers.items()})


class CannedServer:
    """Answers each `METHOD path` with its replies in turn; the last one stays. `/time` answers by itself."""

    def __init__(self) -> None:
        self.replies: dict[str, list[Reply]] = {}
        self.seen: list[Seen] = []
        self.clock_ahead_ms = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def on(self, name: str, *replies: Reply) -> CannedServer:
        self.replies[name] = list(replies)
        return self

    def calls(self, name: str) -> list[Seen]:
        return [request for request in self.seen if request.name == name]

    def next_reply(self, request: Seen) -> Reply:
        self.seen.append(request)
        replies = self.replies.get(request.name)
        if replies is None and request.name == "GET time":
            return Reply({"serverTime": time.time_ns() // 1_000_000 + self.clock_ahead_ms})
        if not replies:
            return refusal(-1, f"nothing is canned for {request.name}", 404)
        return replies.pop(0) if len(replies) > 1 else replies[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        canned = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                url = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                parameters = dict(parse_qsl(url.query) + parse_qsl(body))
                reply = canned.next_reply(Seen(self.command, url.path, parameters, dict(self.headers)))
                time.sleep(reply.delay_s)
                if reply.drops:
                    self.connection.close()
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.content) + (50 if reply.cuts_body else 0)))
                self.end_headers()
                self.wfile.write(reply.content)
                if reply.cuts_body:
                    self.connection.close()
                    self.close_connection = True

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        return Handler

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def canned_server() -> Iterator[CannedServer]:
    server = CannedServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()
