"""Heartbeats: sent at most every two seconds, gone when they expire or a new run begins."""

from __future__ import annotations

import pytest
import redis
from django.test import override_settings

from tradingsite.health import heartbeats


@pytest.fixture
def client(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> redis.Redis:
    monkeypatch.setattr(heartbeats, "_sent_at", {})
    return redis.Redis.from_url(redis_url)


def test_a_process_that_sent_a_heartbeat_is_alive(client: redis.Redis) -> None:
    heartbeats.send("beat")
    assert heartbeats.is_alive("beat")


def test_a_process_that_sent_none_is_not(client: redis.Redis) -> None:
    assert not heartbeats.is_alive("beat")


def test_a_heartbeat_expires(client: redis.Redis) -> None:
    heartbeats.send("beat")
    assert 0 < client.ttl("heartbeat:beat") <= heartbeats.EXPIRES_AFTER_S


def test_a_second_heartbeat_within_two_seconds_is_not_sent(client: redis.Redis) -> None:
    heartbeats.send("beat")
    client.delete("heartbeat:beat")
    heartbeats.send("beat")
    assert not heartbeats.is_alive("beat")


def test_after_two_seconds_the_next_heartbeat_is_sent(client: redis.Redis) -> None:
    heartbeats.send("beat")
    client.delete("heartbeat:beat")
    heartbeats._sent_at["beat"] -= heartbeats.SEND_EVERY_S
    heartbeats.send("beat")
    assert heartbeats.is_alive("beat")


@pytest.mark.parametrize("process", ["beat", "trading-worker", "research-worker"])
def test_a_new_run_begins_without_the_heartbeats_of_the_last(client: redis.Redis, process: str) -> None:
    heartbeats.send(process)
    heartbeats.clear()
    assert not heartbeats.is_alive(process)


def test_a_redis_that_is_away_does_not_stop_the_process(client: redis.Redis) -> None:
    with override_settings(REDIS_URL="redis://127.0.0.1:1/0"):
        heartbeats.send("beat")
    assert not heartbeats.is_alive("beat")


def test_a_redis_that_is_away_is_an_error_to_the_one_who_asks(client: redis.Redis) -> None:
    with override_settings(REDIS_URL="redis://127.0.0.1:1/0"), pytest.raises(redis.RedisError):
        heartbeats.is_alive("beat")
