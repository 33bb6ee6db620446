"""Run the site: the web server, the workers and the scheduler as children, beside the servers that they need.

One thread and one loop: it passes on the children's output, restarts what dies, and on SIGINT, SIGTERM or SIGHUP
stops all in an order that lets a running task finish. management/commands/up.py decides what is started, children.py
runs one child, and the servers belong to their watchdogs (servers/watchdog.py), because other commands share them.
"""

from __future__ import annotations

import os
import selectors
import signal
import sys
import time
from collections.abc import Sequence
from types import FrameType

from tradingsite.embedded.children import Child, FollowedLog, Task
from tradingsite.embedded.errors import EmbeddedError
from tradingsite.embedded.locks import holder
from tradingsite.embedded.servers.paths import ServerPaths
from tradingsite.embedded.servers.running import ensure_running

POLL_EVERY_S = 0.2
READY_TIMEOUT_S = 120.0
KILL_TIMEOUT_S = 5.0


class StopRequested(Exception):
    """Report that a signal asked us to stop while something was still starting."""


def log_line(name: str, line: str) -> None:
    """Print one line with the name of its process in front. A terminal that is gone does not stop the site."""
    try:
        sys.stdout.write(f"{name:<8} | {line}\n")
        sys.stdout.flush()
    except (BrokenPipeError, OSError):
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


class Supervisor:
    """Start, watch and stop the children of one `manage.py up`."""

    def __init__(self, servers: Sequence[ServerPaths]) -> None:
        self._servers = list(servers)
        self._logs = [FollowedLog(paths.kind, paths.log, log_line) for paths in servers]
        self._children: dict[str, Child] = {}
        self._stop_requests = 0
        self._wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._wakeup[1], warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to wake the loop

    def _note_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop_requests += 1

    @property
    def stop_requested(self) -> bool:
        return self._stop_requests > 0

    def start(self, task: Task) -> None:
        """Start a child and return at once; see `wait_until_ready`."""
        child = Child(task, {**os.environ, "PYTHONUNBUFFERED": "1"}, log_line)
        self._children[task.name] = child
        child.start()

    def wait_until_ready(self) -> None:
        """Wait until every child is ready. Raise StopRequested, or EmbeddedError when one takes too long."""
        give_up = time.monotonic() + READY_TIMEOUT_S
        waiting = list(self._children.values())
        while waiting:
            self._poll()
            if self.stop_requested:
                raise StopRequested
            waiting = [child for child in waiting if not (child.is_running and child.task.is_ready())]
            if waiting and time.monotonic() > give_up:
                names = ", ".join(child.task.name for child in waiting)
                raise EmbeddedError(f"{names} did not get ready in {READY_TIMEOUT_S:.0f} s; see the lines above.")

    def run(self) -> None:
        """Watch everything until a signal asks us to stop."""
        while not self.stop_requested:
            self._poll()
            self._restart_watchdogs()

    def _poll(self) -> None:
        """Wait a moment, or until something happens, then update every child."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._wakeup[0], selectors.EVENT_READ)
            for child in self._children.values():
                if child.is_running and child.process is not None and child.process.stdout is not None:
                    selector.register(child.process.stdout, selectors.EVENT_READ)
            selector.select(POLL_EVERY_S)
        try:
            os.read(self._wakeup[0], 4096)
        except BlockingIOError:
            pass
        for child in self._children.values():
            child.update() if not self.stop_requested else child.forward_output()
        for log in self._logs:
            log.forward_output()

    def _restart_watchdogs(self) -> None:
        """Restart the watchdog of a server when it is gone. The watchdog itself restarts a dead server."""
        gone = [paths for paths in self._servers if holder(paths.watchdog) is None]
        if not gone:
            return
        log_line("up", f"{' and '.join(paths.kind for paths in gone)} went away; starting again")
        try:
            ensure_running(gone)
        except EmbeddedError as error:
            log_line("up", f"{error} Trying again.")
            time.sleep(1)

    def stop(self, order: Sequence[Sequence[str]]) -> None:
        """Stop the children group by group, waiting for each child's timeout; a second signal ends the wait."""
        for group in order:
            children = [self._children[name] for name in group if name in self._children]
            for child in children:
                child.signal(signal.SIGTERM)
            for child in children:
                if not child.is_done:
                    self._terminate(child)
        for log in self._logs:
            log.forward_output()

    def _terminate(self, child: Child) -> None:
        """Wait for a child that was asked to stop, then send SIGQUIT, then SIGKILL."""
        for timeout_s, next_number in ((child.task.stop_timeout_s, signal.SIGQUIT), (KILL_TIMEOUT_S, signal.SIGKILL)):
            if self._ended(child, within=timeout_s):
                break
            log_line("up", f"{child.task.name} did not stop in {timeout_s:.0f} s")
            child.signal(next_number)
        self._ended(child, within=KILL_TIMEOUT_S)
        child.finish()

    def _ended(self, child: Child, within: float) -> bool:
        give_up, asked_before = time.monotonic() + within, self._stop_requests
        while child.is_running and time.monotonic() < give_up:
            self._wait_a_moment(child)
            if self._stop_requests > max(asked_before, 1):
                log_line("up", f"not waiting for {child.task.name} any longer")
                return False
        return not child.is_running

    def _wait_a_moment(self, child: Child) -> None:
        for each in self._children.values():
            each.forward_output()
        time.sleep(0.05)
