"""The stored series of a run, read back: a new result's, and an older one's that stored less."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backtests.models import Backtest
from backtests.runs.history import History, history_of
from backtests.runs.queue import pack

DAY_MS = 86_400_000
NEW: dict[str, Any] = {
    "times": np.array([0, DAY_MS, 2 * DAY_MS]),
    "equity": np.array([90.0, 120.0, 60.0]),
    "close": np.array([11.0, 20.0, 30.0]),
    "daily": np.array([1 / 3, -0.5]),
    "day": np.array([0, 1, 2]),
    "day_equity": np.array([90.0, 120.0, 60.0]),
    "day_close": np.array([11.0, 20.0, 30.0]),
    "first_close": np.array([10.0]),
    "hold": np.array([2.0, np.nan, 1.5, np.nan, 0.1, np.nan]),
    "falls": np.array([[DAY_MS, 2 * DAY_MS, -1, 0.5], [0, 0, DAY_MS, 0.1]]),
    "longest_fall": np.array([[0, 0, DAY_MS, 0.1]]),
    "slippage": np.array([1.0]),
}


def history(series=None, **result: Any) -> History:
    run = Backtest(series=pack(**(NEW if series is None else series)))
    metrics = {"final_equity": "60.00000000", "buy_and_hold_return": 2.0}
    stored = {"parameters": {"initial_capital": "100"}, "metrics": metrics, "first_open_time": 0,
              "last_open_time": 2 * DAY_MS + DAY_MS // 2, **result}  # fmt: skip
    return history_of(run, stored)


def older(*names: str, **result: Any) -> History:
    return history({name: NEW[name] for name in ("times", "equity", *names)}, **result)


def test_buy_and_hold_begins_at_the_first_close_not_at_the_first_point():
    assert history().held.tolist() == pytest.approx([110, 200, 300])


def test_the_starting_capital_is_a_peak():
    assert history().drawdown[0] == pytest.approx(0.1)


def test_a_drawdown_counts_from_the_peak_so_far():
    assert history().drawdown.tolist()[1:] == [0.0, 0.5]


def test_metrics_of_buy_and_hold_are_named():
    assert history().buy_and_hold["sharpe"] == 1.5


def test_a_metric_of_buy_and_hold_that_is_not_defined_is_none():
    assert history().buy_and_hold["cagr"] is None


def test_a_drawdown_that_has_not_recovered_has_no_end():
    assert [drawdown.end_ms for drawdown in history().drawdowns] == [None, DAY_MS]


def test_a_drawdown_has_its_times_and_depth():
    worst = history().drawdowns[0]
    assert (worst.peak_ms, worst.low_ms, worst.depth) == (DAY_MS, 2 * DAY_MS, 0.5)


def test_the_longest_drawdown_is_read():
    assert history().longest.depth == 0.1


def test_a_run_without_a_drawdown_has_no_longest():
    assert history({**NEW, "longest_fall": np.empty((0, 4))}).longest is None


def test_an_older_result_lacks_what_it_did_not_store():
    old = older("daily")
    assert (len(old.close), old.drawdowns, old.longest, len(old.slippage)) == (0, (), None, 0)


def test_an_older_result_knows_that_it_has_no_days():
    assert (older("daily").has_daily_values, history().has_daily_values) == (False, True)


def test_an_older_result_draws_no_buy_and_hold():
    assert len(older("daily").held) == 0


def test_an_older_result_has_the_return_of_buy_and_hold():
    assert older("daily").buy_and_hold == {"total_return": 2.0}


def test_days_of_an_older_result_follow_from_its_returns():
    old = older("daily")
    assert old.day.tolist() == [0, 1, 2]
    assert old.day_equity.tolist() == pytest.approx([90, 120, 60])


def test_days_of_an_older_result_with_a_gap_are_not_guessed():
    assert len(older("daily", last_open_time=5 * DAY_MS).day) == 0


def test_a_run_without_series_is_empty():
    empty = history({})
    assert (len(empty.times), len(empty.equity), len(empty.drawdown)) == (0, 0, 0)
