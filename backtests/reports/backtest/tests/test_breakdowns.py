"""Breakdowns of five trades that are small enough to check by hand."""

from __future__ import annotations

import numpy as np
import pytest

from backtests.reports.backtest import breakdowns
from backtests.reports.backtest.trades import closed_trades

HOUR_MS = 3_600_000
MONDAY_MS = 1_704_067_200_000  # 2024-01-01
NETS = (10.0, -5.0, 20.0, -1.0, -2.0)
REASONS = ("signal", "stop_loss", "signal", "stop_loss", "stop_loss")


def trade(number: int) -> dict:
    entry = MONDAY_MS + 25 * number * HOUR_MS
    return {
        "entry_time": entry, "entry_price": "100", "quantity": "1", "exit_time": entry + (number + 1) * HOUR_MS,
        "exit_price": "100", "exit_reason": REASONS[number], "fees": "0.1", "net_pnl": str(NETS[number]),
    }  # fmt: skip


@pytest.fixture
def result() -> dict:
    return {"trades": [trade(number) for number in range(5)]}


@pytest.fixture
def trades(result):
    return closed_trades(result)


def rows_of(result, key):
    return next(group["rows"] for group in breakdowns.groups(result) if group["key"] == key)


def test_trades_are_counted_by_exit_reason(result):
    assert [(row["name"], row["count"]) for row in rows_of(result, "reason")] == [("Signal", 2), ("Stop loss", 3)]


def test_net_profit_is_summed_by_exit_reason(result):
    assert [row["value"] for row in rows_of(result, "reason")] == [30.0, -8.0]


def test_bars_are_sized_beside_the_largest_group(result):
    assert [row["bar"] for row in rows_of(result, "reason")] == [10, 3]


def test_wins_are_a_share_of_the_group(result):
    assert [row["wins"] for row in rows_of(result, "reason")] == ["100%", "0%"]


def test_weekdays_come_from_monday_on(result):
    assert [row["name"] for row in rows_of(result, "weekday")] == [
        "Monday", "Tuesday", "Wednesday", "Thursday", "Friday",
    ]  # fmt: skip


def test_hours_are_those_of_the_entry_in_utc(result):
    assert [row["name"] for row in rows_of(result, "hour")] == ["00:00", "01:00", "02:00", "03:00", "04:00"]


def test_an_open_trade_is_in_no_group(result):
    result["trades"].append({**trade(0), "entry_time": MONDAY_MS + 999 * HOUR_MS, "exit_time": None})
    assert sum(row["count"] for row in rows_of(result, "reason")) == 5


def test_no_trades_have_no_groups():
    assert [group["rows"] for group in breakdowns.groups({"trades": []})] == [[], [], []]


def test_costs_are_shares_of_the_gross_profit(trades):
    costs = breakdowns.costs(trades, np.full(5, 0.4))
    assert [row["share"] for row in costs["rows"]] == ["2%", "8%"]


def test_slippage_that_is_unknown_has_no_share(trades):
    assert breakdowns.costs(trades, np.empty(0))["rows"][1]["share"] == "–"


def test_concentration_is_the_share_of_the_best_trades(trades):
    assert [row["share"] for row in breakdowns.concentration(trades)] == ["67%", "100%"]


def test_losers_in_a_row_are_counted(trades):
    statistics = {row["label"]: row["value"] for row in breakdowns.trade_statistics(trades)}
    assert statistics["Losers in a row"] == "2"


def test_durations_run_from_entry_to_exit(trades):
    statistics = {row["label"]: row["value"] for row in breakdowns.trade_statistics(trades)}
    assert (statistics["Mean duration"], statistics["Longest duration"]) == ("3 h", "5 h")


def test_no_bin_of_returns_holds_both_signs(trades):
    bins = breakdowns.distribution(trades)["bins"]
    assert all(bin_["from"] >= 0 or bin_["to"] <= 0 for bin_ in bins)


def test_every_trade_is_in_a_bin(trades):
    assert sum(bin_["count"] for bin_ in breakdowns.distribution(trades)["bins"]) == 5


def test_one_trade_has_no_distribution():
    assert breakdowns.distribution(closed_trades({"trades": [trade(0)]})) is None
