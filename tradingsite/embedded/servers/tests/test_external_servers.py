"""A server that the environment names and that does not answer is one sentence, without its password."""

from __future__ import annotations

import pytest
from django.db import OperationalError, connection
from django.test import override_settings

from tradingsite.embedded.errors import EmbeddedError
from tradingsite.embedded.servers.external_servers import require_postgres, require_redis

AWAY = "redis://:geheim@127.0.0.1:1/0"


def test_the_embedded_servers_are_not_asked() -> None:
    with override_settings(USES_EMBEDDED_REDIS=True, REDIS_URL=AWAY):
        require_redis()


def test_a_redis_that_answers_is_fine(redis_url: str) -> None:
    with override_settings(USES_EMBEDDED_REDIS=False):
        require_redis()


def test_a_redis_that_is_away_is_named_by_its_variables() -> None:
    with (
        override_settings(USES_EMBEDDED_REDIS=False, REDIS_URL=AWAY),
        pytest.raises(EmbeddedError, match="CELERY_BROKER_URL and REDIS_URL cannot be used"),
    ):
        require_redis()


def test_its_password_is_not_shown() -> None:
    with override_settings(USES_EMBEDDED_REDIS=False, REDIS_URL=AWAY), pytest.raises(EmbeddedError) as told:
        require_redis()
    assert "geheim" not in str(told.value)


def test_a_database_that_is_away_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OperationalError("connection refused.\nMore lines")

    monkeypatch.setattr(connection, "ensure_connection", refuse)
    with (
        override_settings(USES_EMBEDDED_POSTGRES=False),
        pytest.raises(EmbeddedError, match=r"DATABASE_URL cannot be used: connection refused\. Start"),
    ):
        require_postgres()
