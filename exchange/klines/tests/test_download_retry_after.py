"""Test that a download obeys Retry-After, and that every other request to the host does, too."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from core.errors import UserError
from exchange.api.errors import RateLimited
from exchange.binance.tests.canned import CannedServer, Reply, canned_server, refusal
from exchange.klines.download import PublicKlines
from exchange.limits.budget import Budget, wall_clock_ms
from exchange.limits.stores import RedisStore

ASKED_S = 100
ROW = [0, "1", "1", "1", "1", "1", 3_599_999, "1", 1, "1", "1", "0"]


class Sleeps:
    """`time.sleep` that only counts."""

    def __init__(self) -> None:
        self.total_s = 0.0

    def __call__(self, seconds: float) -> None:
        self.total_s += seconds


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> Sleeps:
    made = Sleeps()
    monkeypatch.setattr(time, "sleep", made)
    return made


@pytest.fixture
def server() -> Iterator[CannedServer]:
    """Serve an exchange that asks to wait once, and then answers."""
    with canned_server() as made:
        yield made.on("GET klines", refusal(-1003, "Too much weight", 429, Retry_After=str(ASKED_S)), Reply([ROW]))


def ask(server: CannedServer) -> None:
    source = PublicKlines(server.url)
    try:
        source.rows("YYYUSDT", "1h", startTime=0)
    except (UserError, RateLimited):
        pass  # to stop and say until when is as good as to wait


def test_no_request_is_sent_before_the_asked_time_is_over(server: CannedServer, sleeps: Sleeps) -> None:
    ask(server)
    assert len(server.calls("GET klines")) == 1 or sleeps.total_s >= ASKED_S


def test_the_sites_other_requests_wait_too(server: CannedServer, sleeps: Sleeps, redis_url: str) -> None:
    ask(server)
    with pytest.raises(RateLimited):
        Budget(server.url, "a bot's key", store=RedisStore(redis_url, wall_clock_ms)).admit()
