"""Start one supervised child process, pass on its output, restart it when it dies, and stop it.

supervisor.py decides which children there are, and in which order they start and stop.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tradingsite.embedded.processes import spawn

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_AFTER_S = 30.0


@dataclass(frozen=True, slots=True)
class Task:
    """What a child process runs, when it is ready, and how it is stopped."""

    name: str
    command: tuple[str, ...]
    is_ready: Callable[[], bool] = lambda: True
    stop_timeout_s: float = 15.0
    attempts: int | None = None  # None: runs for ever. A number: a job, tried that often until it succeeds


@dataclass(slots=True)
class Child:
    """A task and its process. Times are of the monotonic clock."""

    task: Task
    environment: Mapping[str, str]
    log_line: Callable[[str, str], None]
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    is_done: bool = False
    _started_at: float = 0.0
    _start_again_at: float = 0.0
    _pause_s: float = FIRST_PAUSE_S
    _unfinished_line: bytes = field(default=b"")

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start the process and connect its output to us."""
        self.process = spawn(self.task.command, stdout=subprocess.PIPE, env=self.environment)
        if self.process.stdout is not None:
            os.set_blocking(self.process.stdout.fileno(), False)
        self._started_at = time.monotonic()

    def update(self) -> None:
        """Pass on the output; notice that the process died; restart it when its pause is over."""
        self.forward_output()
        if self.is_done or self.is_running:
            return
        if self.process is not None:
            self._record_end(self.process.returncode)
        elif time.monotonic() >= self._start_again_at:
            self.start()

    def _record_end(self, status: int) -> None:
        self._clear_process()
        if self.task.attempts is not None and status == 0:
            self.is_done = True
            return
        self.failures += 1
        if self.task.attempts is not None and self.failures >= self.task.attempts:
            self.is_done = True
            self.log_line(
                self.task.name, f"gave up after {self.failures} attempts, the last with {describe_exit(status)}"
            )
            return
        was_steady = time.monotonic() - self._started_at > STEADY_AFTER_S
        self._pause_s = FIRST_PAUSE_S if was_steady else min(2 * self._pause_s, LONGEST_PAUSE_S)
        self._start_again_at = time.monotonic() + self._pause_s
        self.log_line(self.task.name, f"ended with {describe_exit(status)}; starting it again in {self._pause_s:.1f} s")

    def forward_output(self) -> None:
        """Pass on whole lines of the output."""
        if self.process is None or self.process.stdout is None:
            return
        while True:
            try:
                read = os.read(self.process.stdout.fileno(), 65536)
            except BlockingIOError:
                return
            if not read:
                return
            *lines, self._unfinished_line = (self._unfinished_line + read).split(b"\n")
            for line in lines:
                self.log_line(self.task.name, line.decode(errors="replace"))

    def signal(self, number: int) -> None:
        """Send a signal to the main process only: it stops its own children itself."""
        if self.is_running and self.process is not None:
            self.process.send_signal(number)

    def finish(self) -> None:
        """Pass on the last output of a process that we stopped, and mark it as done."""
        self.forward_output()
        if self._unfinished_line:
            self.log_line(self.task.name, self._unfinished_line.decode(errors="replace"))
        self._clear_process()
        self.is_done = True

    def _clear_process(self) -> None:
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()
        self.process, self._unfinished_line = None, b""


def describe_exit(status: int) -> str:
    """Return an exit status as text for people."""
    if status >= 0:
        return f"status {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"


@dataclass(slots=True)
class FollowedLog:
    """The log of a server that is not our child, passed on from where it ends now."""

    name: str
    path: Path
    log_line: Callable[[str, str], None]
    _position: int = 0
    _unfinished_line: bytes = b""

    def __post_init__(self) -> None:
        self._position = self.path.stat().st_size if self.path.exists() else 0

    def forward_output(self) -> None:
        """Pass on the lines that were added since the last call."""
        if not self.path.exists():
            return
        size = self.path.stat().st_size
        if size < self._position:  # the file was replaced
            self._position, self._unfinished_line = 0, b""
        if size == self._position:
            return
        with self.path.open("rb") as file:
            file.seek(self._position)
            read = file.read(size - self._position)
        self._position += len(read)
        *lines, self._unfinished_line = (self._unfinished_line + read).split(b"\n")
        for line in lines:
            self.log_line(self.name, line.decode(errors="replace"))
