"""A replayed market shows of its candles what had happened by then, and nothing later."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.errors import UserError
from exchange.fills import UNITS
from exchange.klines.series import FullKlines
from exchange.paper.errors import ApiError
from exchange.paper.market.base import KlineQuery
from exchange.paper.market.clock import ManualClock, WallClock
from exchange.paper.market.load import market_from_spec
from exchange.paper.market.replay import ReplayMarket

HOUR = 3_600_000
DAY = 24 * HOUR
START = 1_704_067_200_000  # 2024-01-01, a Monday


def market(*numbers: int, interval: str = "1h") -> ReplayMarket:
    """Return bars by their numbers since 2024: n opens at 100 + n, spans 5 either side, closes 1 higher, volume 2."""
    n = np.array(numbers, dtype=np.float64)
    count, zeros = len(n), np.zeros(len(n))
    return ReplayMarket(
        {
            "BTCUSDT": FullKlines(
                interval,
                START + n.astype(np.int64) * HOUR,
                100 + n,
                105 + n,
                95 + n,
                101 + n,
                np.full(count, 2.0),
                zeros,
                zeros.astype(np.int64),
                zeros,
                zeros,
            )
        }
    )


def at(bars: float) -> int:
    return START + int(bars * HOUR) + 1


def prices(row: tuple[object, ...]) -> list[float]:
    return [float(value) for value in row[1:6]]  # type: ignore[arg-type]


def test_of_a_bar_in_progress_only_its_open_exists() -> None:
    rows = market(*range(10)).klines("BTCUSDT", KlineQuery("1h", None, None, 2), at(3))
    assert [row[0] for row in rows] == [START + 2 * HOUR, START + 3 * HOUR]
    assert prices(rows[0]) == [102, 107, 97, 103, 2]
    assert prices(rows[1]) == [103, 103, 103, 103, 0]
    assert rows[1][6] == START + 4 * HOUR - 1


def test_a_bar_is_whole_once_its_close_time_is_past() -> None:
    replay = market(*range(10))
    close = START + 4 * HOUR - 1
    assert prices(replay.klines("BTCUSDT", KlineQuery("1h", None, None, 1), close)[0]) == [103, 103, 103, 103, 0]
    assert prices(replay.klines("BTCUSDT", KlineQuery("1h", None, close, 1), close + 1)[0]) == [103, 108, 98, 104, 2]


def test_a_longer_bar_forms_from_whole_bars_and_the_present_open() -> None:
    rows = market(*range(10)).klines("BTCUSDT", KlineQuery("4h", None, None, 10), at(6.5))
    assert prices(rows[0]) == [100, 108, 95, 104, 8]
    assert prices(rows[1]) == [104, 110, 99, 106, 4]  # bars 4 and 5, then 6's open
    assert rows[1][6] == START + 8 * HOUR - 1
    assert prices(market(*range(10)).klines("BTCUSDT", KlineQuery("4h", None, None, 1), at(4))[0]) == [
        104,
        104,
        104,
        104,
        0,
    ]


def test_bounds_mean_what_the_exchange_says() -> None:
    replay, now = market(*range(100)), at(50)

    def numbers(start: float | None, end: float | None, limit: int) -> list[int]:
        first, last = (None if bar is None else START + int(bar * HOUR) for bar in (start, end))
        return [(row[0] - START) // HOUR for row in replay.klines("BTCUSDT", KlineQuery("1h", first, last, limit), now)]

    assert numbers(None, None, 3) == [48, 49, 50]
    assert numbers(10, None, 3) == [10, 11, 12]
    assert numbers(10.5, None, 2) == [11, 12]
    assert numbers(None, 20, 3) == [18, 19, 20]
    assert numbers(10, 11, 500) == [10, 11]
    assert numbers(10, 90, 3) == [10, 11, 12]
    assert numbers(49, 90, 500) == [49, 50]
    assert numbers(60, None, 500) == []
    assert numbers(20, 10, 500) == []
    assert numbers(-1000, None, 1) == [0]


def test_weeks_and_months_follow_the_calendar_and_case() -> None:
    replay = market(*range(24 * 40))
    weeks = replay.klines("BTCUSDT", KlineQuery("1w", None, None, 10), at(24 * 39))
    assert [(row[0] - START) // DAY for row in weeks] == [0, 7, 14, 21, 28, 35]
    months = replay.klines("BTCUSDT", KlineQuery("1M", None, None, 10), at(24 * 39))
    assert [(row[0] - START) // DAY for row in months] == [0, 31]
    assert months[0][6] - START == 31 * DAY - 1
    tokyo = replay.klines("BTCUSDT", KlineQuery("1d", None, None, 2, 9 * HOUR), at(24 * 39))
    assert [(row[0] - START) % DAY for row in tokyo] == [15 * HOUR] * 2
    for interval in ("1m", "30m", "1H", "7h"):
        with pytest.raises(ApiError) as raised:
            replay.klines("BTCUSDT", KlineQuery(interval, None, None, 10), at(30))
        assert raised.value.code == -1120


def test_price_is_the_bars_open_and_in_a_gap_the_close_before() -> None:
    replay = market(0, 1, 2, 6, 7)
    assert replay.last_price("BTCUSDT", START + 2 * HOUR) == 102 * UNITS
    assert replay.last_price("BTCUSDT", at(2.9)) == 102 * UNITS
    assert replay.last_price("BTCUSDT", at(3.5)) == 103 * UNITS
    assert replay.last_price("BTCUSDT", at(6)) == 106 * UNITS
    assert replay.last_price("BTCUSDT", at(500)) == 108 * UNITS
    with pytest.raises(ApiError, match="-1121"):
        replay.last_price("BTCUSDT", START - 1)
    with pytest.raises(ApiError, match="-1121"):
        replay.last_price("NOSUCH", at(1))


def test_bars_are_those_that_the_range_touches() -> None:
    replay = market(0, 1, 2, 6, 7)

    def touched(start: float, end: float) -> list[int]:
        bars = replay.bars("BTCUSDT", START + int(start * HOUR), START + int(end * HOUR))
        return ((bars.open_time - START) // HOUR).tolist()

    assert touched(0.5, 2) == [0, 1, 2]
    assert touched(1, 1) == [1]
    assert touched(3, 5) == []
    assert touched(2.9, 6) == [2, 6]
    assert touched(-5, 100) == [0, 1, 2, 6, 7]
    assert replay.bars("BTCUSDT", START, START).high.tolist() == [105 * UNITS]


def test_the_average_weighs_by_volume_and_falls_back_on_the_last_price() -> None:
    replay = market(*range(10))
    assert replay.average_price("BTCUSDT", at(5), 5) == 105 * UNITS
    typical = [(105 + n + 95 + n + 101 + n) / 3 for n in (3, 4)]
    assert replay.average_price("BTCUSDT", at(5), 121) == round(sum(typical) / 2 * UNITS)


def test_a_manual_clock_starts_at_bar_1000_or_the_middle() -> None:
    assert market(*range(1500)).default_start_ms() == at(1000)
    assert market(*range(10)).default_start_ms() == at(5)
    gapped = market(0, 1, 2, 6, 7)
    assert gapped.time_after_bars(at(2), 1) == at(6)  # a gap is no bar
    assert gapped.time_after_bars(at(6), 2) == at(8)  # past the end the grid goes on


def test_clocks_never_go_back() -> None:
    clock = ManualClock(1000)
    assert (clock.set(2000), clock.now_ms()) == (2000, 2000)
    with pytest.raises(UserError, match="cannot go back to 1000"):
        clock.set(1000)
    started = WallClock.starting_at(START)
    assert 0 <= started.now_ms() - START < 60_000
    assert not started.is_manual


def test_a_replay_takes_stops_whatever_its_exchange_info_says(shared_data: Path) -> None:
    path = shared_data / "starter/BTCUSDT-1h-20230101-20241231.csv.gz"
    replay = market_from_spec(f"replay:{path}", shared_data / "exchange_info_2021-04-29.json")
    entry = replay.symbols()["BTCUSDT"]
    assert {"STOP_LOSS", "TAKE_PROFIT"} <= set(entry["orderTypes"])
    assert entry["ocoAllowed"] is True
    assert replay.base_interval("BTCUSDT") == "1h"
    assert list(market_from_spec(f"replay:{path}@ETHUSDT:1h").symbols()) == ["ETHUSDT"]


def test_specs_that_cannot_be_meant_are_explained(tmp_path: Path, shared_data: Path) -> None:
    path = shared_data / "starter/BTCUSDT-1h-20230101-20241231.csv.gz"
    broken = tmp_path / "info.json"
    broken.write_text(json.dumps({"symbols": [{"symbol": "BTCUSDT"}]}))
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"symbols": []}))
    for spec, info, said in [
        ("replay:", None, "names no market"),
        ("binance", None, "replay:FILE_OR_DATASET"),
        ("simulated:abc", None, "whole number"),
        (f"replay:{path}", tmp_path / "none.json", "cannot be read"),
        (f"replay:{path}", broken, "is missing"),
        (f"replay:{path}", other, "has no BTCUSDT"),
        (f"replay:{path},{path}", None, "give each symbol once"),
        (f"replay:{path}@BTCUSDT", None, "after @ comes SYMBOL:INTERVAL"),
        (f"replay:{path}@BTCUSDT:7h", None, "there is no interval '7h'"),
        (f"replay:{tmp_path}/BTCUSDT-1h-x.csv", None, "cannot be read"),
    ]:
        with pytest.raises(UserError, match=said):
            market_from_spec(spec, info)


def test_longer_bars_of_real_candles_are_the_same_from_any_base(shared_data: Path) -> None:
    hourly = market_from_spec(f"replay:{shared_data}/klines/BTCUSDT-1h-20170817-20250831.csv.gz")
    fine = market_from_spec(f"replay:{shared_data}/klines/BTCUSDT-5m-20240301-20250831.csv.gz")
    now = START + 200 * DAY + 1
    for interval in ("4h", "1d", "1w"):
        ours, theirs = (
            m.klines("BTCUSDT", KlineQuery(interval, now - 60 * DAY, now - 8 * DAY, 1000), now) for m in (hourly, fine)
        )
        assert [row[:5] for row in ours] == [row[:5] for row in theirs]
