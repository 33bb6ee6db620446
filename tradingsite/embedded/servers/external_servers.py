"""Check that the servers that the environment names answer."""

from __future__ import annotations

import redis
from django.conf import settings
from django.db import OperationalError, connection

from tradingsite.embedded.errors import EmbeddedError


def require_postgres() -> None:
    """Raise EmbeddedError where DATABASE_URL names a database that cannot be used."""
    if settings.USES_EMBEDDED_POSTGRES:
        return
    try:
        connection.ensure_connection()
    except OperationalError as error:
        raise EmbeddedError(_sentence("DATABASE_URL", error)) from None


def require_redis() -> None:
    """Raise EmbeddedError where REDIS_URL, or the broker that it follows, names a Redis that cannot be used."""
    if settings.USES_EMBEDDED_REDIS:
        return
    try:
        redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=5, socket_timeout=5).ping()
    except redis.RedisError as error:
        raise EmbeddedError(_sentence("CELERY_BROKER_URL and REDIS_URL", error)) from None


def _sentence(variable: str, error: Exception) -> str:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    return f"The server of {variable} cannot be used: {reason}. Start or correct it; unset, the site brings its own."
