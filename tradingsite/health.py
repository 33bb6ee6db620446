"""The health page: whether the parts of the site are there, for monitoring and for `manage.py up`."""

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

from tradingsite import heartbeats

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
    **{worker: partial(heartbeats.is_alive, worker) for worker in map(heartbeats.worker_of, QUEUES)},
}


def state_of_parts() -> dict[str, bool]:
    """Each part's name, and whether it is there."""
    return {name: _is_there(name, asks) for name, asks in PARTS.items()}


def _is_there(name: str, asks: Callable[[], bool]) -> bool:
    try:
        return asks()
    except (DatabaseError, redis.RedisError):
        logger.warning("part of the site does not answer", extra={"part": name}, exc_info=True)
        return False


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when all parts are there, else 503; says which are. Tells nothing else, so it needs no login."""
    parts = state_of_parts()
    return JsonResponse(
        {name: "ok" if there else "missing" for name, there in parts.items()},
        status=200 if all(parts.values()) else 503,
    )
