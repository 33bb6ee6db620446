"""The report of a run as a terminal shows it."""

from __future__ import annotations

import io
from dataclasses import replace
from decimal import Decimal

import pytest
from rich.console import Console

from backtests.engine.metrics import Metrics
from backtests.engine.result import ClosedTrade, OpenTrade, RunResult
from backtests.terminal_report import result_table

METRICS = Metrics(
    final_equity=1234.5, total_return=0.2345, cagr=None, sharpe=1.23456, sortino=2.0, calmar=1.0, max_drawdown=0.1,
    profit_factor=None, win_rate=0.5, expectancy=1.5, sqn=1.0, exposure=0.25, closed_trades=12, fees_paid=3.0,
    buy_and_hold_return=-0.05,
)  # fmt: skip
CLOSED = ClosedTrade(0, Decimal("100.50"), Decimal("0.002"), 1, Decimal("111"), "take_profit", Decimal(1), Decimal("9"))
OPEN = OpenTrade(0, Decimal("120"), Decimal("0.5"), Decimal(1), Decimal("-60"))


def rows(*trades, metrics=METRICS, rejections=None) -> list[list[str]]:
    """Return the printed rows, a list of cells each."""
    result = RunResult("BTCUSDT", 48, 0, 1, {}, trades, rejections or {}, metrics)
    out = io.StringIO()
    Console(file=out, width=120).print(result_table(result))
    lines = [line for line in out.getvalue().splitlines() if "│" in line or "┃" in line]
    return [[cell.strip() for cell in line.replace("┃", "│").split("│")[1:-1]] for line in lines]


def metric(name, **changes) -> str:
    return dict(row for row in rows(metrics=replace(METRICS, **changes)) if len(row) == 2)[name]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("total return", "23.45%"),
        ("buy and hold return", "-5.00%"),
        ("sharpe", "1.2346"),
        ("closed trades", "12"),
        ("final equity", "1234.50000000"),
    ],
)
def test_a_metric_has_its_unit(name, text):
    assert metric(name) == text


@pytest.mark.parametrize("name", ["cagr", "profit factor"])
def test_a_metric_without_a_value_is_undefined(name):
    assert metric(name) == "undefined"


def test_a_percentage_of_zero_is_not_undefined():
    assert metric("win rate", win_rate=0.0) == "0.00%"


def test_refused_entries_are_counted_by_reason():
    refused = [row for row in rows(rejections={"max_drawdown": 1, "cooldown": 4}) if row[0].startswith("refused")]
    assert refused == [["refused: cooldown", "4"], ["refused: max drawdown", "1"]]


def test_a_closed_trade_has_its_exit():
    assert ["0.002", "100.5", "111", "take_profit", "9"] in rows(CLOSED)


def test_an_open_trade_has_no_exit_price():
    assert ["0.5", "120", "", "open"] in [row[:4] for row in rows(CLOSED, OPEN)]


def test_only_the_last_ten_trades_are_listed():
    many = [replace(CLOSED, net_pnl=Decimal(number)) for number in range(12)]
    assert [row[-1] for row in rows(*many) if len(row) == 5][1:] == [str(number) for number in range(2, 12)]
