"""Counts of ticks and lots, tolerant of floating-point error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.strategy.rounding import ceil_count, floor_count, reaches, whole_units


@pytest.mark.parametrize(("value", "count"), [(0.3 / 0.1, 3), (2.99, 2), (3.0, 3), (0.0, 0)])
def test_a_floor_ignores_floating_point_error(value, count):
    assert floor_count(value) == count


@pytest.mark.parametrize(("value", "count"), [(0.1 * 3 / 0.1, 3), (3.01, 4), (3.0, 3), (0.0, 0)])
def test_a_ceiling_ignores_floating_point_error(value, count):
    assert ceil_count(value) == count


@given(units=st.integers(0, 10**15))
def test_whole_units_give_back_eight_decimals(units):
    assert whole_units(units / 1e8) == units


@pytest.mark.parametrize(("value", "level", "expected"), [(0.3, 0.1 * 3, True), (0.29, 0.3, False), (0.0, 0.0, True)])
def test_a_level_is_reached_within_floating_point_error(value, level, expected):
    assert reaches(value, level) is expected


def test_a_level_that_is_off_is_never_reached():
    assert not reaches(1e9, float("nan"))
