"""Runs the site: the web server, the worker and the scheduler as children, the servers they need beside them.

One thread and one loop: it passes on what the children say, starts again what dies, and on SIGINT, SIGTERM or SIGHUP
stops all in an order that lets a running task finish. What is started is decided in management/commands/up.py;
a child's own life is in children.py; servers are shared with other commands and so belong to keepers (keeper.py).
"""

from __future__ import annotations

import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType

from tradingsite.embedded.children import Child, FollowedLog, Task
from tradingsite.embedded.errors import EmbeddedError
from tradingsite.embedded.keeper import Place
from tradingsite.embedded.locks import holder
from tradingsite.embedded.services import ensure_running

LOOK_EVERY_S = 0.2
READY_PATIENCE_S = 120.0
HURRY_PATIENCE_S = 5.0


class StopRequested(Exception):
    """A signal asked us to stop while something was still starting."""


def say(name: str, line: str) -> None:
    """Print one line with its speaker in front. A terminal that is gone does not stop the site."""
    try:
        sys.stdout.write(f"{name:<8} | {line}\n")
        sys.stdout.flush()
    except (BrokenPipeError, OSError):
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


class Supervisor:
    """The children of one `manage.py up`, in the order they are started; they are stopped in `stop_order`."""

    def __init__(self, places: Sequence[Place]) -> None:
        self._places = list(places)
        self._logs = [FollowedLog(place.kind, place.log, say) for place in places]
        self._children: dict[str, Child] = {}
        self._stops_asked = 0
        self._wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._wakeup[1], warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to wake the loop

    def _note_stop(self, number: int, frame: FrameType | None) -> None:
        self._stops_asked += 1

    @property
    def stop_asked(self) -> bool:
        return self._stops_asked > 0

    def start(self, task: Task) -> None:
        """Start a child and go on; see `wait_until_ready`."""
        child = Child(task, {**os.environ, "PYTHONUNBUFFERED": "1"}, say)
        self._children[task.name] = child
        child.start()

    def wait_until_ready(self) -> None:
        """Return once every child is. Raises StopRequested, or EmbeddedError when one does not get there."""
        give_up = time.monotonic() + READY_PATIENCE_S
        waiting = list(self._children.values())
        while waiting:
            self._turn()
            if self.stop_asked:
                raise StopRequested
            waiting = [child for child in waiting if not (child.is_running and child.task.is_ready())]
            if waiting and time.monotonic() > give_up:
                names = ", ".join(child.task.name for child in waiting)
                raise EmbeddedError(f"{names} did not get ready in {READY_PATIENCE_S:.0f} s; see the lines above.")

    def run(self) -> None:
        """Look after everything until a signal asks us to stop."""
        while not self.stop_asked:
            self._turn()
            self._look_after_servers()

    def _turn(self) -> None:
        """Wait a moment, or until something happens, then look after every child."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._wakeup[0], selectors.EVENT_READ)
            for child in self._children.values():
                if child.is_running and child.process is not None and child.process.stdout is not None:
                    selector.register(child.process.stdout, selectors.EVENT_READ)
            selector.select(LOOK_EVERY_S)
        try:
            os.read(self._wakeup[0], 4096)
        except BlockingIOError:
            pass
        for child in self._children.values():
            child.look_after() if not self.stop_asked else child.listen()
        for log in self._logs:
            log.listen()

    def _look_after_servers(self) -> None:
        """Start the keeper of a server again when it is gone. A dead server itself is its keeper's business."""
        gone = [place for place in self._places if holder(place.keeper) is None]
        if not gone:
            return
        say("up", f"{' and '.join(place.kind for place in gone)} went away; starting again")
        try:
            ensure_running(gone)
        except EmbeddedError as error:
            say("up", f"{error} Trying again.")
            time.sleep(1)

    def stop(self, order: Sequence[Sequence[str]]) -> None:
        """Stop the children group by group, each child with its patience; a second signal shortens it."""
        for group in order:
            children = [self._children[name] for name in group if name in self._children]
            for child in children:
                child.signal(signal.SIGTERM)
            for child in children:
                if not child.is_done:
                    self._see_off(child)
        for log in self._logs:
            log.listen()

    def _see_off(self, child: Child) -> None:
        """Wait for a child that was asked to stop; ask more and more firmly."""
        for patience, next_number in ((child.task.patience_s, signal.SIGQUIT), (HURRY_PATIENCE_S, signal.SIGKILL)):
            if self._ended(child, within=patience):
                break
            say("up", f"{child.task.name} did not stop in {patience:.0f} s")
            child.signal(next_number)
        self._ended(child, within=HURRY_PATIENCE_S)
        child.finish()

    def _ended(self, child: Child, within: float) -> bool:
        give_up, asked_before = time.monotonic() + within, self._stops_asked
        while child.is_running and time.monotonic() < give_up:
            self._listen_a_moment(child)
            if self._stops_asked > max(asked_before, 1):
                say("up", f"not waiting for {child.task.name} any longer")
                return False
        return not child.is_running

    def _listen_a_moment(self, child: Child) -> None:
        for each in self._children.values():
            each.listen()
        time.sleep(0.05)


Readiness = Callable[[], bool]
