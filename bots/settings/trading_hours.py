"""Parse and check trading hours in UTC.

For example `Mon-Fri 08:00-20:00; Sat 10:00-12:00`. A window over midnight belongs to the day that it starts on. An
empty text means always.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
PATTERN = re.compile(r"(?:(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))?\s+)?(?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d)")
DAY_MINUTES = 24 * 60


class HoursInvalid(ValueError):
    """Report trading hours that cannot be parsed; the message shows how to write them."""


@dataclass(frozen=True, slots=True)
class HoursWindow:
    """Hold the days and minutes on which a bot may enter; an `end` not after `start` is on the next day."""

    days: frozenset[int]
    start: int
    end: int

    def contains(self, weekday: int, minute: int) -> bool:
        if self.start < self.end:
            return weekday in self.days and self.start <= minute < self.end
        return (weekday in self.days and minute >= self.start) or ((weekday - 1) % 7 in self.days and minute < self.end)


@lru_cache(maxsize=1000)
def parse(text: str) -> tuple[HoursWindow, ...]:
    """Parse trading hours. Raise `HoursInvalid`."""
    return tuple(_window(part.strip().lower()) for part in text.split(";") if part.strip())


def _window(text: str) -> HoursWindow:
    match = PATTERN.fullmatch(text)
    if match is None:
        raise HoursInvalid(f"“{text}” is no time span; write it as “Mon-Fri 08:00-20:00” or “08:00-20:00”, in UTC")
    first, last = match["first"], match["last"]
    days = _days(first, last or first) if first else frozenset(range(7))
    return HoursWindow(days, _minute(match["start"]), _minute(match["end"]))


def _days(first: str, last: str) -> frozenset[int]:
    for day in (first, last):
        if day not in DAYS:
            raise HoursInvalid(f"“{day}” is no day; the days are Mon, Tue, Wed, Thu, Fri, Sat and Sun")
    start, end = DAYS.index(first), DAYS.index(last)
    return frozenset((start + step) % 7 for step in range((end - start) % 7 + 1))


def _minute(text: str) -> int:
    hour, minute = int(text[:2]), int(text[3:])
    if hour * 60 + minute > DAY_MINUTES or minute > 59:
        raise HoursInvalid(f"“{text}” is no time of day; hours go from 00:00 to 24:00")
    return hour * 60 + minute


def contains(text: str, time: datetime) -> bool:
    """Return True if `time` is within the trading hours; without any it always is."""
    windows = parse(text)
    at = time.astimezone(UTC)
    return not windows or any(window.contains(at.weekday(), at.hour * 60 + at.minute) for window in windows)
