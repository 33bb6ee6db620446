"""Convert times of the exchange, in ms since 1970, to datetimes in UTC and to text, and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_MS = 86_400_000


def to_datetime(time_ms: int) -> datetime:
    """Return milliseconds since 1970 as an aware datetime in UTC."""
    return EPOCH + timedelta(milliseconds=int(time_ms))


def to_ms(moment: datetime) -> int:
    """Return an aware datetime in milliseconds since 1970, rounded."""
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1000 + round(since.microseconds / 1000)


def parse_utc(text: str) -> datetime:
    """Parse an ISO date or time, UTC unless it carries an offset. Raise `ValueError` if it is neither."""
    moment = datetime.fromisoformat(text.strip())
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def format_utc(moment: datetime) -> str:
    """Return a time in UTC to the minute, as in 2024-01-31 12:00."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
