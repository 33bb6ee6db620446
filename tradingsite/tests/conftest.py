"""Real processes for the tests of `manage.py`: each in a data folder of its own, all ended when the test ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
ENVIRONMENT_OF_TESTS = (
    "DATABASE_URL", "CELERY_BROKER_URL", "REDIS_URL", "LOG_LEVEL", "DJANGO_SETTINGS_MODULE", "PYTEST_CURRENT_TEST",
    "DJANGO_ALLOW_ASYNC_UNSAFE"
)  # fmt: skip


def eventually(claim: Callable[[], object], within: float = 30.0) -> bool:
    """Wait for a claim to hold. Return False when it does not in time."""
    give_up = time.monotonic() + within
    while time.monotonic() < give_up:
        if claim():
            return True
        time.sleep(0.1)
    return bool(claim())


def processes_on(folder: Path) -> dict[int, str]:
    """Return the command lines of living processes whose environment or arguments name a data folder."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            command = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            environment = (place / "environ").read_bytes()
        except OSError:
            continue
        if command and (os.fsencode(folder) in environment or str(folder) in command):
            found[int(place.name)] = command
    return found


@dataclass
class Site:
    """A data folder, and the `manage.py` processes that run on it."""

    folder: Path
    port: int
    extra: dict[str, str] = field(default_factory=dict)
    _started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT_OF_TESTS}
        return {**own, "VAR_DIR": str(self.folder), "PORT": str(self.port), "PYTHONPATH": str(ROOT), **self.extra}

    def manage(self, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=timeout, check=False
        )

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command and go on; what it says goes to `said`."""
        with (self.folder / "said").open("ab") as said:
            process = subprocess.Popen(
                [sys.executable, "manage.py", *arguments], cwd=ROOT, env=self.environment, stdout=said, stderr=said
            )
        self._started.append(process)
        return process

    def up(self, *options: str) -> subprocess.Popen[bytes]:
        """Start the whole site and wait until it says it is ready."""
        process = self.start("up", *options)
        assert eventually(lambda: "ready: http" in self.said or process.poll() is not None, within=120), self.said
        assert process.poll() is None, self.said
        return process

    @property
    def said(self) -> str:
        return (self.folder / "said").read_text(errors="replace")

    def processes(self, like: str = "") -> list[int]:
        """Living processes of this folder whose command line matches."""
        return [pid for pid, command in processes_on(self.folder).items() if re.search(like, command)]

    def end(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._started:
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
        eventually(lambda: not self.processes(), within=20)
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    folder = tmp_path / "var"
    folder.mkdir()
    made = Site(folder, _free_port())
    yield made
    made.end()
