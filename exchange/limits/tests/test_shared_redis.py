"""Test that work goes on while Redis is away."""

from __future__ import annotations

import pytest
import redis

from exchange.limits.shared_redis import SharedRedis


def fail() -> str:
    raise redis.ConnectionError("away")


@pytest.fixture
def shared() -> SharedRedis:
    return SharedRedis("redis://127.0.0.1:1/0", "counts alone")


def test_shared_answer_is_preferred(shared: SharedRedis) -> None:
    assert shared.ask(lambda: "shared", lambda: "own") == "shared"


def test_own_answer_is_given_while_redis_is_away(shared: SharedRedis) -> None:
    assert shared.ask(fail, lambda: "own") == "own"


def test_redis_is_left_alone_for_a_while_after_a_failure(shared: SharedRedis) -> None:
    shared.ask(fail, lambda: "own")
    assert shared.ask(lambda: "shared", lambda: "own") == "own"


def test_redis_is_asked_again_after_a_while(shared: SharedRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    shared.ask(fail, lambda: "own")
    monkeypatch.setattr("exchange.limits.shared_redis.time.monotonic", lambda: 1e12)
    assert shared.ask(lambda: "shared", lambda: "own") == "shared"


def test_failure_is_logged(shared: SharedRedis, caplog: pytest.LogCaptureFixture) -> None:
    shared.ask(fail, lambda: "own")
    assert "counts alone" in caplog.text


def test_other_errors_are_not_swallowed(shared: SharedRedis) -> None:
    with pytest.raises(ZeroDivisionError):
        shared.ask(lambda: str(1 // 0), lambda: "own")
