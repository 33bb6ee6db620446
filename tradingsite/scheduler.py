"""Schedule tasks on a fixed UTC grid with django-celery-beat, fast enough for ten thousand rows.

Which bot has a schedule, and what it calls, is bots/control/schedules.py's matter. Rows, admin and models are those of
django-celery-beat, unchanged.
"""

from __future__ import annotations

import logging
import math
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from celery import schedules
from django.db import DatabaseError, InterfaceError, close_old_connections
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

from bots.control.schedules import TASK as BOT_TASK
from bots.control.schedules import offset_s
from tradingsite.health import heartbeats

logger = logging.getLogger(__name__)

WEEK_S = 7 * 24 * 3600
MONDAY_S = 4 * 24 * 3600  # the epoch was a Thursday; weekly candles open on Mondays
CHECK_EVERY_S = 1.0
WRITE_BATCH = 1000


class GridSchedule(schedules.schedule):
    """Fall due `offset_s` after each whole multiple of the period in UTC, however late the last run was."""

    run_every: timedelta

    def __init__(self, run_every: timedelta, offset_s: float = 0, app: Any = None) -> None:
        super().__init__(run_every, app=app)
        self.offset_s = offset_s

    def is_due(self, last_run_at: datetime) -> Any:
        """Return whether a grid time has passed since the last run, and the seconds until the next one."""
        now = self.now().timestamp()
        latest = self.latest(now)
        next_s = max(latest + self.seconds - now, 0.001)
        return schedules.schedstate(is_due=last_run_at.timestamp() < latest, next=next_s)

    def latest(self, now: float) -> float:
        """Return the last grid time at or before `now`, in seconds since the epoch."""
        origin = self.offset_s + (MONDAY_S if self.seconds % WEEK_S == 0 else 0)
        return math.floor((now - origin) / self.seconds) * self.seconds + origin

    def remaining_estimate(self, last_run_at: datetime) -> timedelta:
        return timedelta(seconds=self.is_due(last_run_at).next)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GridSchedule) and (self.run_every, self.offset_s) == (other.run_every, other.offset_s)

    __hash__ = schedules.schedule.__hash__

    def __reduce__(self) -> Any:
        return self.__class__, (self.run_every, self.offset_s)


class GridEntry(ModelEntry):
    """Count a row's interval, if it has one, from the UTC grid instead of from its last run."""

    schedule: Any

    def __init__(self, model: Any, app: Any = None) -> None:
        super().__init__(model, app=app)
        every: timedelta | None = getattr(self.schedule, "run_every", None)  # only an interval has one
        if every:
            self.schedule = GridSchedule(every, self._offset_s(), app=self.app)

    def _offset_s(self) -> float:
        return offset_s(int(self.args[0])) if self.task == BOT_TASK and self.args else 0

    def __next__(self) -> GridEntry:
        """Make the next entry of this one: parsing the row again would cost more than sending the task."""
        following = object.__new__(type(self))
        following.__dict__.update(self.__dict__)
        following.last_run_at = following.model.last_run_at = datetime.now(UTC)
        following.model.total_run_count += 1
        following.model.no_changes = True
        following.total_run_count = following.model.total_run_count
        return following


class BotScheduler(DatabaseScheduler):
    """Ask the database once a second instead of before each task, and write back in bulk."""

    Entry = GridEntry
    _dirty: set[str]
    _heap_invalidated: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._checked_at = -math.inf
        # From before the first read: the stock scheduler misses a change between that and its first check.
        self._last_timestamp = self.Changes.last_change() or datetime.min.replace(tzinfo=UTC)
        super().__init__(*args, **kwargs)
        self.max_interval = kwargs.get("max_interval") or CHECK_EVERY_S

    def tick(self, *args: Any, **kwargs: Any) -> float:
        heartbeats.send("beat")
        return super().tick(*args, **kwargs)

    def schedule_changed(self) -> bool:
        if time.monotonic() - self._checked_at < CHECK_EVERY_S:
            return False
        self._checked_at = time.monotonic()
        return bool(super().schedule_changed())

    def schedules_equal(self, old: Any, new: Any) -> bool:
        """Return False only after a reload: comparing every entry before each task is slow."""
        if self._heap_invalidated or old is None:
            self._heap_invalidated = False
            return False
        return True

    def sync(self) -> None:
        """Write last_run_at and total_run_count of what ran. Keep what could not be written for the next time."""
        names, self._dirty = self._dirty, set()
        rows = [self._schedule[name].model for name in names if name in (self._schedule or {})]
        if not rows:
            return
        try:
            close_old_connections()
            self.Model.objects.bulk_update(rows, ["last_run_at", "total_run_count"], batch_size=WRITE_BATCH)
        except (DatabaseError, InterfaceError):
            logger.warning("schedule not written, trying again later", exc_info=True)
            self._dirty |= names
