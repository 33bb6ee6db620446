"""Format numbers and times as text: thousands, signs, percent, ages.

Markup is in templates and admin columns.
"""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

MINUS = "−"
NONE = "–"


def plain(value: Decimal) -> str:
    """Return digits without exponent and trailing zeros: Decimal('1E-7') is '0.0000001', Decimal('5.00') is '5'."""
    if not value.is_finite():
        raise ValueError(f"{value} is not a number that an exchange can read")
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def amount(value: Decimal | float | None, places: int | None = None) -> str:
    """Format an amount or price with decimals for its size, or exactly `places`."""
    if value is None:
        return NONE
    number = Decimal(str(value))
    if places is None:
        places = _places(abs(number))
        rounded = number.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
        text = f"{rounded:,f}"
        text = _trim(text) if abs(number) < 1 else text
    else:
        text = f"{number.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN):,f}"
    return text.replace("-", MINUS)


def _places(size: Decimal) -> int:
    if size >= 100:
        return 2
    return 4 if size >= 1 else 8


def _trim(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(value: Decimal | float | None) -> str:
    """Format money with two decimals, or more if it is less than a cent."""
    if value is None:
        return NONE
    number = Decimal(str(value))
    return (
        amount(number, 2)
        if abs(number) >= 1 or not number
        else amount(number, 2 if abs(number) >= Decimal("0.01") else 8)
    )


def signed(value: Decimal | float | None) -> str:
    """Format money with its sign, also a plus."""
    if value is None:
        return NONE
    return f"+{money(value)}" if Decimal(str(value)) > 0 else money(value)


def percent(fraction: Decimal | float | None, places: int = 2) -> str:
    """Format a fraction in percent: 0.0213 is +2.13 %."""
    if fraction is None:
        return NONE
    number = Decimal(str(fraction)) * 100
    text = amount(number, places)
    return f"+{text} %" if number > 0 else f"{text} %"


def tone(value: Decimal | float | None) -> str:
    """Return the CSS class of a result: gain, loss, or empty for zero."""
    if value is None or not value:
        return ""
    return "gain" if value > 0 else "loss"


def quantity(value: Decimal | float | None) -> str:
    """Format a quantity without trailing zeros."""
    if value is None:
        return NONE
    return _trim(f"{Decimal(str(value)):,.8f}").replace("-", MINUS)


def duration(seconds: float | None) -> str:
    """Format a duration in its two largest units: 3 h 12 min."""
    if seconds is None:
        return NONE
    whole = int(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole < 600 and whole % 60 else "")
    if whole < 86400:
        return f"{whole // 3600} h" + (f" {whole % 3600 // 60} min" if whole % 3600 >= 60 else "")
    return f"{whole // 86400} d" + (f" {whole % 86400 // 3600} h" if whole % 86400 >= 3600 else "")


def ago(then: datetime | None, now: datetime) -> str:
    """Format a time as “5 min ago”, or “in 5 min” for the future."""
    if then is None:
        return NONE
    seconds = (now - then).total_seconds()
    if abs(seconds) < 1:
        return "now"
    return f"{duration(seconds)} ago" if seconds > 0 else f"in {duration(-seconds)}"


def utc_time(when: datetime | None) -> str:
    """Format a UTC time to the minute."""
    return NONE if when is None else f"{when:%Y-%m-%d %H:%M}"
