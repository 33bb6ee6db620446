"""Migrate a database to the state that the code expects, one process at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

# The number of an advisory lock; any would do.
MIGRATING = 7_294_301


def ensure_migrated(before: Callable[[], object] = lambda: None) -> bool:
    """Call `before` and apply the pending migrations. Return whether there were any."""
    if not has_pending():
        return False
    with advisory_lock(MIGRATING):
        if not has_pending():  # someone else was faster
            return False
        before()
        call_command("migrate", interactive=False, verbosity=0)
    return True


def has_pending() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


@contextmanager
def advisory_lock(number: int) -> Iterator[None]:
    """Wait for one of the server's advisory locks and hold it during the block."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [number])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [number])


def fingerprint() -> str:
    """Return a hash of all migration files; an edit to any of them changes it."""
    digest = hashlib.sha256()
    for app in sorted(apps.get_app_configs(), key=lambda app: app.label):
        for file in sorted(Path(app.path).glob("migrations/*.py")):
            digest.update(f"{app.label}/{file.name}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]
