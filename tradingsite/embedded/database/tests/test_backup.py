"""The database is dumped before it is migrated, and the dump holds what was in it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest
from django.test import override_settings

from tradingsite.embedded.database.backup import MAX_DUMPS, back_up, back_up_site
from tradingsite.embedded.errors import EmbeddedError
from tradingsite.embedded.servers.postgres import Postgres, find_binaries
from tradingsite.tests.conftest import Site

NOW = datetime(2026, 11, 27, 20, 31, 5, tzinfo=UTC)
DATABASE = "database_to_dump"


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    folder = Path(os.environ["TRADINGSITE_TEST_SERVERS"])
    server = Postgres(folder / "postgres", folder / "run", durable=False)
    execute(server, "postgres", f"DROP DATABASE IF EXISTS {DATABASE}", f"CREATE DATABASE {DATABASE}")
    execute(server, DATABASE, "CREATE TABLE books (title text)", "INSERT INTO books VALUES ('the first trade')")
    yield server
    execute(server, "postgres", f"DROP DATABASE {DATABASE} WITH (FORCE)")


def execute(server: Postgres, database: str, *statements: str) -> None:
    connection = psycopg2.connect(**server.connection(database))
    connection.autocommit = True
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.close()


def content(server: Postgres, dump: Path) -> str:
    """Return a dump as SQL."""
    command = [find_binaries(server.data) / "pg_restore", "-f", "-", dump]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_dump_is_named_by_its_time(server: Postgres, tmp_path: Path) -> None:
    assert back_up(server, DATABASE, tmp_path, NOW) == tmp_path / f"{DATABASE}-2026-11-27T203105Z.dump"


def test_a_dump_holds_the_rows(server: Postgres, tmp_path: Path) -> None:
    assert "the first trade" in content(server, back_up(server, DATABASE, tmp_path, NOW))


def test_a_dump_is_for_its_owner_alone(server: Postgres, tmp_path: Path) -> None:
    dump = back_up(server, DATABASE, tmp_path / "backups", NOW)
    assert (dump.stat().st_mode & 0o777, dump.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_only_the_latest_dumps_are_kept(server: Postgres, tmp_path: Path) -> None:
    dumps = [back_up(server, DATABASE, tmp_path, NOW + timedelta(days=day)) for day in range(MAX_DUMPS + 2)]
    assert sorted(tmp_path.iterdir()) == dumps[2:]


def test_other_files_of_the_folder_are_left_alone(server: Postgres, tmp_path: Path) -> None:
    mine = [tmp_path / f"my-own-{number}.dump" for number in range(MAX_DUMPS + 1)]
    for file in mine:
        file.touch()
    back_up(server, DATABASE, tmp_path, NOW)
    assert all(file.exists() for file in mine)


def test_a_dump_that_fails_is_an_error_with_its_reason(server: Postgres, tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match=r'could not be dumped to .*"nowhere" does not exist'):
        back_up(server, "nowhere", tmp_path, NOW)


def test_a_dump_that_fails_leaves_no_file(server: Postgres, tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError):
        back_up(server, "nowhere", tmp_path, NOW)
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_another_server_is_not_dumped() -> None:
    with override_settings(USES_EMBEDDED_POSTGRES=False):
        assert back_up_site() is None


@pytest.mark.slow
def test_a_new_site_has_nothing_to_dump(site: Site) -> None:
    assert site.manage("list_bots").returncode == 0
    assert not (site.folder / "backups").exists()


@pytest.mark.slow
def test_the_database_is_dumped_before_a_migration(site: Site) -> None:
    site.manage("list_bots")
    site.manage("migrate", "otp_static", "zero")
    answer = site.manage("list_bots")
    assert answer.returncode == 0, answer.stderr
    assert len(list((site.folder / "backups").glob("tradingsite-*.dump"))) == 1


@pytest.mark.slow
def test_nothing_is_migrated_where_the_dump_fails(site: Site) -> None:
    site.manage("list_bots")
    site.manage("migrate", "otp_static", "zero")
    (site.folder / "backups").touch()  # a file where the folder should be
    site.manage("list_bots")
    assert "[ ] 0001_initial" in site.manage("showmigrations", "otp_static").stdout
