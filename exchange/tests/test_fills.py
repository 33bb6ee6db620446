"""Test arithmetic in whole units of 1e-8."""

from __future__ import annotations

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.fills import (
    UNITS,
    ask_price,
    bid_price,
    commission,
    floor_to,
    from_units,
    mul_units,
    mul_units_up,
    slippage_units,
    to_units,
)

AMOUNTS = st.integers(min_value=0, max_value=10**17)


@given(AMOUNTS, AMOUNTS)
def test_product_is_rounded_down(a: int, b: int) -> None:
    assert mul_units(a, b) == a * b // UNITS


@given(AMOUNTS, AMOUNTS)
def test_product_is_rounded_up(a: int, b: int) -> None:
    assert mul_units_up(a, b) == -(-a * b // UNITS)


@given(AMOUNTS)
def test_units_convert_to_decimal_and_back(units: int) -> None:
    assert to_units(from_units(units)) == units


def test_decimal_below_a_unit_is_rounded_down() -> None:
    assert to_units(D("0.000000019")) == 1


@pytest.mark.parametrize(("value", "size", "floored"), [(109, 10, 100), (110, 10, 110), (9, 10, 0)])
def test_value_is_floored_to_a_multiple(value: int, size: int, floored: int) -> None:
    assert floor_to(value, size) == floored


def test_ask_is_rounded_up_to_the_tick() -> None:
    assert ask_price(100 * UNITS, slippage_units(D(1)), UNITS) == 101 * UNITS


def test_bid_is_rounded_down_to_the_tick() -> None:
    assert bid_price(100 * UNITS, slippage_units(D(1)), UNITS) == 99 * UNITS


def test_without_slippage_ask_and_bid_are_the_price() -> None:
    assert ask_price(100, 0, 1) == bid_price(100, 0, 1) == 100


def test_commission_is_rounded_down() -> None:
    assert commission(1999, UNITS // 1000) == 1


def test_basis_points_are_a_fraction_in_units() -> None:
    assert slippage_units(D(5)) == 50_000
