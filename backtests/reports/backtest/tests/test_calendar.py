"""Months and years of a run whose days are small enough to check by hand."""

from __future__ import annotations

from datetime import date

import numpy as np

from backtests.reports.backtest.calendar import month_table
from backtests.runs.history import History

EPOCH = date(1970, 1, 1)


def history(days: dict[date, float]) -> History:
    numbers = np.array([(day - EPOCH).days for day in days])
    equity = np.array(list(days.values()))
    none = np.empty(0)
    return History(
        capital=100.0, times=numbers * 86_400_000, equity=equity, close=none, first_close=10.0, day=numbers,
        day_equity=equity, day_close=np.linspace(10, 40, len(days)), daily=equity[1:] / equity[:-1] - 1,
        buy_and_hold={}, drawdowns=(), longest=None, slippage=none, has_daily_values=True,
    )  # fmt: skip


def test_months_and_years_each_count_from_the_end_of_the_one_before():
    table = month_table(
        history({date(2023, 11, 30): 110.0, date(2023, 12, 5): 50.0, date(2023, 12, 31): 121.0, date(2024, 2, 1): 60.5})
    )
    first, second = table["years"]
    assert [cell["text"] for cell in first["months"]] == [""] * 10 + ["+10.0%", "+10.0%"]
    assert (first["total"]["text"], second["total"]["text"]) == ("+21.0%", "-50.0%")
    assert second["months"][1] == {"text": "-50.0%", "shade": "down-5"}
    assert (first["buy_and_hold"]["text"], second["buy_and_hold"]["text"]) == ("+200.0%", "+33.3%")
    assert (table["summary"]["gained"], table["summary"]["worst"]) == (2, "Feb 2024")
