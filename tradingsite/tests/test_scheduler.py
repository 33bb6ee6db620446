"""When a bot's schedule is due: on the UTC grid of its interval plus its offset, and written back in bulk."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

from bots.control.schedules import TASK, offset_s
from tradingsite.celery import app
from tradingsite.scheduler import BotScheduler, GridSchedule


@pytest.fixture(autouse=True)
def only_bots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the site's own periodic work out: these tests count what is sent."""
    monkeypatch.setattr(BotScheduler, "update_from_dict", lambda self, entries: None)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def due(schedule: GridSchedule, last_run: str, now: str) -> tuple[bool, float]:
    with time_machine.travel(at(now), tick=False):
        is_due, next_s = schedule.is_due(at(last_run))
    return is_due, round(next_s, 3)


def test_an_hourly_bot_is_due_its_offset_after_the_hour_and_not_before() -> None:
    hourly = GridSchedule(timedelta(hours=1), offset_s=4, app=app)
    assert due(hourly, "2025-03-01 09:30:00", "2025-03-01 10:00:03") == (False, 1)
    assert due(hourly, "2025-03-01 09:30:00", "2025-03-01 10:00:04") == (True, 3600)


def test_a_late_run_does_not_shift_the_next_one() -> None:
    hourly = GridSchedule(timedelta(hours=1), offset_s=4, app=app)
    assert due(hourly, "2025-03-01 10:25:00", "2025-03-01 10:59:00") == (False, 64)
    assert due(hourly, "2025-03-01 10:25:00", "2025-03-01 11:00:04") == (True, 3600)


def test_after_a_long_silence_it_is_due_once_and_then_on_the_grid_again() -> None:
    hourly = GridSchedule(timedelta(hours=1), offset_s=4, app=app)
    assert due(hourly, "2025-02-01 00:00:00", "2025-03-01 10:20:00") == (True, 2404)
    assert due(hourly, "2025-03-01 10:20:00", "2025-03-01 10:20:01") == (False, 2403)


def test_a_weekly_bot_is_due_on_mondays() -> None:
    weekly = GridSchedule(timedelta(weeks=1), offset_s=1, app=app)
    assert due(weekly, "2025-03-01 00:00:00", "2025-03-03 00:00:00") == (False, 1)  # the third was a Monday
    assert due(weekly, "2025-03-01 00:00:00", "2025-03-03 00:00:01") == (True, 604800)


def make_tasks(count: int, last_run: datetime) -> None:
    quarter = IntervalSchedule.objects.create(every=900, period=IntervalSchedule.SECONDS)
    tasks = [
        PeriodicTask(name=f"bot-{n}", task=TASK, args=json.dumps([n]), interval=quarter, last_run_at=last_run)
        for n in range(1, count + 1)
    ]
    PeriodicTask.objects.bulk_create(tasks)
    PeriodicTasks.update_changed()


class Recording(BotScheduler):
    """The real scheduler up to the moment of sending."""

    def __init__(self) -> None:
        self.sent: list[tuple[datetime, str]] = []
        super().__init__(app=app)
        self._finalize.cancel()  # it would write at the end of the test session, when there is no database any more

    def apply_async(self, entry, producer=None, advance=True, **kwargs):
        self.sent.append((datetime.now(UTC), entry.name))

    producer = None


@pytest.mark.django_db(transaction=True)
def test_each_bot_is_sent_once_a_bar_at_its_own_offset(redis_url: str) -> None:
    make_tasks(20, last_run=at("2025-03-01 09:50:00"))
    with time_machine.travel(at("2025-03-01 09:59:55"), tick=False) as clock:
        scheduler = Recording()
        while datetime.now(UTC) < at("2025-03-01 10:31:00"):
            pause = scheduler.tick()
            clock.shift(max(pause, 0.001) if pause else 0)
    expected = {
        (bar + timedelta(seconds=offset_s(n)), f"bot-{n}")
        for bar in (at("2025-03-01 10:00"), at("2025-03-01 10:15"), at("2025-03-01 10:30"))
        for n in range(1, 21)
    }
    rounded = [(sent.replace(microsecond=0), name) for sent, name in scheduler.sent]
    assert len(rounded) == len(expected), "a bot was sent twice in one bar, or left out"
    assert set(rounded) == expected


@pytest.mark.django_db(transaction=True)
def test_what_ran_is_written_in_one_statement_and_disabled_stays_so(redis_url: str) -> None:
    make_tasks(50, last_run=at("2025-03-01 09:50:00"))
    with time_machine.travel(at("2025-03-01 10:00:30"), tick=False):
        scheduler = Recording()
        for _ in range(60):
            scheduler.tick()
        PeriodicTask.objects.filter(name="bot-7").update(enabled=False)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            scheduler.sync()
    assert len([q for q in queries if q["sql"].startswith("UPDATE")]) == 1
    assert PeriodicTask.objects.filter(last_run_at=at("2025-03-01 10:00:30"), total_run_count=1).count() == 50
    assert not PeriodicTask.objects.get(name="bot-7").enabled


@pytest.mark.django_db(transaction=True)
def test_a_new_bot_is_noticed_without_a_restart(redis_url: str) -> None:
    with time_machine.travel(at("2025-03-01 09:59:00"), tick=False) as clock:
        make_tasks(2, last_run=at("2025-03-01 09:50:00"))
        scheduler = Recording()
        clock.shift(1)
        quarter = IntervalSchedule.objects.get()
        PeriodicTask.objects.create(name="bot-3", task=TASK, args="[3]", interval=quarter)
        scheduler._looked_at = float("-inf")  # a second passes
        clock.shift(1)
        scheduler.tick()
        clock.move_to(at("2025-03-01 10:00:30"))
        while not scheduler.tick():
            pass
    assert {name for _, name in scheduler.sent} == {"bot-1", "bot-2", "bot-3"}
