"""Test that a bad row of candles is found and described."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from exchange.klines.checks import check_text_row, first_bad_row, utc
from exchange.klines.series import FullKlines

HOUR = 3_600_000
START = 1_700_000_000_000 // HOUR * HOUR
GOOD = "1700000000000,1,2,0.5,1.5,3,1700003599999,4,5,6,7,0"


def klines(**changes: Any) -> FullKlines:
    ones = np.ones(3)
    times = np.arange(3, dtype=np.int64) * HOUR + START
    made = FullKlines("1h", times, ones, ones, ones, ones, ones, ones, np.ones(3, dtype=np.int64), ones, ones)
    return replace(made, **{name: np.array(values) for name, values in changes.items()})


def problem(bars: FullKlines) -> tuple[int, str]:
    _, row = first_bad_row(bars, None, np.zeros(len(bars), dtype=bool))
    assert row is not None
    return row.number, row.problem.what


def test_good_rows_pass() -> None:
    assert first_bad_row(klines(), None, np.zeros(3, dtype=bool))[1] is None


@pytest.mark.parametrize(
    ("changes", "number", "message"),
    [
        ({"high": [1, 0.5, 1]}, 1, "high 0.5 is under low 1"),
        ({"close": [1, 1, 2]}, 2, "close 2 is outside low 1 to high 1"),
        ({"open": [np.nan, 1, 1]}, 0, "open is nan"),
        ({"volume": [1, -1, 1]}, 1, "volume is -1"),
        ({"open_time": [START, START + HOUR + 1, START + 2 * HOUR]}, 1, "is off the 1h grid"),
        ({"open_time": [START, START + 2 * HOUR, START + HOUR]}, 2, "rows must ascend"),
        ({"open_time": [START // 1000, START + HOUR, START + 2 * HOUR]}, 0, "is neither ms nor µs"),
    ],
)
def test_first_bad_row_is_described(changes: dict[str, Any], number: int, message: str) -> None:
    found, what = problem(klines(**changes))
    assert found == number
    assert message in what


def test_identical_repetition_is_marked() -> None:
    repeats, row = first_bad_row(klines(open_time=[START, START, START + HOUR]), None, np.zeros(3, dtype=bool))
    assert row is None
    assert repeats.tolist() == [False, True, False]


def test_wrong_close_time_is_found() -> None:
    ends = klines().open_time + HOUR - 2
    _, row = first_bad_row(klines(), ends, np.zeros(3, dtype=bool))
    assert row is not None
    assert "is not the end of a 1h bar" in row.problem.what


@pytest.mark.parametrize("line", [GOOD, "", "   "])
def test_line_of_numbers_passes(line: str) -> None:
    assert check_text_row(line, 12) is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,2", "2 columns instead of 12"),
        (GOOD.replace("0.5", "x"), "column 4 is 'x', not a number"),
        (GOOD.replace("1700000000000", "1.5"), "column 1 is '1.5', not a whole number"),
        (GOOD.replace(",3,", ", 3,"), "not a plain number"),
    ],
)
def test_bad_line_is_described(line: str, message: str) -> None:
    found = check_text_row(line, 12)
    assert found is not None
    assert message in found.what


def test_time_is_written_in_utc() -> None:
    assert utc(1_700_000_000_000) == "2023-11-14 22:13:20 UTC"


def test_number_that_is_no_time_is_written_as_it_is() -> None:
    assert utc(10**18) == str(10**18)
