"""Bringing a database to the state the code expects, one process at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

# Names the lock among the server's advisory locks; any number would do.
MIGRATING = 7_294_301


def ensure_migrated(verbosity: int = 0) -> bool:
    """Apply the migrations that are missing. True when there were some."""
    if not _missing():
        return False
    with advisory_lock(MIGRATING):
        if not _missing():  # someone else was faster
            return False
        call_command("migrate", interactive=False, verbosity=verbosity)
    return True


def _missing() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


@contextmanager
def advisory_lock(number: int) -> Iterator[None]:
    """Hold one of the server's advisory locks for this session; waits for it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [number])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [number])


def fingerprint() -> str:
    """A short name for the set of all migrations as they are now; an edit to any of them changes it."""
    digest = hashlib.sha256()
    for app in sorted(apps.get_app_configs(), key=lambda app: app.label):
        for file in sorted(Path(app.path).glob("migrations/*.py")):
            digest.update(f"{app.label}/{file.name}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]
