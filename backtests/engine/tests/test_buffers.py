"""Prices in whole units of 1e-8, as the loop compares them."""

from __future__ import annotations

import pytest
from numba import njit

from backtests.engine.buffers import UNIT, UNITS, price_units

compiled = njit(lambda price: price_units(price))


@pytest.mark.parametrize(
    ("price", "units"),
    [
        (0.0, 0),
        (0.00000001, 1),
        (0.1, 10_000_000),
        (0.29, 29_000_000),  # 0.29 * 1e8 is 28999999.999999996
        (67_123.45, 6_712_345_000_000),
        (0.12345678, 12_345_678),
    ],
)
def test_a_price_of_8_decimals_is_whole_units(price, units):
    assert price_units(price) == units


def test_units_next_to_each_other_stay_apart():
    assert price_units(100.00000001) - price_units(100.0) == 1


def test_every_cent_up_to_100_is_exact():
    assert [price_units(cents / 100) for cents in range(10_001)] == [cents * 10**6 for cents in range(10_001)]


def test_a_unit_is_the_inverse_of_units():
    assert pytest.approx(1.0, abs=0) == UNIT * UNITS


@pytest.mark.parametrize("price", [0.29, 67_123.45, 0.00000001, 1e5 / 3])
def test_compiled_and_interpreted_prices_are_the_same_units(price):
    assert compiled(price) == price_units(price)
