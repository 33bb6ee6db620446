"""Keep one embedded server running for as long as anybody uses it.

    python -m tradingsite.embedded.servers.watchdog KIND VAR_DIR

The server cannot be a child of the command that needed it first, because others may use it longer. So a process of its
own, in a session of its own, starts the server as its child, restarts it when it dies, and stops it and itself when
the last user is gone. Each user holds a shared lock on the file `users`, which the kernel releases when the user ends,
killed or not. The watchdog holds a lock too, so there is one for each folder and server. running.py is the users' side.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from tradingsite.embedded.errors import EmbeddedError
from tradingsite.embedded.locks import FileLock
from tradingsite.embedded.servers.paths import ServerPaths
from tradingsite.embedded.servers.postgres import Postgres
from tradingsite.embedded.servers.sockets import make_socket_folder

ROOT = Path(__file__).resolve().parents[3]
PREDECESSOR_TIMEOUT_S = 30.0
POLL_EVERY_S = 0.25
LONGEST_PAUSE_S = 10.0
STEADY_AFTER_S = 30.0
LARGEST_LOG_BYTES = 5_000_000


def run_server(paths: ServerPaths, unused: threading.Event) -> None:
    """Run the server until nobody uses it, starting it again with growing pauses when it dies."""
    server = paths.server()
    make_socket_folder(server.socket_folder)
    if isinstance(server, Postgres):
        server.initialise()
    pause = POLL_EVERY_S
    while not unused.is_set():
        started = time.monotonic()
        process = server.start(log=None)
        while process.poll() is None and not unused.wait(POLL_EVERY_S):
            pass
        if unused.is_set():
            server.stop(process)
            return
        pause = POLL_EVERY_S if time.monotonic() - started > STEADY_AFTER_S else min(2 * pause, LONGEST_PAUSE_S)
        log_line(f"{paths.kind} ended with status {process.returncode}; starting it again in {pause:.1f} s")
        unused.wait(pause)


def _watch_users(paths: ServerPaths, unused: threading.Event) -> None:
    """Set `unused` when nobody holds the users' lock; from then on new users wait until this process has ended."""
    FileLock(paths.users).acquire()
    unused.set()


def launch(paths: ServerPaths) -> subprocess.Popen[bytes]:
    """Start a watchdog that outlives this process and writes to the server's log."""
    paths.log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if paths.log.exists() and paths.log.stat().st_size > LARGEST_LOG_BYTES:
        paths.log.replace(paths.log.with_suffix(".log.1"))
    with paths.log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tradingsite.embedded.servers.watchdog", paths.kind, str(paths.var)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def log_line(text: str) -> None:
    """Write a line to the server's log, which is our stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def main(kind: str, var: str) -> int:
    """Hold the watchdog's lock and run the server. Return the exit status."""
    paths = ServerPaths(kind, Path(var))
    unused = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: unused.set())
    if not FileLock(paths.watchdog).acquire_within(PREDECESSOR_TIMEOUT_S):
        log_line(f"error: another watchdog of {kind} holds {paths.watchdog}")
        return 1
    threading.Thread(target=_watch_users, args=(paths, unused), daemon=True).start()
    try:
        run_server(paths, unused)
    except (EmbeddedError, OSError) as error:
        log_line(f"error: {error}")
        return 1
    return 0


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main(*sys.argv[1:3]))
