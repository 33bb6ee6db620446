"""A lock is held by one process exclusively or by several together, and by nobody once its holders are gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tradingsite.embedded.locks import FileLock, holder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "locks" / "a.lock"


def test_a_free_lock_is_taken(path: Path) -> None:
    assert FileLock(path).acquire(wait=False)


def test_a_lock_excludes_a_second_hold(path: Path) -> None:
    first = FileLock(path)
    first.acquire()
    assert not FileLock(path).acquire(wait=False)


def test_shared_holds_do_not_exclude_each_other(path: Path) -> None:
    first = FileLock(path)
    first.acquire(shared=True)
    assert FileLock(path).acquire(shared=True, wait=False)


def test_a_shared_hold_excludes_an_exclusive_one(path: Path) -> None:
    first = FileLock(path)
    first.acquire(shared=True)
    assert not FileLock(path).acquire(wait=False)


def test_a_released_lock_is_free(path: Path) -> None:
    first = FileLock(path)
    first.acquire()
    first.release()
    assert FileLock(path).acquire(wait=False)


def test_a_lock_that_stays_taken_is_not_acquired_in_time(path: Path) -> None:
    first = FileLock(path)
    first.acquire()
    assert not FileLock(path).acquire_within(0.05)


def test_the_holder_is_the_process_that_took_it(path: Path) -> None:
    lock = FileLock(path)
    lock.acquire()
    assert holder(path) == os.getpid()


def test_a_lock_that_was_never_taken_has_no_holder(path: Path) -> None:
    assert holder(path) is None


def test_a_released_lock_has_no_holder(path: Path) -> None:
    lock = FileLock(path)
    lock.acquire()
    lock.release()
    assert holder(path) is None


def test_the_lock_of_a_killed_process_is_free(path: Path) -> None:
    hold = (
        "import sys, time; from pathlib import Path; from tradingsite.embedded.locks import FileLock; "
        "FileLock(Path(sys.argv[1])).acquire(); lock = FileLock(Path(sys.argv[1] + '2')); lock.acquire(); "
        "print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", hold, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.communicate()
    assert FileLock(Path(f"{path}2")).acquire(wait=False)
