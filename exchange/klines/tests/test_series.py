"""Test gaps, hashes and longer bars of candles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from exchange.api.types import Klines
from exchange.klines.series import FullKlines, Gap, KlinesInvalid, aggregate, data_hash, gaps, with_all_columns

HOUR = 3_600_000


def hours(*numbers: int) -> Klines:
    """Return hourly bars: number n opens at 100 + n, spans 5 either side, closes 1 higher, volume 2."""
    opens = 100.0 + np.array(numbers)
    times = np.array(numbers, dtype=np.int64) * HOUR
    return Klines("1h", times, opens, opens + 5, opens - 5, opens + 1, np.full(len(numbers), 2.0))


def test_bars_in_a_row_have_no_gaps() -> None:
    assert gaps(hours(0, 1, 2)) == []


def test_gap_names_its_first_and_last_missing_bar() -> None:
    assert gaps(hours(0, 3, 5)) == [Gap(HOUR, 2 * HOUR, 2), Gap(4 * HOUR, 4 * HOUR, 1)]


def test_longer_bar_has_first_open_and_last_close() -> None:
    bar = aggregate(hours(0, 1, 2, 3), "4h")
    assert (bar.open[0], bar.close[0]) == (100, 104)


def test_longer_bar_has_the_extremes_and_the_sum() -> None:
    bar = aggregate(hours(0, 1, 2, 3), "4h")
    assert (bar.high[0], bar.low[0], bar.volume[0]) == (108, 95, 8)


def test_longer_bars_open_on_the_grid() -> None:
    assert aggregate(hours(3, 4, 5), "4h").open_time.tolist() == [0, 4 * HOUR]


def test_time_zone_moves_the_grid() -> None:
    assert aggregate(hours(3, 4, 5), "4h", offset_ms=HOUR).open_time.tolist() == [3 * HOUR]


@pytest.mark.parametrize(("interval", "message"), [("5m", "cannot be cut"), ("7h", "there is no interval")])
def test_impossible_interval_is_refused(interval: str, message: str) -> None:
    with pytest.raises(KlinesInvalid, match=message):
        aggregate(hours(0), interval)


def test_unknown_columns_are_zero() -> None:
    assert with_all_columns(hours(0, 1)).trades.tolist() == [0, 0]


def test_full_klines_are_returned_as_they_are() -> None:
    full = with_all_columns(hours(0))
    assert with_all_columns(full) is full


def test_last_millisecond_of_a_month_is_known() -> None:
    assert aggregate(hours(0), "1M").close_time_ms(0) == 31 * 24 * HOUR - 1


def test_slice_keeps_every_column() -> None:
    part = with_all_columns(hours(0, 1, 2))[1:]
    assert isinstance(part, FullKlines)
    assert part.open.tolist() == [101, 102]


def test_hash_is_that_of_the_symbol_too() -> None:
    assert data_hash("BTCUSDT", hours(0)) != data_hash("ETHUSDT", hours(0))


def test_hash_changes_with_a_price() -> None:
    bars = hours(0)
    assert data_hash("BTCUSDT", bars) != data_hash("BTCUSDT", replace(bars, close=bars.close + 1e-8))
