"""The mirror shows the source's figures, or says that it cannot. The source here is a server of canned answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from exchange.fills import UNITS
from exchange.paper.errors import ApiError
from exchange.paper.market.base import KlineQuery
from exchange.paper.market.mirror import MirrorMarket

MINUTE = 60_000
NOW = 1_750_000_110_000  # half past a minute
NEWEST = NOW // MINUTE


def minute_row(number: int) -> list[Any]:
    opened = number * MINUTE
    base = 100 + number % 10
    prices = [f"{base + change:.8f}" for change in (0, 3, -2, 1)]
    return [opened, *prices, "2.00000000", opened + MINUTE - 1, f"{2 * base:.8f}", 5, "1.00000000", f"{base:.8f}", "0"]


class Source(BaseHTTPRequestHandler):
    """Binance's klines and exchangeInfo, as canned as they need to be."""

    asked: list[str]
    status = 200

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        self.asked.append(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        status, body = self.status, b"<html>busy</html>"
        if status == 200:
            body = json.dumps(self.answer(address.path.rsplit("/", 1)[1], query)).encode()
        if status == 200 and query.get("interval") == "7h":
            status, body = 400, b'{"code":-1120,"msg":"Invalid interval."}'
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self, name: str, query: dict[str, str]) -> Any:
        if name == "exchangeInfo":
            return {"symbols": [{"symbol": "BTCUSDT", "status": "TRADING", "filters": []}]}
        last = min(int(query.get("endTime", NOW)) // MINUTE, NEWEST)
        first = -(-int(query["startTime"]) // MINUTE) if "startTime" in query else last - int(query["limit"]) + 1
        return [minute_row(number) for number in range(max(first, 0), last + 1)][: int(query["limit"])]

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def source() -> Iterator[type[Source]]:
    handler = type("Handler", (Source,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.host = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def mirror(source: Any) -> MirrorMarket:
    return MirrorMarket(host=source.host, timeouts_s=(2.0, 2.0), first_wait_s=0)


def test_forming_minute_shows_its_open_alone(mirror: MirrorMarket) -> None:
    rows = mirror.klines("BTCUSDT", KlineQuery("1m", None, None, 2), NOW)
    assert rows[0] == tuple(minute_row(NEWEST - 1))
    opened = minute_row(NEWEST)[1]
    assert rows[1][1:6] == (opened, opened, opened, opened, "0.00000000")
    assert mirror.last_price("BTCUSDT", NOW) == (100 + NEWEST % 10) * UNITS
    assert mirror.average_price("BTCUSDT", NOW, 5) == sum(100 + n % 10 for n in range(NEWEST - 5, NEWEST)) * UNITS // 5


def test_bars_come_in_pages_that_are_asked_for_once(mirror: MirrorMarket, source: Any) -> None:
    bars = mirror.bars("BTCUSDT", (NEWEST - 2500) * MINUTE, (NEWEST - 1500) * MINUTE)
    assert bars.open_time.tolist() == [n * MINUTE for n in range(NEWEST - 2500, NEWEST - 1499)]
    asked = len(source.asked)
    again = mirror.bars("BTCUSDT", (NEWEST - 2400) * MINUTE, (NEWEST - 1600) * MINUTE)
    assert again.high.tolist() == bars.high[100:901].tolist()
    assert len(source.asked) == asked


def test_all_who_ask_within_a_moment_share_an_answer(mirror: MirrorMarket, source: Any) -> None:
    for _ in range(5):
        mirror.klines("BTCUSDT", KlineQuery("5m", None, None, 100), NOW)
    assert len([path for path in source.asked if "klines" in path]) == 1


def test_refusals_are_the_sources_or_ours(mirror: MirrorMarket) -> None:
    for symbol, interval, code in [("NOSUCH", "1m", -1121), ("BTCUSDT", "7h", -1120), ("BTCUSDT", "1s", -1120)]:
        with pytest.raises(ApiError) as raised:
            mirror.klines(symbol, KlineQuery(interval, None, None, 5), NOW)
        assert (raised.value.code, raised.value.http_status) == (code, 400)


def test_failing_source_is_a_servers_error_and_no_old_price(
    mirror: MirrorMarket, source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror.last_price("BTCUSDT", NOW)
    monkeypatch.setattr("exchange.paper.market.mirror._FRESH_S", 0.0)
    monkeypatch.setattr(source, "status", 502)
    for ask in (
        lambda: mirror.last_price("BTCUSDT", NOW),
        lambda: mirror.klines("BTCUSDT", KlineQuery("1m", None, None, 5), NOW),
        lambda: mirror.bars("BTCUSDT", NOW - MINUTE, NOW),
    ):
        with pytest.raises(ApiError) as raised:
            ask()
        assert (raised.value.code, raised.value.http_status) == (-1001, 503)
        assert "answered HTTP 502" in raised.value.msg


def test_a_source_that_is_not_there_is_named() -> None:
    with pytest.raises(ApiError, match=r"http://127\.0\.0\.1:8299 gives no market data"):
        MirrorMarket(host="http://127.0.0.1:8299", timeouts_s=(1.0, 1.0), first_wait_s=0).symbols()
