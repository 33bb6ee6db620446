"""The paper exchange's counts: the same whether one process keeps them or Redis does for all of them."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from exchange.paper.errors import ApiError
from exchange.paper.market.clock import WallClock
from exchange.paper.market.registry import MarketRegistry, market_registry
from exchange.paper.rate_limits.counters import Counts, OwnCounts, SharedCounts
from exchange.paper.rate_limits.limits import Counters, RateLimit
from exchange.paper.tests.builders import caller

LIMITS = (
    RateLimit("REQUEST_WEIGHT", "MINUTE", 1, 10),
    RateLimit("ORDERS", "SECOND", 10, 2),
    RateLimit("ORDERS", "DAY", 1, 3),
)
ROOT = Path(__file__).resolve().parents[4]
FLAT = "100 100 100 100\n" * 5


@pytest.fixture(params=["own", "shared"])
def counters(request: pytest.FixtureRequest, redis_url: str) -> Counters:
    makers: dict[str, Callable[[], Counts]] = {"own": OwnCounts, "shared": lambda: SharedCounts(redis_url)}
    return Counters(LIMITS, makers[request.param]())


def refused(call: Callable[..., object], *args: object) -> tuple[int, int, int | None]:
    with pytest.raises(ApiError) as caught:
        call(*args)
    return caught.value.http_status, caught.value.code, caught.value.retry_after_s


def test_weight_adds_up_within_a_minute_and_starts_anew_in_the_next(counters: Counters) -> None:
    assert [used for _, used in counters.admit("a", 4, 59_000)] == [4]
    assert [used for _, used in counters.admit("a", 6, 59_999)] == [10]
    assert [used for _, used in counters.admit("b", 1, 59_999)] == [1]
    assert [used for _, used in counters.admit("a", 1, 60_000)] == [1]


def test_what_is_given_back_never_goes_under_zero(counters: Counters) -> None:
    counters.admit("a", 1, 0)
    assert [used for _, used in counters.give_back("a", 5, 0)] == [0]
    assert [used for _, used in counters.used_weight("a", 0)] == [0]


def test_a_429_then_a_418_that_grows(counters: Counters) -> None:
    counters.admit("a", 10, 0)
    assert refused(counters.admit, "a", 1, 20_000) == (429, -1003, 40)
    assert refused(counters.admit, "a", 1, 21_000) == (418, -1003, 120)
    assert refused(counters.admit, "a", 1, 100_000) == (418, -1003, 41)
    counters.admit("a", 10, 141_000)
    assert refused(counters.admit, "a", 1, 142_000)[0] == 429
    assert refused(counters.admit, "a", 1, 143_000) == (418, -1003, 240)
    counters.admit("b", 1, 143_000)


def test_orders_are_counted_to_all_limits_or_to_none(counters: Counters) -> None:
    assert [used for _, used in counters.admit_orders("me", 2, 0)] == [2, 2]
    assert refused(counters.admit_orders, "me", 1, 9_000) == (429, -1015, 1)
    assert refused(counters.admit_orders, "me", 2, 10_000)[:2] == (429, -1015)
    assert [used for _, used in counters.order_counts("me", 10_000)] == [0, 2]
    assert [used for _, used in counters.admit_orders("me", 1, 10_000)] == [1, 3]
    counters.return_orders("me", 1, 10_000)
    assert [used for _, used in counters.order_counts("me", 10_000)] == [0, 2]


SERVER = """
import sys
from exchange.paper.rate_limits.counters import SharedCounts
from exchange.paper.rate_limits.limits import Counters
counters = Counters(counts=SharedCounts(sys.argv[1]))
for _ in range(100):
    counters.admit("everyone", 1, 0)
"""


def test_processes_add_to_one_count(redis_url: str) -> None:
    processes = [subprocess.Popen([sys.executable, "-c", SERVER, redis_url], cwd=ROOT) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert [used for _, used in Counters(counts=SharedCounts(redis_url)).used_weight("everyone", 0)] == [200]


def test_a_ban_by_one_process_holds_in_all(redis_url: str) -> None:
    here, there = (Counters(LIMITS, SharedCounts(redis_url)) for _ in range(2))
    here.admit("a", 10, 0)
    assert refused(there.admit, "a", 1, 0)[0] == 429
    assert refused(here.admit, "a", 1, 0)[0] == 418
    assert refused(there.admit, "a", 1, 0)[0] == 418


def test_threads_never_take_more_than_the_limit(redis_url: str) -> None:
    taken = []

    def place() -> None:
        counters = Counters(LIMITS, SharedCounts(redis_url))
        for _ in range(3):
            try:
                counters.admit_orders("me", 1, 0)
            except ApiError:
                continue
            taken.append(1)

    threads = [threading.Thread(target=place) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 2


def test_while_redis_is_away_a_process_counts_alone() -> None:
    counters = Counters(LIMITS, SharedCounts("redis://127.0.0.1:1/0"))
    assert [used for _, used in counters.admit("a", 4, 0)] == [4]
    assert [used for _, used in counters.admit("a", 4, 0)] == [8]
    assert refused(counters.admit, "a", 4, 0)[0] == 429
    assert refused(counters.admit, "a", 4, 0)[0] == 418


@pytest.mark.django_db
def test_server_processes_share_a_count_except_on_a_manual_clock(redis_url: str) -> None:
    me = caller(FLAT)
    shared = Counters(counts=SharedCounts(redis_url))
    for clock, weights in ((WallClock(), ["1", "2"]), (me.clock, ["1", "1"])):
        seen = []
        for process in (MarketRegistry(shared=lambda: shared), MarketRegistry(shared=lambda: shared)):
            process.install(me.account, clock=clock, market=me.market, default=True)
            me.session.get_adapter("http://")._venues = process  # type: ignore[attr-defined]
            seen.append(me.raw("GET", "ping").headers["X-MBX-USED-WEIGHT-1M"])
        assert seen == weights


@pytest.mark.django_db
def test_the_site_counts_by_the_wall_clock_in_redis(redis_url: str) -> None:
    me = caller(FLAT)
    market_registry.install(me.account, market=me.market)
    assert isinstance(market_registry.context_of(me.account).counters.counts, SharedCounts)
