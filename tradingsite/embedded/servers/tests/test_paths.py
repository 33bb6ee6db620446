"""Where the servers keep their files: names that earlier versions used must stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradingsite.embedded.servers.paths import ServerPaths
from tradingsite.embedded.servers.postgres import Postgres
from tradingsite.embedded.servers.valkey import Valkey

VAR = Path("/srv/site")


def test_the_queue_lies_where_the_redis_of_earlier_versions_kept_it() -> None:
    assert ServerPaths("redis", VAR).server() == Valkey(VAR / "redis", VAR / "run")


def test_the_database_lies_in_the_folder_postgres() -> None:
    assert ServerPaths("postgres", VAR).server() == Postgres(VAR / "postgres", VAR / "run")


def test_the_watchdogs_lock_has_the_name_of_earlier_versions() -> None:
    assert ServerPaths("redis", VAR).watchdog == VAR / "locks" / "redis.keeper"


def test_another_kind_of_server_does_not_exist() -> None:
    with pytest.raises(KeyError):
        ServerPaths("mysql", VAR).server()
