"""Test rounding to whole steps."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from exchange.symbols.lots import ceil_to_step, floor_to_step, is_multiple, times


@pytest.mark.parametrize(
    ("value", "step", "floored"),
    [("0.123456789", "0.00001", "0.12345"), ("0.000009", "0.00001", "0"), ("42000.019", "0.01", "42000.01")],
)
def test_value_is_floored_to_whole_steps(value: str, step: str, floored: str) -> None:
    assert floor_to_step(D(value), D(step)) == D(floored)


@pytest.mark.parametrize(("value", "ceiled"), [("0.30", "0.3"), ("0.31", "0.4")])
def test_value_is_raised_to_whole_steps(value: str, ceiled: str) -> None:
    assert ceil_to_step(D(value), D("0.1")) == D(ceiled)


def test_flooring_is_exact_at_thirty_digits() -> None:
    assert floor_to_step(D("12345678901234567890.123456789"), D("1E-8")) == D("12345678901234567890.12345678")


def test_product_is_exact_at_forty_digits() -> None:
    assert times(D("12345678901234567890"), D("1.0000000000000000001")) == D("12345678901234567891.234567890123456789")


@pytest.mark.parametrize(("value", "is_whole"), [("0.3", True), ("0.35", False), ("0", True)])
def test_multiple_of_a_step_is_recognised(value: str, is_whole: bool) -> None:
    assert is_multiple(D(value), D("0.1")) is is_whole
