"""Test that a database of an earlier version migrates with every row kept, and that its bots go on trading."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connections

from core.times import to_ms

DUMP = Path(__file__).with_name("database.sql")
NAME = "upgrade_test"
KEY = "bWFkZSB1cCBrZXkgb2YgdGhlIHVwZ3JhZGUgdGVzdC4="

RENAMED_TABLES: dict[str, str] = {}
RENAMED_COLUMNS = {("bots_trade", "exit_wanted"): "exit_requested"}
GROWING = ("django_migrations", "auth_permission", "auth_group_permissions", "django_content_type")

Row = dict[str, Any]
Tables = dict[str, list[Row]]


@pytest.fixture(scope="module")
def server() -> dict[str, Any]:
    parameters = connections["default"].get_connection_params()
    return {name: parameters[name] for name in ("host", "port", "user", "password") if name in parameters}


@pytest.fixture(scope="module")
def upgraded(server: dict[str, Any], django_db_blocker: Any) -> Iterator[tuple[Tables, Tables]]:
    """Restore the dump, migrate it, and leave Django connected to it. Give all rows before and after."""
    _recreate(server, NAME)
    with closing(psycopg2.connect(**server, dbname=NAME)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(DUMP.read_text())
    configured = connections.settings["default"]
    name = configured["NAME"]
    with django_db_blocker.unblock():
        connections["default"].close()
        configured["NAME"] = NAME
        connections["default"].settings_dict["NAME"] = NAME
        try:
            before = _read(server)
            call_command("migrate", verbosity=0)
            yield before, _read(server)
        finally:
            connections["default"].close()
            configured["NAME"] = name
            connections["default"].settings_dict["NAME"] = name
    _recreate(server, NAME, only_drop=True)


def _recreate(server: dict[str, Any], name: str, *, only_drop: bool = False) -> None:
    with closing(psycopg2.connect(**server, dbname="postgres")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            if not only_drop:
                cursor.execute(f"CREATE DATABASE {name}")


def _read(server: dict[str, Any]) -> Tables:
    with closing(psycopg2.connect(**server, dbname=NAME)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        tables: Tables = {}
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT * FROM "{table}"')
            names = [column.name for column in cursor.description or ()]
            tables[table] = [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
        return tables


def _without_new_columns(table: str, columns: Row, rows: list[Row]) -> list[str]:
    names = {name: RENAMED_COLUMNS.get((table, name), name) for name in columns}
    return sorted(repr([(old, row[new if new in row else old]) for old, new in names.items()]) for row in rows)


def _rights(tables: Tables, table: str, owner: str) -> set[tuple[int, str]]:
    codenames = {row["id"]: row["codename"] for row in tables["auth_permission"]}
    return {(row[owner], codenames[row["permission_id"]]) for row in tables[table]}


def test_dump_holds_rows_of_every_table_of_ours(upgraded: tuple[Tables, Tables]) -> None:
    ours = ("exchange_", "bots_", "backtests_", "auth_group", "django_admin_log", "django_celery_beat_periodictask")
    assert [name for name, rows in upgraded[0].items() if name.startswith(ours) and not rows] == []


def test_every_row_is_kept(upgraded: tuple[Tables, Tables]) -> None:
    before, after = upgraded
    for table, rows in before.items():
        if rows and table not in GROWING:
            migrated = _without_new_columns(table, rows[0], after[RENAMED_TABLES.get(table, table)])
            assert migrated == _without_new_columns(table, rows[0], rows), table


def test_permissions_and_content_types_keep_their_ids(upgraded: tuple[Tables, Tables]) -> None:
    before, after = upgraded
    for table, name in (("auth_permission", "codename"), ("django_content_type", "model")):
        names = {row["id"]: row[name] for row in after[table]}
        assert {row["id"]: row[name] for row in before[table]}.items() <= names.items()


def test_content_types_of_the_paper_exchange_move_to_its_app(upgraded: tuple[Tables, Tables]) -> None:
    apps = [(row["app_label"], row["model"]) for row in upgraded[1]["django_content_type"]]
    moved = {"paperaccount", "paperbalance", "paperorder", "paperorderlist", "paperfill"}
    assert sorted(entry for entry in apps if entry[1] in moved) == [("paper", name) for name in sorted(moved)]


def test_groups_keep_their_rights(upgraded: tuple[Tables, Tables]) -> None:
    before, after = (_rights(tables, "auth_group_permissions", "group_id") for tables in upgraded)
    assert before <= after


def test_a_persons_own_group_gains_no_rights(upgraded: tuple[Tables, Tables]) -> None:
    clerks = next(row["id"] for row in upgraded[0]["auth_group"] if row["name"] == "Paper clerks")
    before, after = (_rights(tables, "auth_group_permissions", "group_id") for tables in upgraded)
    assert {right for right in after if right[0] == clerks} == {right for right in before if right[0] == clerks}


@pytest.mark.parametrize("right", ["view_paperaccount", "view_paperorder", "view_paperfill", "delete_paperfill"])
def test_viewer_may_still_see_the_paper_exchange(upgraded: tuple[Tables, Tables], right: str) -> None:
    assert User.objects.get(username="viewer").has_perm(f"paper.{right}")


def test_admin_log_still_points_to_its_objects(upgraded: tuple[Tables, Tables], settings: Any) -> None:
    settings.SECRETS_KEYS = [KEY]
    entry = LogEntry.objects.get(content_type__model="paperaccount")
    assert str(entry.get_edited_object()) == entry.object_repr


def test_migrated_schema_is_that_of_the_models(upgraded: tuple[Tables, Tables]) -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_foreign_keys_of_the_paper_tables_are_intact(upgraded: tuple[Tables, Tables], server: dict[str, Any]) -> None:
    with closing(psycopg2.connect(**server, dbname=NAME)) as connection:
        cursor = connection.cursor()
        with pytest.raises(psycopg2.errors.ForeignKeyViolation):
            cursor.execute("DELETE FROM exchange_paperaccount; SET CONSTRAINTS ALL IMMEDIATE")


def test_bot_of_the_earlier_version_ticks(upgraded: tuple[Tables, Tables], settings: Any, redis_url: str) -> None:
    from bots.models import BotConfig, BotRun, BotState, Decision
    from bots.trading import tick
    from bots.trading.context import TradingContext
    from exchange.api.types import INTERVAL_MS
    from exchange.klines.candles import MemoryCandles
    from exchange.paper.local import connect_locally
    from exchange.paper.market.clock import ManualClock
    from exchange.paper.market.registry import market_registry
    from exchange.paper.models import PaperAccount

    settings.SECRETS_KEYS = [KEY]
    bot = BotConfig.objects.order_by("pk").first()
    bar_ms = INTERVAL_MS[bot.timeframe]
    last_bar_ms = to_ms(BotState.objects.get(bot=bot).last_bar)
    account = PaperAccount.objects.get()
    clock = ManualClock(max(last_bar_ms + 2 * bar_ms + 1, account.settled_to_ms))
    market_registry.install(account, clock=clock, default=True)
    exchange = connect_locally(account, clock)
    candles = MemoryCandles(exchange, start_ms=last_bar_ms - 300 * bar_ms)
    market = TradingContext(exchange, candles, exchange.symbol_rules(bot.symbol), clock.now_ms())
    result = tick.run_bot(bot.pk, lambda _: market, even_if_stopped=True)
    assert result.outcome not in (BotRun.Outcome.FAILED, BotRun.Outcome.SKIPPED), result.message
    assert to_ms(Decision.objects.filter(bot=bot).latest("bar").bar) > last_bar_ms
