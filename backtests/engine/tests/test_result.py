"""Results as JSON, their digest and their file."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from backtests.engine.metrics import METRIC_NAMES, Metrics
from backtests.engine.result import ClosedTrade, OpenTrade, RunResult, Segment

CLOSED = ClosedTrade(
    0, Decimal("1E+2"), Decimal("0.50"), 60_000, Decimal(110), "signal", Decimal("0.1"), Decimal("4.9")
)
OPEN = OpenTrade(120_000, Decimal(100), Decimal(1), Decimal("0.1"), Decimal(-100))


@pytest.fixture
def result() -> RunResult:
    metrics = Metrics(**dict.fromkeys(METRIC_NAMES, 1.0))
    return RunResult(
        "BTCUSDT", 3, 0, 120_000, {"stop_loss": None}, (CLOSED, OPEN), {"stale": 1, "cooldown": 2}, metrics
    )


def test_closed_trades_leave_out_the_open_one(result):
    assert result.closed_trades == (CLOSED,)


def test_prices_are_plain_text_in_json(result):
    assert result.to_json()["trades"][0]["entry_price"] == "100"


def test_an_open_trade_has_no_exit_in_json(result):
    trade = result.to_json()["trades"][1]
    assert (trade["exit_time"], trade["exit_price"], trade["exit_reason"]) == (None, None, None)


def test_rejections_are_sorted_in_json(result):
    assert list(result.to_json()["rejections"]) == ["cooldown", "stale"]


def test_equal_results_have_one_digest(result):
    assert replace(result, rejections={"cooldown": 2, "stale": 1}).digest() == result.digest()


def test_another_trade_has_another_digest(result):
    assert replace(result, trades=(CLOSED,)).digest() != result.digest()


def test_the_file_holds_the_json(result, tmp_path):
    result.write(tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text()) == result.to_json()


def test_no_unfinished_file_is_left_beside_it(result, tmp_path):
    result.write(tmp_path / "out.json")
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_an_empty_segment_has_grown_by_nothing():
    assert Segment(np.empty(0), 0.0).growth == 1.0


def test_growth_of_a_segment_is_its_last_value():
    assert Segment(np.array([1.0, 1.2]), 2.0).growth == 1.2
