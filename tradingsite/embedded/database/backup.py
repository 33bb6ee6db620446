"""Dump the embedded server's database before it is migrated.

How to restore a dump is in docs/operations.md.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from tradingsite.embedded.servers.postgres import Postgres

MAX_DUMPS = 5


def back_up_site() -> Path | None:
    """Dump the site's database into VAR_DIR/backups. Return the file, or None where there is nothing of ours to dump.

    That is a new database, and one on a server that DATABASE_URL names. Raise EmbeddedError when the dump fails.
    """
    if not settings.USES_EMBEDDED_POSTGRES or not MigrationRecorder(connection).applied_migrations():
        return None
    server = Postgres(settings.VAR_DIR / "postgres", settings.SOCKET_DIR)
    return back_up(server, settings.EMBEDDED_DATABASE, settings.VAR_DIR / "backups", datetime.now(UTC))


def back_up(server: Postgres, database: str, folder: Path, now: datetime) -> Path:
    """Dump a database into a file named by the time, and remove all but the latest dumps of the folder."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / f"{database}-{now:%Y-%m-%dT%H%M%SZ}.dump"
    server.dump(database, file)
    for old in sorted(folder.glob(f"{database}-*.dump"))[:-MAX_DUMPS]:
        old.unlink()
    return file
