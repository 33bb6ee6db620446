"""A supervised child: how long it is waited for before it is started again, and when a job is given up."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tradingsite.embedded import children
from tradingsite.embedded.children import Child, Task


@dataclass
class Hand:
    """Moves the monotonic clock by which children are looked after."""

    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> Hand:
    made = Hand()
    monkeypatch.setattr(children, "time", made)
    return made


def until_it_ends(child: Child) -> None:
    assert child.process is not None
    while child.process is not None:
        child.update()
        time.sleep(0.01)


def test_a_child_that_keeps_dying_is_restarted_after_longer_pauses(hand: Hand) -> None:
    said: list[tuple[str, str]] = []
    child = Child(Task("web", ("/bin/sh", "-c", "echo I ran; exit 3")), os.environ, lambda *line: said.append(line))
    child.start()
    for pause in (1, 2, 4, 8, 16, 30, 30):
        until_it_ends(child)
        assert said[-2:] == [("web", "I ran"), ("web", f"ended with status 3; starting it again in {pause}.0 s")]
        hand.now += pause - 0.1
        child.update()
        assert child.process is None, "its pause was cut short"
        hand.now += 0.2
        child.update()
    hand.now += 31  # it ran steadily before it died
    until_it_ends(child)
    assert said[-1] == ("web", "ended with status 3; starting it again in 0.5 s")


def test_a_job_is_tried_as_often_as_its_task_says_and_then_given_up(hand: Hand, tmp_path: Path) -> None:
    said: list[tuple[str, str]] = []
    tries = tmp_path / "tries"
    job = Task("demo", ("/bin/sh", "-c", f"echo x >> {tries}; exit 1"), attempts=2)
    child = Child(job, os.environ, lambda *line: said.append(line))
    child.start()
    while not child.is_done:
        child.update()
        hand.now += 1
        time.sleep(0.01)
    assert tries.read_text() == "x\n" * 2
    assert said[-1] == ("demo", "gave up after 2 attempts, the last with status 1")


def test_a_job_that_succeeds_is_not_started_again(hand: Hand) -> None:
    child = Child(Task("demo", ("/bin/true",), attempts=2), os.environ, lambda *line: None)
    child.start()
    while not child.is_done:
        child.update()
        time.sleep(0.01)
    hand.now += 60
    child.update()
    assert child.process is None
