"""Signs of life of the processes that serve no page: the scheduler and the workers leave theirs in Redis.

The health page reads them (health.py). A sign lasts a few beats and then fades by itself.
"""

from __future__ import annotations

import time
from functools import cache

import redis
from django.conf import settings

LASTS_S = 20
LEAVE_EVERY_S = 2.0
PREFIX = "heartbeat:"

_left: dict[str, float] = {}


@cache
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)


def worker_of(queue: str) -> str:
    """The name under which a worker that takes from a queue leaves its signs."""
    return f"{queue}-worker"


def leave(process: str) -> None:
    """Say that a process is alive, at most every two seconds. A Redis that does not answer is not our problem here."""
    if time.monotonic() - _left.get(process, -LEAVE_EVERY_S) < LEAVE_EVERY_S:
        return
    _left[process] = time.monotonic()
    try:
        _client(settings.REDIS_URL).set(PREFIX + process, int(time.time()), ex=LASTS_S)
    except redis.RedisError:
        pass


def is_alive(process: str) -> bool:
    """True when the process has left a sign lately. Raises redis.RedisError when Redis does not answer."""
    return bool(_client(settings.REDIS_URL).exists(PREFIX + process))


def forget() -> None:
    """Remove the signs of processes of an earlier run."""
    workers = (worker_of(queue) for queue in (settings.TRADING_QUEUE, settings.RESEARCH_QUEUE))
    _client(settings.REDIS_URL).delete(*(PREFIX + process for process in ("beat", *workers)))
