"""Make throw-away databases, for runs that must not touch the site's books.

    with scratch_database():
        ...                      # Django's default connection is the copy, in this process and in children it starts

Each is a copy of an empty, migrated database. It is dropped afterwards, or by the next run when its own was killed: a
run holds an advisory lock on the name of its copy, which the server releases when the connection is gone.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

import psycopg2
from django.conf import settings
from django.db import connections
from psycopg2 import sql

from tradingsite.embedded.database.migrations import ensure_migrated, fingerprint
from tradingsite.embedded.errors import EmbeddedError

PREFIX = "scratch_"
TEMPLATE_PREFIX = "scratchtemplate_"


@contextmanager
def scratch_database() -> Iterator[str]:
    """Point Django's default connection at a new, migrated, empty database and drop it at the end.

    Yield the database's name. The server must be running (servers/running.py). Raise EmbeddedError when the database
    user may not create databases.
    """
    name = f"{PREFIX}{os.getpid()}_{secrets.token_hex(4)}"
    server = _maintenance_connection()
    try:
        with server.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [_lock_number(name)])
            drop_abandoned(cursor)
            template = _migrated_template(cursor)
            _create(cursor, name, template)
            # Losing the last moment of a copy that nobody keeps costs nothing; waiting for the disk would.
            cursor.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(sql.Identifier(name)))
            try:
                with _default_connection_to(name):
                    yield name
            finally:
                _drop(cursor, name)
    finally:
        server.close()


def drop_abandoned(cursor: Any) -> list[str]:
    """Drop the copies whose runs are gone. Return their names."""
    cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX])
    dropped = []
    for (name,) in cursor.fetchall():
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_lock_number(name)])
        if cursor.fetchone()[0]:
            _drop(cursor, name)
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_lock_number(name)])
            dropped.append(name)
    return dropped


def _migrated_template(cursor: Any) -> str:
    """Return the name of the database to copy. Make a new one when a migration has changed."""
    name = f"{TEMPLATE_PREFIX}{fingerprint()}"
    cursor.execute("SELECT pg_advisory_lock(%s)", [_lock_number(TEMPLATE_PREFIX)])
    try:
        cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [TEMPLATE_PREFIX])
        templates = {row[0] for row in cursor.fetchall()}
        if name not in templates:
            for outdated in templates:
                _drop(cursor, outdated)
            _build_template(cursor, name)
    finally:
        cursor.execute("SELECT pg_advisory_unlock(%s)", [_lock_number(TEMPLATE_PREFIX)])
    return name


def _build_template(cursor: Any, name: str) -> None:
    """Migrate an empty database, and rename it when that is done."""
    unfinished = f"{TEMPLATE_PREFIX}unfinished"
    _drop(cursor, unfinished)
    _create(cursor, unfinished, "template1")
    with _default_connection_to(unfinished):
        ensure_migrated()
    cursor.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(unfinished), sql.Identifier(name)))


@contextmanager
def _default_connection_to(name: str) -> Iterator[None]:
    """Point Django's default connection, in all threads and child processes, at another database."""
    configured = connections.settings["default"]
    before, url_before = configured["NAME"], os.environ.get("DATABASE_URL")
    connections["default"].close()
    configured["NAME"] = name
    os.environ["DATABASE_URL"] = _url(configured)
    try:
        yield
    finally:
        connections["default"].close()
        configured["NAME"] = before
        if url_before is None:
            del os.environ["DATABASE_URL"]
        else:
            os.environ["DATABASE_URL"] = url_before


def _url(configured: dict[str, Any]) -> str:
    user, password = quote(configured.get("USER") or "", safe=""), quote(configured.get("PASSWORD") or "", safe="")
    host, port, name = configured.get("HOST") or "", configured.get("PORT") or "", configured["NAME"]
    login = f"{user}:{password}@" if password else f"{user}@"
    if host.startswith("/"):
        return f"postgres://{login}/{name}?{urlencode({'host': host})}"
    return f"postgres://{login}{host}{f':{port}' if port else ''}/{name}"


def _maintenance_connection() -> Any:
    """Connect, beside Django, to the database that every server has. This connection holds the advisory locks."""
    parameters = connections["default"].get_connection_params()
    known = {key: value for key, value in parameters.items() if key in ("host", "port", "user", "password")}
    connection = psycopg2.connect(**known, dbname="postgres")
    connection.autocommit = True
    return connection


def _create(cursor: Any, name: str, template: str) -> None:
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    try:
        cursor.execute(statement)
    except psycopg2.errors.InsufficientPrivilege:
        raise EmbeddedError(
            f"The database user {settings.DATABASES['default']['USER']!r} may not create databases, and this command "
            f"works in a throw-away one. Grant it CREATEDB, or run the command without DATABASE_URL."
        ) from None


def _drop(cursor: Any, name: str) -> None:
    cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _lock_number(name: str) -> int:
    """Return the number of the advisory lock for a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
