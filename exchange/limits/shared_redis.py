"""Ask Redis for what all processes share, and go on without it while it is away."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

import redis

logger = logging.getLogger(__name__)

T = TypeVar("T")

_RETRY_AFTER_S = 5.0
_TIMEOUT_S = 1.0


class SharedRedis:
    """A Redis that may be away: then `ask` answers from this process alone, and logs a warning."""

    def __init__(self, url: str, warning: str) -> None:
        self.client = redis.Redis.from_url(
            url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            decode_responses=True,
            health_check_interval=30,
        )
        self._warning = warning
        self._away_until_s = 0.0

    def ask(self, shared: Callable[[], T], own: Callable[[], T]) -> T:
        """Return `shared()`, or `own()` while Redis is away: no exit and no request may wait for Redis."""
        if time.monotonic() >= self._away_until_s:
            try:
                return shared()
            except redis.RedisError as error:
                self._away_until_s = time.monotonic() + _RETRY_AFTER_S
                logger.warning(self._warning, extra={"error": type(error).__name__})
        return own()
