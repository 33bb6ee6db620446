"""Bars begin where Binance's calendar says."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from exchange.klines import intervals


def ms(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp() * 1000)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("interval", "opens", "following"),
    [
        ("1m", ms(2024, 2, 29, 13, 47), ms(2024, 2, 29, 13, 48)),
        ("4h", ms(2024, 2, 29, 12), ms(2024, 2, 29, 16)),
        ("1d", ms(2024, 2, 29), ms(2024, 3, 1)),
        ("1w", ms(2024, 2, 26), ms(2024, 3, 4)),  # a Monday
        ("1M", ms(2024, 2, 1), ms(2024, 3, 1)),
    ],
)
def test_a_time_belongs_to_one_bar(interval: str, opens: int, following: int) -> None:
    time = ms(2024, 2, 29, 13, 47) + 31_000
    assert intervals.open_time_at(interval, time) == opens
    assert intervals.next_open_time(interval, opens) == following
    assert intervals.close_time_of(interval, opens) == following - 1
    times = np.array([opens, time, following - 1, following], dtype=np.int64)
    assert intervals.open_times_at(interval, times).tolist() == [opens, opens, opens, following]
    assert intervals.close_times_of(interval, times[:1]).tolist() == [following - 1]


def test_a_time_zone_moves_days_and_months() -> None:
    tokyo = 9 * 3_600_000
    time = ms(2024, 1, 31, 16)  # February there
    assert intervals.open_time_at("1d", time, tokyo) == ms(2024, 1, 31, 15)
    assert intervals.open_time_at("1M", time, tokyo) == ms(2024, 1, 31, 15)
    assert intervals.useful_offset("1h", "1m", tokyo) == 0
    assert intervals.useful_offset("1d", "1m", tokyo) == tokyo


def test_case_tells_minutes_from_months() -> None:
    assert intervals.is_interval("1m")
    assert intervals.is_interval("1M")
    assert not intervals.is_interval("1H")
    assert intervals.is_shorter("1w", "1M")
