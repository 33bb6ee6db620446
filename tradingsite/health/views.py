"""Show whether the parts of the site work, for monitoring."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from tradingsite.health import heartbeats

logger = logging.getLogger(__name__)


def _database_answers() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone() == (1,)


def _redis_answers() -> bool:
    heartbeats.is_alive("beat")
    return True


QUEUES = (settings.TRADING_QUEUE, settings.RESEARCH_QUEUE)
PARTS: dict[str, Callable[[], bool]] = {
    "database": _database_answers,
    "redis": _redis_answers,
    "beat": lambda: heartbeats.is_alive("beat"),
    **{worker: partial(heartbeats.is_alive, worker) for worker in map(heartbeats.worker_name, QUEUES)},
}


def state_of_parts() -> dict[str, bool]:
    """Return each part's name and whether it works."""
    return {name: _works(name, check) for name, check in PARTS.items()}


def _works(name: str, check: Callable[[], bool]) -> bool:
    try:
        return check()
    except (DatabaseError, redis.RedisError):
        logger.warning("part of the site does not answer", extra={"part": name}, exc_info=True)
        return False


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when all parts work, else 503, and name them. It shows nothing else, so it needs no login."""
    parts = state_of_parts()
    return JsonResponse(
        {name: "ok" if works else "missing" for name, works in parts.items()},
        status=200 if all(parts.values()) else 503,
    )
