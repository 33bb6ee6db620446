"""Trading hours: what is inside them, and what cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from bots.settings.trading_hours import HoursInvalid, contains, parse

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """Return a time of the week that begins on Monday, 2024-01-01."""
    return MONDAY + timedelta(days=day, hours=hour, minutes=minute)


def test_without_hours_it_is_always_open():
    assert contains("", at(6, 3))


@pytest.mark.parametrize(
    ("time", "is_open"),
    [(at(0, 7, 59), False), (at(0, 8), True), (at(4, 19, 59), True), (at(4, 20), False), (at(5, 12), False)],
)
def test_a_window_includes_its_start_and_not_its_end(time, is_open):
    assert contains("Mon-Fri 08:00-20:00", time) is is_open


@pytest.mark.parametrize(
    ("time", "is_open"),
    [(at(4, 21, 59), False), (at(4, 22), True), (at(5, 1, 59), True), (at(5, 2), False), (at(5, 22), False)],
)
def test_a_window_over_midnight_belongs_to_its_first_day(time, is_open):
    assert contains("Fri 22:00-02:00", time) is is_open


@pytest.mark.parametrize(("day", "is_open"), [(4, False), (5, True), (6, True), (0, True), (1, False)])
def test_days_may_run_over_the_end_of_the_week(day, is_open):
    assert contains("Sat-Mon 00:00-24:00", at(day, 12)) is is_open


def test_a_window_without_days_holds_every_day():
    assert all(contains("10:00-11:00", at(day, 10)) for day in range(7))


def test_any_of_several_windows_will_do():
    assert contains("Mon 08:00-09:00; Sat 10:00-12:00", at(5, 11))


def test_hours_are_utc_whatever_the_zone_of_the_time():
    local = at(0, 8).astimezone(timezone(timedelta(hours=-5)))
    assert contains("Mon 08:00-09:00", local)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Mon 8-9", "is no time span"),
        ("sometimes", "is no time span"),
        ("Foo 08:00-09:00", "“foo” is no day"),
        ("Mon-Bar 08:00-09:00", "“bar” is no day"),
        ("Mon 08:00-25:00", "“25:00” is no time of day"),
        ("Mon 08:61-09:00", "“08:61” is no time of day"),
    ],
)
def test_what_cannot_be_read_is_explained(text, message):
    with pytest.raises(HoursInvalid, match=message):
        parse(text)
