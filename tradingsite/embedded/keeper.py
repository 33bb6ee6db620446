"""Keeps one embedded server running for as long as anybody uses it: `python -m tradingsite.embedded.keeper KIND VAR`.

A server cannot be the child of the command that happened to need it first, for others may use it longer. So a small
process of its own, in a session of its own, starts the server as its child, restarts it when it dies, and stops it
and itself when the last user is gone. Users hold a shared lock on `users`; the kernel releases it when they end,
killed or not. The keeper holds `keeper`, so there is one for each folder and server. services.py is the users' side.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from tradingsite.embedded.errors import EmbeddedError
from tradingsite.embedded.locks import FileLock
from tradingsite.embedded.postgres import Postgres
from tradingsite.embedded.sockets import make_socket_folder, socket_folder
from tradingsite.embedded.valkey import Valkey

PREDECESSOR_PATIENCE_S = 30.0
LOOK_EVERY_S = 0.25
LONGEST_PAUSE_S = 10.0
STEADY_AFTER_S = 30.0
LARGEST_LOG_BYTES = 5_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where one kind of server keeps its files under the data folder of the site."""

    kind: str
    var: Path

    @property
    def users(self) -> Path:
        return self.var / "locks" / f"{self.kind}.users"

    @property
    def starting(self) -> Path:
        return self.var / "locks" / f"{self.kind}.starting"

    @property
    def keeper(self) -> Path:
        return self.var / "locks" / f"{self.kind}.keeper"

    @property
    def log(self) -> Path:
        return self.var / "log" / f"{self.kind}.log"

    def server(self) -> Postgres | Valkey:
        """The server itself. Raises KeyError for a kind that does not exist."""
        data, sockets = self.var / self.kind, socket_folder(self.var)
        servers: dict[str, Postgres | Valkey] = {"postgres": Postgres(data, sockets), "redis": Valkey(data, sockets)}
        return servers[self.kind]


def keep(place: Place, unused: threading.Event) -> None:
    """Run the server until nobody uses it, starting it again with growing pauses when it dies."""
    server = place.server()
    make_socket_folder(server.socket_folder)
    if isinstance(server, Postgres):
        server.initialise()
    pause = LOOK_EVERY_S
    while not unused.is_set():
        started = time.monotonic()
        process = server.start(log=None)
        while process.poll() is None and not unused.wait(LOOK_EVERY_S):
            pass
        if unused.is_set():
            server.stop(process)
            return
        pause = LOOK_EVERY_S if time.monotonic() - started > STEADY_AFTER_S else min(2 * pause, LONGEST_PAUSE_S)
        _say(f"{place.kind} ended with status {process.returncode}; starting it again in {pause:.1f} s")
        unused.wait(pause)


def _watch_users(place: Place, unused: threading.Event) -> None:
    """Set `unused` when nobody holds the users' lock; from then on new users wait until this process has ended."""
    FileLock(place.users).acquire()
    unused.set()


def launch(place: Place) -> subprocess.Popen[bytes]:
    """Start a keeper that outlives us, writing to the server's log."""
    place.log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if place.log.exists() and place.log.stat().st_size > LARGEST_LOG_BYTES:
        place.log.replace(place.log.with_suffix(".log.1"))
    with place.log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tradingsite.embedded.keeper", place.kind, str(place.var)],
            cwd=Path(__file__).resolve().parent.parent.parent,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def main(kind: str, var: str) -> int:
    place = Place(kind, Path(var))
    unused = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: unused.set())
    if not FileLock(place.keeper).acquire_within(PREDECESSOR_PATIENCE_S):
        _say(f"error: another keeper of {kind} holds {place.keeper}")
        return 1
    threading.Thread(target=_watch_users, args=(place, unused), daemon=True).start()
    try:
        keep(place, unused)
    except (EmbeddedError, OSError) as error:
        _say(f"error: {error}")
        return 1
    return 0


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main(*sys.argv[1:3]))
