"""Child processes: they end with their parent, and are killed when they do not stop in time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tradingsite.embedded import processes
from tradingsite.embedded.processes import Privilege, server_privilege, spawn, stop
from tradingsite.tests.conftest import eventually

PARENT = """
import subprocess, time
from tradingsite.embedded.processes import spawn
print(spawn(["sleep", "60"]).pid, flush=True)
time.sleep(60)
"""


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as status:
        return status.read().rsplit(")", 1)[1].split()[0] != "Z"


def test_a_child_ends_with_its_killed_parent() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    assert eventually(lambda: not is_running(child), within=10)


def test_a_child_has_a_session_of_its_own() -> None:
    child = spawn(["sleep", "60"])
    assert os.getsid(child.pid) == child.pid
    stop(child, signal.SIGTERM, timeout_s=10)


def test_a_child_that_stops_in_time_tells_its_signal() -> None:
    assert stop(spawn(["sleep", "60"]), signal.SIGTERM, timeout_s=10) == -signal.SIGTERM


def test_a_child_that_does_not_stop_is_killed() -> None:
    child = spawn(["sh", "-c", "trap '' TERM; echo ready; sleep 60 & wait; sleep 60"], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    assert stop(child, signal.SIGTERM, timeout_s=0.2) == -signal.SIGKILL
    child.stdout.close()


def test_a_child_that_has_ended_tells_its_status() -> None:
    child = spawn(["sh", "-c", "exit 3"])
    child.wait()
    assert stop(child, signal.SIGTERM, timeout_s=1) == 3


def test_an_ordinary_user_starts_servers_as_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert server_privilege.__wrapped__() is Privilege.KEEP


def test_root_without_user_namespaces_starts_servers_as_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(processes, "spawn", refuse)
    assert server_privilege.__wrapped__() is Privilege.NOBODY
