"""Keep heartbeats of the processes that serve no page: the scheduler and the workers write theirs to Redis.

The health page reads them (views.py). A heartbeat expires by itself.
"""

from __future__ import annotations

import time
from functools import cache

import redis
from django.conf import settings

EXPIRES_AFTER_S = 20
SEND_EVERY_S = 2.0
PREFIX = "heartbeat:"

_sent_at: dict[str, float] = {}


@cache
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)


def worker_name(queue: str) -> str:
    """Return the name under which the workers of a queue send heartbeats."""
    return f"{queue}-worker"


def send(process: str) -> None:
    """Send the heartbeat of a process, at most every two seconds. Ignore a Redis that does not answer."""
    if time.monotonic() - _sent_at.get(process, -SEND_EVERY_S) < SEND_EVERY_S:
        return
    _sent_at[process] = time.monotonic()
    try:
        _client(settings.REDIS_URL).set(PREFIX + process, int(time.time()), ex=EXPIRES_AFTER_S)
    except redis.RedisError:
        pass


def is_alive(process: str) -> bool:
    """Return whether the heartbeat of a process has not expired. Raise redis.RedisError when Redis does not answer."""
    return bool(_client(settings.REDIS_URL).exists(PREFIX + process))


def clear() -> None:
    """Remove the heartbeats of an earlier run."""
    workers = (worker_name(queue) for queue in (settings.TRADING_QUEUE, settings.RESEARCH_QUEUE))
    _client(settings.REDIS_URL).delete(*(PREFIX + process for process in ("beat", *workers)))
