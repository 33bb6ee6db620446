"""Using the embedded servers: start the ones that are needed and not running, and hold on to them.

Several processes at once share them; the last one to let go stops them (keeper.py). Servers that the environment
names (DATABASE_URL, CELERY_BROKER_URL) are never started here.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from django.conf import settings

from tradingsite.embedded.errors import EmbeddedError
from tradingsite.embedded.keeper import Place, launch
from tradingsite.embedded.locks import FileLock, holder
from tradingsite.embedded.own_servers import require_postgres
from tradingsite.embedded.postgres import Postgres

PATIENCE_S = 90.0


def needed() -> list[Place]:
    """The embedded servers that the settings call for."""
    used = {"postgres": settings.USES_EMBEDDED_POSTGRES, "redis": settings.USES_EMBEDDED_REDIS}
    return [Place(kind, settings.VAR_DIR) for kind, is_used in used.items() if is_used]


@contextmanager
def running_servers() -> Iterator[list[Place]]:
    """Have the embedded servers running and ready until the end of the block. Raises EmbeddedError."""
    require_postgres()
    places = needed()
    with ExitStack() as holds:
        for place in places:
            lock = FileLock(place.users)
            lock.acquire(shared=True)  # waits while the last user's servers are being stopped
            holds.callback(lock.release)
        ensure_running(places)
        yield places


def ensure_running(places: list[Place]) -> None:
    """Start the servers that are not running and wait until all are ready. The caller holds their users' locks."""
    starting = [FileLock(place.starting) for place in places]
    try:
        for lock in starting:
            lock.acquire()
        keepers = {place: launch(place) for place in places if holder(place.keeper) is None}
        for place in places:
            _wait_until_ready(place, keepers.get(place))
    finally:
        for lock in starting:
            lock.release()


def _wait_until_ready(place: Place, keeper: subprocess.Popen[bytes] | None) -> None:
    server = place.server()
    give_up = time.monotonic() + PATIENCE_S
    while not server.is_ready():
        if keeper is not None and keeper.poll() is not None:
            raise EmbeddedError(last_line(place.log))
        if time.monotonic() > give_up:
            raise EmbeddedError(f"{place.kind} was not ready after {PATIENCE_S:.0f} s; see {place.log}.")
        time.sleep(0.02)
    if isinstance(server, Postgres):
        server.ensure_database(settings.EMBEDDED_DATABASE)


def last_line(log: Path) -> str:
    """What a keeper said last, without its own "error: "."""
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("error: ") if lines else f"it said nothing in {log}"
