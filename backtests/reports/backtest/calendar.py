"""Returns by month and year and the rolling Sharpe ratio, from whole days, never from thinned lines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from backtests.engine.metrics import DAYS_A_YEAR
from backtests.reports.formats import day_text
from backtests.runs.history import History
from backtests.statistics.overfitting import sharpes
from core.times import DAY_MS, to_datetime

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SHADES = (0.01, 0.03, 0.06, 0.10, 0.20)  # a month of at least so much is shaded one step deeper
ROLLING_DAYS = (90, 30)
ROLLING_POINTS = 800


def month_table(history: History) -> dict[str, Any]:
    """Return years as rows and months as cells; the first month counts from the starting capital."""
    # pandas takes a second to load, and most of the site never needs it.
    from backtests.frames import days_of

    days = days_of(history)
    changes = _changes(days["equity"].groupby([days.index.year, days.index.month]).last(), history.capital)
    ends = days.groupby(days.index.year)[["equity", "close"]].last()
    totals = _changes(ends["equity"], history.capital)
    held = ends["close"] / ends["close"].shift(fill_value=history.first_close or math.nan) - 1
    years = [
        {
            "year": year, "months": [_cell(changes.get((year, month))) for month in range(1, 13)],
            "total": _cell(totals[year]), "buy_and_hold": _cell(held[year]),
        }
        for year in ends.index.tolist()
    ]  # fmt: skip
    return {"names": MONTHS, "years": years, "summary": _summary(changes)}


def _changes(ends: Any, capital: float) -> dict[Any, float]:
    """Return the change of each period's end over the one before, 0 after nothing was left."""
    before = ends.shift(fill_value=capital)
    changes: dict[Any, float] = (ends / before - 1).where(before != 0, 0.0).to_dict()
    return changes


def _cell(change: float | None) -> dict[str, Any]:
    """Return a return as text and the class that shades it."""
    if change is None or math.isnan(change):
        return {"text": "", "shade": ""}
    change = 0.0 if abs(change) < 0.0005 else change  # no minus before a zero
    depth = sum(abs(change) >= limit for limit in SHADES)
    sign = "up" if change > 0 else "down"
    return {"text": f"{change:+.1%}" if change else "0.0%", "shade": f"{sign}-{depth}" if depth else ""}


def _summary(changes: Mapping[tuple[int, int], float]) -> dict[str, Any] | None:
    if not changes:
        return None
    (best, most), (worst, least) = (pick(changes.items(), key=lambda pair: pair[1]) for pick in (max, min))
    return {
        "gained": sum(change > 0 for change in changes.values()), "count": len(changes),
        "best": f"{MONTHS[best[1] - 1]} {best[0]}", "most": f"{most:+.1%}",
        "worst": f"{MONTHS[worst[1] - 1]} {worst[0]}", "least": f"{least:+.1%}",
    }  # fmt: skip


def rolling_sharpe(history: History) -> dict[str, Any] | None:
    """Return the annual Sharpe ratio of the last days at each day, or None if there are too few days."""
    daily = history.daily
    window = next((days for days in ROLLING_DAYS if len(daily) >= 2 * days), None)
    if window is None or len(history.day) != len(daily) + 1:
        return None
    views = np.lib.stride_tricks.sliding_window_view(daily, window)
    days, values = history.day[window:], sharpes(views) * math.sqrt(DAYS_A_YEAR)
    step = -(-len(values) // ROLLING_POINTS)
    points = [
        [day * DAY_MS, None if math.isnan(value) else round(value, 3)]
        for day, value in zip(days[::step].tolist(), values[::step].tolist(), strict=True)
    ]
    return {"window": window, "points": points, "rows": _quarters(points)}


def _quarters(points: list[list[Any]]) -> list[dict[str, str]]:
    """Return the last value of each quarter, for the table behind the chart."""
    last: dict[str, dict[str, str]] = {}
    for time_ms, value in points:
        date = to_datetime(time_ms)
        shown = "–" if value is None else f"{value:.2f}"
        last[f"{date.year} Q{(date.month + 2) // 3}"] = {"date": day_text(time_ms), "value": shown}
    return [{"name": name, **row} for name, row in last.items()]


def month_ends(history: History) -> list[dict[str, str]]:
    """Return equity, buy and hold and drawdown at the end of each month: the table behind the chart."""
    # pandas takes a second to load, and most of the site never needs it.
    from backtests.frames import days_of

    days = days_of(history)
    ends = days.groupby([days.index.year, days.index.month]).tail(1)
    return [
        {
            "date": f"{day.Index:%Y-%m-%d}", "equity": f"{day.equity:,.2f}",
            "buy_and_hold": "–" if math.isnan(day.buy_and_hold) else f"{day.buy_and_hold:,.2f}",
            "drawdown": f"{day.drawdown:.1%}",
        }
        for day in ends.itertuples()
    ]  # fmt: skip
