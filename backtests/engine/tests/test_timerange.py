"""Time ranges as people write them, and the rows that they hold."""

from __future__ import annotations

import numpy as np
import pytest

from backtests.engine.timerange import TimeRange, parse_time_range
from backtests.errors import BacktestError
from exchange.api.types import Klines


def hourly_bars(count: int) -> Klines:
    flat = np.ones(count)
    opens = 1_704_067_200_000 + np.arange(count, dtype=np.int64) * 3_600_000  # from 2024-01-01
    return Klines("1h", opens, flat, flat, flat, flat, flat)


def test_a_range_includes_its_start_and_excludes_its_end():
    assert parse_time_range("2024-01-01T01:00", "2024-01-01T03:00").rows(hourly_bars(10)) == (1, 3)
    assert parse_time_range().rows(hourly_bars(10)) == (0, 10)


def test_range_times_are_utc_unless_they_carry_an_offset():
    assert (
        parse_time_range("2024-01-01T03:00+02:00")
        == parse_time_range("2024-01-01T01:00Z")
        == parse_time_range("2024-01-01T01:00")
    )


@pytest.mark.parametrize("time_range", [("x", None), ("2024-02-01", "2024-02-01"), ("2023-13-01", None)])
def test_a_range_that_cannot_be_read_is_refused(time_range):
    with pytest.raises(BacktestError):
        parse_time_range(*time_range)


def test_an_empty_range_names_what_the_data_has():
    with pytest.raises(BacktestError, match="runs from 2024-01-01T00:00Z to 2024-01-01T09:00Z"):
        parse_time_range("2025-01-01").rows(hourly_bars(10))


def test_data_without_bars_holds_no_range():
    with pytest.raises(BacktestError, match="no bars"):
        TimeRange().rows(hourly_bars(0))


def test_a_range_that_ends_before_it_begins_is_refused():
    with pytest.raises(BacktestError, match="is not before --to"):
        parse_time_range("2024-02-02", "2024-02-01")


def test_an_open_range_is_named_by_the_datas_own_ends():
    assert str(TimeRange()) == "the period from the first bar to the last bar"
