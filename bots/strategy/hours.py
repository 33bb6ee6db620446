"""Trading hours: when a bot may enter, in UTC, as a person writes them. Exits always go out.

`Mon-Fri 08:00-20:00; Sat 10:00-12:00`: days, then a span of time whose end is excluded; several are separated by
semicolons. Without days a span holds on every day, without a span days hold from midnight to midnight; a span that ends
before it begins runs into the next day.

Hours are judged at the end of the decided bar (its open plus the interval), where its order would go out: not at the
moment a late run looks, so that both executions find the same answer.
"""

from __future__ import annotations

import re
from typing import overload

import numpy as np
from numpy.typing import NDArray

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 1440
WEEK_MINUTES = 7 * DAY_MINUTES
EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday

Week = NDArray[np.bool_]  # one flag for each minute from Monday 00:00 UTC

_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})")
_FORM = "write it like “Mon-Fri 08:00-20:00; Sat 10:00-12:00”"


class HoursError(ValueError):
    """Trading hours that cannot be read; the message says which part."""


def parse_hours(text: str) -> Week:
    """The minutes of a week in which a bot may enter. Empty text: all of them. Raise `HoursError` for nonsense."""
    week = np.zeros(WEEK_MINUTES, dtype=np.bool_)
    parts = [part.strip() for part in text.split(";") if part.strip()]
    if not parts:
        return ~week
    for part in parts:
        days, (start, length) = _days_and_span(part)
        for day in days:
            week[(day * DAY_MINUTES + start + np.arange(length)) % WEEK_MINUTES] = True
    return week


@overload
def may_enter(week: Week, time_ms: int) -> bool: ...
@overload
def may_enter(week: Week, time_ms: NDArray[np.int64]) -> NDArray[np.bool_]: ...
def may_enter(week: Week, time_ms: int | NDArray[np.int64]) -> bool | NDArray[np.bool_]:
    """Whether entries are open at a time (or at each of many), in Unix ms."""
    allowed = week[(time_ms // 60_000 + EPOCH_WEEKDAY * DAY_MINUTES) % WEEK_MINUTES]
    return bool(allowed) if isinstance(time_ms, int) else allowed


def _days_and_span(part: str) -> tuple[list[int], tuple[int, int]]:
    """Days of the week, and the first minute and the number of minutes of the span on each."""
    found = _SPAN.search(part)
    if found is None and any(character.isdigit() for character in part):
        raise HoursError(f"{part!r} has no span of time that can be read; {_FORM}")
    if found is not None and part[found.end() :].strip():
        raise HoursError(f"{part[found.end() :].strip()!r} after the time in {part!r}; {_FORM}")
    names = part[: found.start()] if found else part
    span = _minutes(found, part) if found else (0, DAY_MINUTES)
    return _days(names, part), span


def _minutes(found: re.Match[str], part: str) -> tuple[int, int]:
    from_hour, from_minute, to_hour, to_minute = map(int, found.groups())
    start, end = from_hour * 60 + from_minute, to_hour * 60 + to_minute
    if max(from_minute, to_minute) > 59 or start >= DAY_MINUTES or end > DAY_MINUTES:
        raise HoursError(f"{found.group()!r} in {part!r} is no time of day; hours run from 00:00 to 24:00")
    if start == end:
        raise HoursError(f"{found.group()!r} in {part!r} is empty; leave the time out for a whole day")
    return start, (end - start) % DAY_MINUTES or DAY_MINUTES


def _days(names: str, part: str) -> list[int]:
    """Weekdays of “Mon-Fri” or “Sat, Sun”; every day where none is named."""
    days: list[int] = []
    for name in filter(None, re.split(r"[,\s]+", re.sub(r"\s*[-–]\s*", "-", names.strip()))):
        ends = [_day(end, part) for end in name.split("-")]
        if len(ends) > 2:
            raise HoursError(f"{name!r} in {part!r} is no range of days; {_FORM}")
        days.extend((ends[0] + n) % 7 for n in range((ends[-1] - ends[0]) % 7 + 1))
    return days or list(range(7))


def _day(name: str, part: str) -> int:
    try:
        return DAYS.index(name.strip().lower()[:3])
    except ValueError:
        raise HoursError(f"{name!r} in {part!r} is no day of the week; {_FORM}") from None
