"""The request budget: what it refuses, until when, and that processes share it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from exchange.api.errors import RateLimited
from exchange.limits.budget import Budget, Priority, wall_clock_ms
from exchange.limits.stores import MemoryStore, RedisStore, Store

LIVE = "https://api.example.com"
MINUTE = 60_000
NOON = 1_700_000_040_000 // MINUTE * MINUTE


class HandClock:
    """Market time that a test moves."""

    def __init__(self, now_ms: int = NOON) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def budget(clock: HandClock) -> Budget:
    return Budget(LIVE, "key", now_ms=clock)


def weight(used: int) -> dict[str, str]:
    return {"X-MBX-USED-WEIGHT": str(used), "X-MBX-USED-WEIGHT-1M": str(used)}


def test_below_eighty_percent_everything_goes_out(budget: Budget) -> None:
    budget.observe(weight(4799))
    budget.admit()


def test_from_eighty_percent_on_only_exits_go_out(budget: Budget, clock: HandClock) -> None:
    clock.now_ms += 15_000
    budget.observe(weight(4800))
    with pytest.raises(RateLimited, match="kept for exits") as caught:
        budget.admit()
    assert caught.value.retry_after_s == 45
    budget.admit(Priority.EXIT)
    with budget.priority(Priority.EXIT):
        budget.admit()
    with pytest.raises(RateLimited):
        budget.admit()


def test_a_window_is_a_fixed_slot_and_ends_with_it(budget: Budget, clock: HandClock) -> None:
    clock.now_ms += 59_000
    budget.observe(weight(6000))
    clock.now_ms += 1_000
    budget.admit()


def test_an_answer_that_comes_late_does_not_lower_the_count(budget: Budget) -> None:
    budget.observe(weight(5000))
    budget.observe(weight(4990))
    assert budget.state().used[0].used == 5000


def test_order_counts_hold_back_entries_and_nothing_else(budget: Budget) -> None:
    budget.observe({"x-mbx-order-count-10s": "40", "X-MBX-ORDER-COUNT-1D": "7"})
    with pytest.raises(RateLimited, match="40 of 50 orders"):
        budget.admit(orders=1)
    budget.admit()
    budget.admit(Priority.EXIT, orders=1)


def test_limits_are_taken_over_from_the_exchange(budget: Budget) -> None:
    budget.learn([{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
                  {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 5, "limit": 10},
                  {"rateLimitType": "NEW_KIND", "interval": "MINUTE", "intervalNum": 1, "limit": 1}])  # fmt: skip
    budget.observe({**weight(959), "X-MBX-ORDER-COUNT-5S": "8"})
    budget.admit()
    with pytest.raises(RateLimited):
        budget.admit(orders=1)
    budget.observe(weight(960))
    with pytest.raises(RateLimited):
        budget.admit()


def test_after_429_nobody_asks_not_even_exits_until_the_wait_is_over(clock: HandClock) -> None:
    store = MemoryStore(clock)
    budgets = [Budget(LIVE, key, store=store, now_ms=clock) for key in ("one", "two")]
    budgets[0].stop_everyone(30)
    for budget in budgets:
        with pytest.raises(RateLimited) as caught:
            budget.admit(Priority.EXIT)
        assert caught.value.retry_after_s == 30
    clock.now_ms += 30_000
    budgets[1].admit()


def test_too_many_orders_stop_one_accounts_orders(clock: HandClock) -> None:
    store = MemoryStore(clock)
    mine, other = (Budget(LIVE, key, store=store, now_ms=clock) for key in ("one", "two"))
    mine.stop_placing(10)
    with pytest.raises(RateLimited):
        mine.admit(Priority.EXIT, orders=1)
    mine.admit()
    other.admit(orders=1)


def test_paper_never_uses_up_lives_budget(clock: HandClock) -> None:
    store = MemoryStore(clock)
    paper = Budget("http://127.0.0.1:8000/paper", "key", store=store, now_ms=clock)
    paper.observe(weight(6000))
    paper.stop_everyone(60)
    Budget(LIVE, "key", store=store, now_ms=clock).admit(orders=1)


# Shared


@pytest.fixture(params=["memory", "redis"])
def store(request: pytest.FixtureRequest, redis_url: str) -> Store:
    return RedisStore(redis_url, wall_clock_ms) if request.param == "redis" else MemoryStore(wall_clock_ms)


def test_both_stores_keep_the_larger_value_and_forget_in_time(store: Store) -> None:
    store.raise_to({"a": (5, 60_000), "b": (1, 60_000)})
    store.raise_to({"a": (3, 60_000), "b": (2, 60_000)})
    store.put("words", "kept", 60_000)
    assert store.read(["a", "b", "words", "absent"]) == ["5", "2", "kept", None]


def test_two_processes_see_the_same_budget(redis_url: str) -> None:
    one, two = (Budget(LIVE, "key", store=RedisStore(redis_url, wall_clock_ms)) for _ in range(2))
    one.observe({**weight(5999), "X-MBX-ORDER-COUNT-1D": "3"})
    assert two.state().used[0].used == 5999
    one.stop_everyone(60)
    with pytest.raises(RateLimited, match="asked us to wait"):
        two.admit(Priority.EXIT)


def test_no_key_is_readable_in_redis(redis_url: str) -> None:
    shared = RedisStore(redis_url, wall_clock_ms)
    Budget(LIVE, "a-secret-key", store=shared).observe(weight(1))
    assert not [name for name in shared._redis.keys("*") if "a-secret-key" in str(name)]


def test_without_redis_the_process_counts_alone_and_says_so(unused_port: int, caplog: pytest.LogCaptureFixture) -> None:
    budget = Budget(LIVE, "key", store=RedisStore(f"redis://127.0.0.1:{unused_port}/0", wall_clock_ms))
    budget.admit(Priority.EXIT, orders=1)
    budget.observe(weight(6000))
    budget.admit(Priority.EXIT)
    with pytest.raises(RateLimited):
        budget.admit()
    assert "Redis is away" in caplog.text


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def test_priority_is_given_back_when_something_goes_wrong(budget: Budget) -> None:
    budget.observe(weight(5000))

    def fail() -> Any:
        with budget.priority(Priority.EXIT):
            raise ValueError

    broken: Callable[[], Any] = fail
    with pytest.raises(ValueError):
        broken()
    with pytest.raises(RateLimited):
        budget.admit()
