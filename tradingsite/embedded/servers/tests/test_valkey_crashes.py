"""No queued task is lost when Valkey is killed at a random moment. Run by `make test-long`."""

from __future__ import annotations

import random
import shutil
import threading
import time
from pathlib import Path

import pytest
import redis

from tradingsite.embedded.servers.sockets import make_socket_folder, socket_folder
from tradingsite.embedded.servers.tests.test_valkey import OLD_FILE, queued, running
from tradingsite.embedded.servers.valkey import Valkey

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
SEEDS = range(60)


@pytest.fixture
def server(tmp_path: Path) -> Valkey:
    return Valkey(tmp_path / "redis", socket_folder(tmp_path))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_old_file_outlives_a_kill_while_it_is_taken_over(server: Valkey, seed: int) -> None:
    server.data.mkdir()
    shutil.copy(OLD_FILE, server.data / "appendonly.aof")
    make_socket_folder(server.socket_folder)
    process = server.start()
    time.sleep(random.Random(seed).uniform(0, 0.08))
    process.kill()
    process.wait()
    with running(server) as client:
        assert queued(client, "trading") + queued(client, "research") == [
            "trading-3", "trading-2", "trading-1", "research-1"
        ]  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_a_task_that_was_taken_outlives_a_kill(server: Valkey, seed: int) -> None:
    make_socket_folder(server.socket_folder)
    process = server.start()
    server.wait_until_ready(process)
    threading.Timer(random.Random(seed).uniform(0.01, 0.3), process.kill).start()
    taken = 0
    with redis.Redis.from_url(server.url(0)) as client:
        try:
            while True:
                client.rpush("trading", taken)
                taken += 1
        except redis.RedisError:
            process.wait()
    with running(server) as client:
        tasks = [int(task) for task in client.lrange("trading", 0, -1)]
    assert tasks[:taken] == list(range(taken))
