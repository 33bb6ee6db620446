"""The paper exchange as another process, and a wire to it that a test can cut, for tests of crashes and races.

Nothing of ours is patched: processes die by SIGKILL and connections by being closed, at the moment a test names.
"""

from __future__ import annotations

import csv
import http.client
import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import requests
from django.db import connection

from exchange.paper.http import signatures
from exchange.paper.tests.builders import symbol_info

ROOT = Path(__file__).resolve().parents[4]
HOUR_MS = 3_600_000
FIRST_MS = 1_700_006_400_000  # 2023-11-15 00:00 UTC
KEY, SECRET = "k" * 64, "s" * 64

# Buys at the close of bar 2 (entered at 100), sells at the close of bar 5 (at 98); 95 and 110 are never touched.
CYCLE = (
    "100 100 100 100", "100 100 100 100", "100 102 100 102", "100 101 100 100", "100 101 100 100", "100 100 96 96",
    "98 98 98 98", "98 99 98 98", "98 100 98 99", "99 100 99 99", "99 100 99 100", "100 100 100 100",
)  # fmt: skip
BUYS, SELLS = 2, 5


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a process that works on this test's database."""
    parameters = connection.settings_dict
    database = f"postgres://{parameters['USER']}@/{parameters['NAME']}?host={parameters['HOST']}"
    return os.environ | {"DATABASE_URL": database, "PYTHONUNBUFFERED": "1"} | more


def write_market(folder: Path, symbols: list[str], cycles: int) -> str:
    """Files of hourly bars, `CYCLE` over and over, and an exchangeInfo without tight limits. Give the market's spec."""
    rows = [line.split() for line in CYCLE] * cycles
    files = []
    for symbol in symbols:
        files.append(folder / f"{symbol}-1h-2023.csv")
        with files[-1].open("w", newline="") as file:
            writer = csv.writer(file)
            for number, row in enumerate(rows):
                opened = FIRST_MS + number * HOUR_MS
                writer.writerow([opened, *row, 1000, opened + HOUR_MS - 1, 100_000, 10, 500, 50_000, 0])
    many = {"MAX_NUM_ALGO_ORDERS": {"maxNumAlgoOrders": 5000}, "MAX_NUM_ORDERS": {"maxNumOrders": 5000}}
    lists = {"MAX_NUM_ORDER_LISTS": {"maxNumOrderLists": 5000}}
    info = {
        "timezone": "UTC",
        "serverTime": FIRST_MS,
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 100_000_000},
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 10_000_000},
            {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 100_000_000},
        ],
        "exchangeFilters": [],
        "symbols": [symbol_info(symbol, **many, **lists) for symbol in symbols],
    }
    (folder / "info.json").write_text(json.dumps(info))
    return "replay:" + ",".join(str(file) for file in files)


