"""Use the embedded servers: start those that are needed and not running, and hold on to them.

Several processes share them; the last one to let go stops them (watchdog.py). Servers that the environment names
(DATABASE_URL, CELERY_BROKER_URL) are never started here.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from django.conf import settings

from tradingsite.embedded.errors import EmbeddedError
from tradingsite.embedded.locks import FileLock, holder
from tradingsite.embedded.servers.external_servers import require_postgres
from tradingsite.embedded.servers.paths import ServerPaths
from tradingsite.embedded.servers.postgres import Postgres
from tradingsite.embedded.servers.watchdog import launch

READY_TIMEOUT_S = 90.0


def needed_servers() -> list[ServerPaths]:
    """Return the embedded servers that the settings call for."""
    used = {"postgres": settings.USES_EMBEDDED_POSTGRES, "redis": settings.USES_EMBEDDED_REDIS}
    return [ServerPaths(kind, settings.VAR_DIR) for kind, is_used in used.items() if is_used]


@contextmanager
def running_servers() -> Iterator[list[ServerPaths]]:
    """Keep the embedded servers running and ready until the end of the block. Raise EmbeddedError."""
    require_postgres()
    servers = needed_servers()
    with ExitStack() as holds:
        for paths in servers:
            lock = FileLock(paths.users)
            lock.acquire(shared=True)  # waits while the last user's servers are being stopped
            holds.callback(lock.release)
        ensure_running(servers)
        yield servers


def ensure_running(servers: list[ServerPaths]) -> None:
    """Start the servers that are not running and wait until all are ready. The caller holds their users' locks."""
    starting = [FileLock(paths.starting) for paths in servers]
    try:
        for lock in starting:
            lock.acquire()
        watchdogs = {paths: launch(paths) for paths in servers if holder(paths.watchdog) is None}
        for paths in servers:
            _wait_until_ready(paths, watchdogs.get(paths))
    finally:
        for lock in starting:
            lock.release()


def _wait_until_ready(paths: ServerPaths, watchdog: subprocess.Popen[bytes] | None) -> None:
    server = paths.server()
    give_up = time.monotonic() + READY_TIMEOUT_S
    while not server.is_ready():
        if watchdog is not None and watchdog.poll() is not None:
            raise EmbeddedError(last_line(paths.log))
        if time.monotonic() > give_up:
            raise EmbeddedError(f"{paths.kind} was not ready after {READY_TIMEOUT_S:.0f} s; see {paths.log}.")
        time.sleep(0.02)
    if isinstance(server, Postgres):
        server.ensure_database(settings.EMBEDDED_DATABASE)


def last_line(log: Path) -> str:
    """Return the last line of a watchdog's log, without its "error: "."""
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("error: ") if lines else f"{log} is empty"
