"""Texts and labels of reports."""

from __future__ import annotations

import numpy as np
import pytest

from backtests.reports.formats import day_text, equity_points, label, metric_rows, metric_text, moment, price


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("total_return", 0.1234, "12.34%"),
        ("sharpe", 1.239, "1.24"),
        ("final_equity", "12345.6", "12,345.60"),
        ("closed_trades", 1234, "1,234"),
        ("sharpe", None, "–"),
    ],
)
def test_a_metric_is_written_by_its_kind(name, value, text):
    assert metric_text(name, value) == text


def test_a_metric_has_its_standard_name():
    assert label("cagr") == "CAGR"


def test_a_setting_has_the_label_of_its_schema():
    assert label("stop_loss") == "Stop-loss"


def test_a_name_without_a_label_becomes_words():
    assert label("daily_trade_limit") == "Daily trade limit"


def test_metric_rows_carry_their_definitions():
    assert metric_rows({"sharpe": 1.0}, ["sharpe"])[0]["meaning"].startswith("Mean over sample standard deviation")


def test_a_moment_is_in_utc_to_the_minute():
    assert moment(1_704_067_260_000) == "2024-01-01 00:01"


def test_no_moment_is_no_text():
    assert moment(None) == ""


def test_a_day_is_its_date():
    assert day_text(1_704_067_260_000) == "2024-01-01"


@pytest.mark.parametrize(("text", "shown"), [("42000.1", "42,000.1"), ("0.00000012", "0.00000012"), ("7", "7")])
def test_a_price_keeps_every_digit(text, shown):
    assert price(text) == shown


def test_equity_points_carry_the_drawdown():
    series = {"times": np.array([0, 1000]), "equity": np.array([2.0, 1.0])}
    assert equity_points(series) == [[0, 2.0, 0.0], [1, 1.0, 0.5]]


def test_a_run_without_series_has_no_points():
    assert equity_points({}) == []