@dataclass(frozen=True, slots=True)
class PaperProcess:
    """A running `manage.py paper_exchange`, asked from outside as any client would."""

    url: str

    def set_clock(self, time_ms: int) -> None:
        answer = requests.post(f"{self.url}/control/clock", json={"time": time_ms}, timeout=60)
        assert answer.json() == {"time": time_ms}, answer.text

    def ask(self, path: str, **params: Any) -> Any:
        """Send a signed GET."""
        query = urlencode(params | {"timestamp": time.time_ns() // 1_000_000, "recvWindow": 60_000})
        signed = f"{query}&signature={signatures.sign(SECRET, query.encode())}"
        answer = requests.get(f"{self.url}/api/v3/{path}?{signed}", headers={"X-MBX-APIKEY": KEY}, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def paper_exchange(folder: Path, symbols: list[str], *, cycles: int, usdt: int = 1_000_000) -> Iterator[PaperProcess]:
    """Run the command in a process of its own, with its manual clock at the first bar."""
    market = write_market(folder, symbols, cycles)
    command = [
        sys.executable, "manage.py", "paper_exchange", "--port", "0", "--clock", "manual", "--control",
        "--market", market, "--exchange-info", str(folder / "info.json"), "--start", str(FIRST_MS),
        "--balance", f"USDT={usdt}", "--api-key", KEY, "--api-secret", SECRET,
    ]  # fmt: skip
    with (folder / "exchange.log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        yield PaperProcess(_address(process, folder / "exchange.log"))
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(process: subprocess.Popen[str], log: Path) -> str:
    said = ""
    for line in process.stdout or ():
        said += line
        if line.strip() == "ready":
            found = re.search(r"(http://\S+?)/api/v3/", said)
            assert found, said
            return found[1]
    raise AssertionError(f"the paper exchange did not start: {said}{log.read_text()}")


# --- The worker -------------------------------------------------------------------------------------------------------


class Nest:
    """Run a process (worker.py) that forks a worker for each tick, so that one can be killed."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "bots.trading.tests.processes.worker"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._pid: queue.SimpleQueue[int] = queue.SimpleQueue()

    def tick(self, bot_id: int, market_ms: int, paper_url: str) -> int:
        """Run one tick to its end; what the worker ended with."""
        assert self._process.stdin is not None
        print(bot_id, market_ms, paper_url, file=self._process.stdin, flush=True)
        self._pid.put(self._answer("started"))
        ended = self._answer("ended")
        while not self._pid.empty():
            self._pid.get()
        return ended

    def kill_worker(self) -> None:
        """SIGKILL the worker of the tick under way, and return once it is gone. To be called by another thread."""
        pid = self._pid.get(timeout=30)
        os.kill(pid, signal.SIGKILL)
        give_up = time.monotonic() + 30
        while Path(f"/proc/{pid}").exists():
            assert time.monotonic() < give_up
            time.sleep(0.002)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)

    def _answer(self, word: str) -> int:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().split()
        assert line[:1] == [word], line
        return int(line[1])


# --- The wire ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Strike:
    """What happens to the next request `method path`, or to any where these are empty, after `skip` others: `act`.

    `forwarded` says whether the exchange gets to see it first, `is_answered` whether its answer is passed on after all.
    """

    method: str = ""
    path: str = ""
    forwarded: bool = True
    act: Callable[[], object] = lambda: None
    skip: int = 0
    is_answered: bool = False

    def meets(self, method: str, path: str) -> bool:
        return self.method in ("", method) and self.path in ("", path)


class Wire(ThreadingHTTPServer):
    """Passes requests on to the exchange and answers back, until `strike` meets its request."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        self.target = target.removeprefix("http://")
        self.strike: Strike | None = None
        self.is_down = False  # then every request is cut off, unheard
        self.struck = threading.Event()
        super().__init__(("127.0.0.1", 0), _WireHandler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore the open connection of a killed caller."""


class _WireHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: Wire

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.server.is_down:
            self._cut()
            return
        strike = self.server.strike
        path = self.path.partition("?")[0]
        if strike is None or not strike.meets(self.command, path):
            self._answer(*self._forward(body))
            return
        if strike.skip:
            self.server.strike = replace(strike, skip=strike.skip - 1)
            self._answer(*self._forward(body))
            return
        self.server.strike = None
        answer = self._forward(body) if strike.forwarded else None
        assert answer is None or answer[0] == 200 or not strike.path, answer
        strike.act()
        if answer is not None and strike.is_answered:
            self._answer(*answer)
        else:
            self._cut()
        self.server.struck.set()

    do_POST = do_DELETE = do_GET

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        upstream = http.client.HTTPConnection(self.server.target, timeout=60)
        try:
            upstream.request(self.command, self.path, body or None, dict(self.headers.items()))
            answer = upstream.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            upstream.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()


@contextmanager
def wire_to(target: str) -> Iterator[Wire]:
    """Run a wire in a thread of this process."""
    wire = Wire(target)
    thread = threading.Thread(target=wire.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield wire
    finally:
        wire.shutdown()
        wire.server_close()
