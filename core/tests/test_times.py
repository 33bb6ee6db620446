"""Times in ms, as datetimes and as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from core.times import format_utc, parse_utc, to_datetime, to_ms

NOON = datetime(2024, 1, 31, 12, tzinfo=UTC)
NOON_MS = 1_706_702_400_000


def test_ms_become_an_aware_time_in_utc():
    assert to_datetime(NOON_MS) == NOON
    assert to_datetime(NOON_MS).tzinfo is UTC


def test_a_time_becomes_ms():
    assert to_ms(NOON) == NOON_MS


def test_microseconds_are_rounded():
    assert to_ms(NOON + timedelta(microseconds=1_600)) == NOON_MS + 2


def test_every_ms_survives_the_way_there_and_back():
    times = range(NOON_MS, NOON_MS + 2_000)
    assert [to_ms(to_datetime(time)) for time in times] == list(times)


@pytest.mark.parametrize(
    "text", ["2024-01-31T12:00", " 2024-01-31 12:00 ", "2024-01-31T12:00Z", "2024-01-31T14:00+02:00"]
)
def test_text_is_utc_unless_it_carries_an_offset(text):
    assert parse_utc(text) == NOON


def test_a_date_is_its_midnight():
    assert parse_utc("2024-01-31") == NOON - timedelta(hours=12)


def test_text_that_is_no_time_is_refused():
    with pytest.raises(ValueError, match="x"):
        parse_utc("x")


def test_a_time_is_shown_in_utc():
    assert format_utc(NOON.astimezone(timezone(timedelta(hours=5)))) == "2024-01-31 12:00"
