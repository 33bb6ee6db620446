"""Two results side by side: what differs between them, which is better, and their lines on one scale."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from backtests.models import Backtest
from backtests.reports.comparison import comparison
from backtests.runs.queue import pack


def result_of(pk=1, *, settings=None, equity=(100.0, 110.0), **metrics) -> Backtest:
    """Return a finished backtest of two days, not stored."""
    return Backtest(
        pk=pk, symbol="BTCUSDT", interval="1d", strategy="ema_rsi", data_hash="d" * 64, code_version="c" * 64,
        start_at=datetime(2024, 1, 1, tzinfo=UTC), end_at=datetime(2024, 1, 3, tzinfo=UTC),
        settings={"strategy": "ema_rsi", **(settings or {})},
        result={"parameters": {"initial_capital": "100"}, "metrics": {"buy_and_hold_return": 0.0, **metrics}},
        series=pack(
            times=np.array([0, 86_400_000]), equity=np.array(equity), day=np.array([0, 1]),
            day_equity=np.array(equity), first_close=np.array([1.0]),
        ),
    )  # fmt: skip


def best(name, *values) -> list[bool]:
    """Return which of the values of one metric are marked as the best."""
    report = comparison([result_of(number, **{name: value}) for number, value in enumerate(values, 1)])
    row = next(row for row in report["figures"] if row["name"] == name)
    return [cell["is_best"] for cell in row["cells"]]


def labels(rows) -> set[str]:
    return {row["label"] for row in rows}


def test_a_setting_that_differs_is_among_the_differences():
    report = comparison([result_of(settings={"ema_fast": 5}), result_of(settings={"ema_fast": 9})])
    assert [(row["label"], row["values"]) for row in report["different"]] == [("Fast EMA", ["5", "9"])]


def test_a_setting_that_is_equal_is_among_the_equal():
    report = comparison([result_of(settings={"ema_fast": 5}), result_of(settings={"ema_fast": 5})])
    assert "Fast EMA" in labels(report["same"])
    assert report["different"] == []


def test_a_setting_that_only_one_run_has_differs():
    report = comparison([result_of(settings={"stop_loss": "0.02"}), result_of()])
    assert [row["values"] for row in report["different"]] == [["2%", ""]]


def test_other_data_are_a_difference():
    other = result_of()
    other.data_hash = "e" * 64
    assert labels(comparison([result_of(), other])["different"]) == {"Data"}


@pytest.mark.parametrize("name", ["sharpe", "total_return", "profit_factor"])
def test_the_highest_of_a_gain_is_the_best(name):
    assert best(name, 1.0, 2.0) == [False, True]


@pytest.mark.parametrize("name", ["max_drawdown", "fees_paid"])
def test_the_lowest_of_a_cost_is_the_best(name):
    assert best(name, 1.0, 2.0) == [True, False]


def test_amounts_that_are_stored_as_text_are_compared_as_numbers():
    assert best("final_equity", "900.00000000", "1000.00000000") == [False, True]


def test_equal_values_have_no_best():
    assert best("sharpe", 1.0, 1.0) == [False, False]


def test_two_of_three_may_share_the_best():
    assert best("sharpe", 1.0, 2.0, 2.0) == [False, True, True]


def test_neither_direction_of_exposure_is_better():
    assert best("exposure", 0.1, 0.9) == [False, False]


def test_a_single_defined_value_is_not_called_the_best():
    assert best("sharpe", None, 1.0) == [False, False]


def test_an_undefined_value_does_not_hide_the_best():
    assert best("sharpe", None, 1.0, 2.0) == [False, False, True]


def test_runs_have_letters_in_their_order():
    assert [entry["letter"] for entry in comparison([result_of(7), result_of(3)])["runs"]] == ["A", "B"]


def test_a_line_is_growth_since_the_start_in_percent():
    (line, _) = comparison([result_of(7), result_of(8)])["charts"]["lines"]
    assert line == {"name": "A #7", "points": [[0, 0.0], [86_400, 10.0]]}
