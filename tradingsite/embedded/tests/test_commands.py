"""What runs around a management command: servers shared with others, scratch databases, or nothing."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand

from tradingsite.embedded.commands import Database, required_database, without_garbage_collection
from tradingsite.tests.conftest import Site, eventually

HOLD = (
    "import pathlib, time; from django.contrib.auth.models import User; print(User.objects.count()); "
    "pathlib.Path({ready!r}).touch(); time.sleep({seconds}); "
    "print(User.objects.count()); pathlib.Path({done!r}).touch()"
)


def holding(site: Site, name: str, seconds: float) -> tuple[Path, Path, str]:
    ready, done = site.folder / f"{name}-ready", site.folder / f"{name}-done"
    return ready, done, HOLD.format(ready=str(ready), done=str(done), seconds=seconds)


@pytest.mark.slow
def test_commands_share_the_embedded_postgres_and_the_last_one_stops_it(site: Site) -> None:
    ready_1, done_1, script_1 = holding(site, "first", 8)
    ready_2, done_2, script_2 = holding(site, "second", 14)
    first, second = site.start("shell", "-v", "0", "-c", script_1), site.start("shell", "-v", "0", "-c", script_2)
    assert eventually(lambda: ready_1.exists() and ready_2.exists(), within=60), site.said
    servers = set(site.processes(r"bin/postgres -D"))
    assert len(servers) == 1, "both use one server"
    assert first.wait(60) == 0
    assert done_1.exists()
    assert not done_2.exists()
    assert set(site.processes(r"bin/postgres -D")) == servers, "the first to end took the server along"
    assert second.wait(60) == 0
    assert done_2.exists()
    assert eventually(lambda: not site.processes(), within=15), site.processes()


@pytest.mark.slow
def test_a_killed_command_lets_go_of_the_servers(site: Site) -> None:
    ready, _, script = holding(site, "only", 60)
    command = site.start("shell", "-v", "0", "-c", script)
    assert eventually(ready.exists, within=60), site.said
    command.kill()
    command.wait()
    assert eventually(lambda: not site.processes(), within=15), site.processes()


def test_nonsense_in_the_environment_is_one_sentence(site: Site) -> None:
    for name, value in (("PORT", "eighty"), ("DATABASE_URL", "mysql://u:geheim@h/d"), ("SECRETS_KEYS", "short")):
        site.extra = {name: value}
        answer = site.manage("check")
        assert answer.returncode == 1
        assert answer.stderr.startswith("error: " + name), answer.stderr
        assert "Traceback" not in answer.stderr
        assert "geheim" not in answer.stderr


def test_a_server_of_ones_own_that_is_away_is_one_sentence(site: Site) -> None:
    away = f"127.0.0.1:{site.port}"
    for name, value, command in (
        ("DATABASE_URL", f"postgres://u:geheim@{away}/d", "list_bots"),
        ("DATABASE_URL", f"postgres://u:geheim@{away}/d", "up"),
        ("CELERY_BROKER_URL", f"redis://:geheim@{away}/0", "up"),
    ):
        site.extra = {name: value}
        answer = site.manage(command)
        assert answer.returncode == 1
        assert f"{name}" in answer.stderr
        assert "cannot be used" in answer.stderr
        assert "Traceback" not in answer.stderr, answer.stderr
        assert "geheim" not in answer.stderr + answer.stdout
    assert not site.processes()


WHERE = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SHOW unix_socket_directories")
    print(cursor.fetchone()[0])
"""


def test_servers_of_ones_own_are_used_and_none_is_started(site: Site) -> None:
    site.extra = {name: os.environ[name] for name in ("DATABASE_URL", "CELERY_BROKER_URL", "REDIS_URL")}
    answer = site.manage("shell", "-v", "0", "-c", WHERE)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == os.environ["DATABASE_URL"].partition("host=")[2]
    assert not {"postgres", "redis"} & {path.name for path in site.folder.iterdir()}


def test_check_needs_no_server_and_the_production_settings_pass_it(site: Site) -> None:
    site.extra = {"ALLOWED_HOSTS": "bots.example.com"}
    answer = site.manage("check", "--deploy", "--fail-level", "WARNING")
    assert answer.returncode == 0, answer.stderr
    assert not (site.folder / "postgres").exists()


def need(name: str, *options: str) -> Database:
    command = load_command_class(get_commands()[name], name)
    return required_database(command, name, options)


class OfAnotherPackage(BaseCommand):
    """A command that says nothing about the database."""


def test_a_command_that_says_nothing_gets_the_sites_database() -> None:
    assert required_database(OfAnotherPackage(), "its_name", []) is Database.SITE


def test_a_command_may_need_no_database() -> None:
    assert need("up") is Database.NONE


def test_a_command_may_need_no_database_with_an_option() -> None:
    assert need("backtest", "--klines=BTCUSDT-1h.csv") is Database.NONE


def test_without_that_option_the_command_gets_the_sites_database() -> None:
    assert need("backtest", "--dataset", "BTCUSDT:1h") is Database.SITE


@pytest.mark.parametrize("name", ["replay", "paper_exchange"])
def test_runs_over_candles_leave_the_sites_database_alone(name: str) -> None:
    assert need(name) is Database.SCRATCH


@pytest.mark.parametrize("option", ["-h", "--help", "--version"])
def test_help_needs_no_database(option: str) -> None:
    assert need("replay", option) is Database.NONE


def test_an_unknown_command_needs_no_database() -> None:
    assert required_database(None, "its_name", []) is Database.NONE


def test_migrate_needs_a_server_and_migrates_itself() -> None:
    assert need("migrate") is Database.SERVER


def test_djangos_check_needs_no_database() -> None:
    assert need("check") is Database.NONE


def test_an_unknown_command_is_told_by_django(site: Site) -> None:
    answer = site.manage("lst_bots")
    assert "Unknown command: 'lst_bots'" in answer.stderr


def test_nothing_is_collected_while_modules_load() -> None:
    try:
        with without_garbage_collection():
            assert not gc.isenabled()
    finally:
        gc.unfreeze()


def test_modules_that_are_loaded_are_never_looked_at_again() -> None:
    before = gc.get_freeze_count()
    try:
        with without_garbage_collection():
            pass
        assert gc.isenabled()
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()
