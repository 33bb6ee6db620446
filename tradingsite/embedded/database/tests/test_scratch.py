"""Throw-away databases: empty and migrated, seen by nobody else, and never left behind for long."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from django.db import connection

from tradingsite.embedded.database.scratch import PREFIX, TEMPLATE_PREFIX, _maintenance_connection, scratch_database
from tradingsite.tests.conftest import ROOT

RUN = """
import django; django.setup()
import sys
from django.contrib.auth.models import User
from django.db import connection
from tradingsite.embedded.database.scratch import scratch_database
with scratch_database() as name:
    User.objects.create(username="made in " + name)
    print(name, User.objects.count(), flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def databases() -> Iterator[object]:
    """Return a function that lists the server's databases with a prefix."""
    own = _maintenance_connection()

    def names(prefix: str) -> set[str]:
        with own.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [prefix])
            return {row[0] for row in cursor.fetchall()}

    yield names
    own.close()


def start() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ
    )


@pytest.mark.slow
def test_two_runs_at_once_have_a_database_each_and_drop_it(databases) -> None:
    runs = [start(), start()]
    said = [run.stdout.readline().split() for run in runs if run.stdout]
    names = {line[0] for line in said}
    assert len(names) == 2
    assert [line[1] for line in said] == ["1", "1"], "one run sees the other's rows"
    assert names <= databases(PREFIX)
    for run in runs:
        run.communicate("\n")
        assert run.returncode == 0
    assert not names & databases(PREFIX)
    assert len(databases(TEMPLATE_PREFIX)) == 1, "there is one template, and it is kept"


@pytest.mark.slow
def test_the_database_of_a_killed_run_is_dropped_by_the_next_one(databases) -> None:
    killed, alive = start(), start()
    assert killed.stdout
    assert alive.stdout
    abandoned, living = killed.stdout.readline().split()[0], alive.stdout.readline().split()[0]
    killed.kill()
    killed.communicate()
    assert abandoned in databases(PREFIX)
    following = start()
    assert following.stdout
    following.stdout.readline()
    assert abandoned not in databases(PREFIX)
    assert living in databases(PREFIX), "a living run lost its database"
    for run in (following, alive):
        run.communicate("\n")


@pytest.mark.django_db(transaction=True)
def test_the_default_connection_is_the_copy_only_inside() -> None:
    before = connection.settings_dict["NAME"]
    with scratch_database() as name, connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        assert cursor.fetchone() == (name,)
        assert f"/{name}" in os.environ["DATABASE_URL"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        assert cursor.fetchone() == (before,)
