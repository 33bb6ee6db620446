"""Trading hours as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from bots.strategy.hours import HoursError, may_enter, parse_hours


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    "hours, open_at, closed_at",
    [
        # 2024-01-01 was a Monday
        ("Mon-Fri 08:00-20:00; Sat 10:00-12:00", "2024-01-01T08:00", "2024-01-01T07:59"),
        ("Mon-Fri 08:00-20:00; Sat 10:00-12:00", "2024-01-05T19:59:59", "2024-01-05T20:00"),
        ("Mon-Fri 08:00-20:00; Sat 10:00-12:00", "2024-01-06T10:30", "2024-01-06T08:30"),
        ("Mon-Fri 08:00-20:00; Sat 10:00-12:00", "2024-01-06T11:59", "2024-01-07T11:00"),
        ("09:30-16:00", "2024-01-07T09:30", "2024-01-07T16:00"),
        ("Sat, Sun", "2024-01-06T00:00", "2024-01-08T00:00"),
        ("Fri-Mon 00:00-24:00", "2024-01-07T12:00", "2024-01-02T00:00"),
        ("Sun 22:00-02:00", "2024-01-08T01:59", "2024-01-08T02:00"),
        ("monday 8:00 - 9:00", "2024-01-01T08:30", "2024-01-01T09:00"),
    ],
)
def test_hours_open_and_close_where_they_say(hours, open_at, closed_at):
    week = parse_hours(hours)
    assert may_enter(week, at(open_at))
    assert not may_enter(week, at(closed_at))


def test_no_hours_means_always():
    assert parse_hours("  ").all()


def test_many_times_are_judged_as_each_one_alone():
    week = parse_hours("Tue 03:00-05:00")
    times = at("2024-01-02T00:00") + np.arange(48, dtype=np.int64) * 1_800_000
    assert may_enter(week, times).tolist() == [may_enter(week, int(time)) for time in times]
    assert may_enter(week, times).sum() == 4


@pytest.mark.parametrize(
    "hours, word",
    [
        ("Mon-Fri 8-20", "no span of time"),
        ("Mon 25:00-26:00", "no time of day"),
        ("Mon 08:60-09:00", "no time of day"),
        ("Mon 08:00-08:00", "empty"),
        ("Moonday 08:00-09:00 UTC", "after the time"),
        ("Foo 08:00-09:00", "no day"),
        ("Mon-Wed-Fri", "no range"),
    ],
)
def test_nonsense_is_named(hours, word):
    with pytest.raises(HoursError, match=word):
        parse_hours(hours)
