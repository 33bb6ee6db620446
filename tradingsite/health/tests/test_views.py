"""The health page names each part of the site and says whether it works."""

from __future__ import annotations

import pytest
import redis
from django.db import DatabaseError
from django.test import Client

from tradingsite.health import heartbeats, views

PROCESSES = ("beat", "trading-worker", "research-worker")


@pytest.fixture(autouse=True)
def _no_heartbeats_of_other_tests(db: None, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "PREFIX", "heartbeat-of-this-test:")
    monkeypatch.setattr(heartbeats, "_sent_at", {})


def test_a_process_without_a_heartbeat_is_missing(client: Client) -> None:
    assert client.get("/healthz").json() == {
        "database": "ok", "redis": "ok", "beat": "missing", "trading-worker": "missing", "research-worker": "missing"
    }  # fmt: skip


@pytest.mark.parametrize("missing", PROCESSES)
def test_one_missing_process_makes_the_site_unhealthy(client: Client, missing: str) -> None:
    for process in set(PROCESSES) - {missing}:
        heartbeats.send(process)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()[missing]) == (503, "missing")


def test_a_site_with_all_its_parts_is_healthy(client: Client) -> None:
    for process in PROCESSES:
        heartbeats.send(process)
    answer = client.get("/healthz")
    assert (answer.status_code, set(answer.json().values())) == (200, {"ok"})


@pytest.mark.parametrize("error", [DatabaseError, redis.RedisError])
def test_a_server_that_does_not_answer_is_missing(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def fail() -> bool:
        raise error

    monkeypatch.setattr(views, "PARTS", {"database": fail})
    assert views.state_of_parts() == {"database": False}


def test_the_page_is_not_cached(client: Client) -> None:
    assert "no-store" in client.get("/healthz")["Cache-Control"]


def test_the_page_takes_no_post(client: Client) -> None:
    assert client.post("/healthz").status_code == 405
