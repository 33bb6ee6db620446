"""Numbers and times as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core import formats

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [("1E-7", "0.0000001"), ("5.00", "5"), ("-0", "0"), ("1E+3", "1000"), ("-1.50", "-1.5"), ("100", "100")],
)
def test_plain_has_no_exponent_and_no_trailing_zeros(value, text):
    assert formats.plain(Decimal(value)) == text


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_plain_refuses_what_is_no_number(value):
    with pytest.raises(ValueError, match="not a number"):
        formats.plain(Decimal(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [(60606, "60,606.00"), (1.5, "1.5000"), ("0.00012300", "0.000123"), (-100, "−100.00"), (0, "0"), (None, "–")],
)
def test_an_amount_has_decimals_for_its_size(value, text):
    assert formats.amount(value) == text


def test_an_amount_may_have_exactly_so_many_decimals():
    assert formats.amount(Decimal("0.5"), 3) == "0.500"


@pytest.mark.parametrize(
    ("value", "text"), [(1234.5, "1,234.50"), ("0.05", "0.05"), ("0.00123", "0.00123000"), (0, "0.00"), (None, "–")]
)
def test_money_has_two_decimals_unless_it_is_under_a_cent(value, text):
    assert formats.money(value) == text


@pytest.mark.parametrize(("value", "text"), [(1, "+1.00"), (-1, "−1.00"), (0, "0.00"), (None, "–")])
def test_a_signed_amount_shows_a_plus(value, text):
    assert formats.signed(value) == text


@pytest.mark.parametrize(("value", "text"), [("0.0213", "+2.13 %"), ("-0.5", "−50.00 %"), (0, "0.00 %"), (None, "–")])
def test_a_fraction_is_shown_in_percent(value, text):
    assert formats.percent(value) == text


@pytest.mark.parametrize(("value", "css"), [(1, "gain"), (-1, "loss"), (0, ""), (None, "")])
def test_a_result_has_its_colour(value, css):
    assert formats.tone(value) == css


@pytest.mark.parametrize(("value", "text"), [("0.00825000", "0.00825"), ("1000", "1,000"), ("-1", "−1"), (None, "–")])
def test_a_quantity_has_no_trailing_zeros(value, text):
    assert formats.quantity(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.42, "0.4 s"),
        (42, "42 s"),
        (125, "2 min 5 s"),
        (605, "10 min"),
        (11520, "3 h 12 min"),
        (7200, "2 h"),
        (90000, "1 d 1 h"),
        (None, "–"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds, text):
    assert formats.duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(-300, "5 min ago"), (300, "in 5 min"), (0, "now")])
def test_a_time_is_told_from_now(seconds, text):
    assert formats.ago(NOW + timedelta(seconds=seconds), NOW) == text


def test_no_time_is_a_dash():
    assert (formats.ago(None, NOW), formats.utc_time(None)) == ("–", "–")


def test_a_time_is_shown_to_the_minute():
    assert formats.utc_time(NOW) == "2026-01-02 03:04"
