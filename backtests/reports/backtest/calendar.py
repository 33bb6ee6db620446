"""Returns by month and year and the rolling Sharpe ratio, from whole days, never from thinned lines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from backtests.engine.metrics import DAYS_A_YEAR
from backtests.reports.backtest.history import History
from backtests.reports.formats import day_text
from backtests.statistics.overfitting import sharpes

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SHADES = (0.01, 0.03, 0.06, 0.10, 0.20)  # a month of at least so much is shaded one step deeper
DAY_S = 86_400
ROLLING_DAYS = (90, 30)
ROLLING_POINTS = 800


def month_table(history: History) -> dict[str, Any]:
    """Return years as rows and months as cells; the first month counts from the starting capital."""
    ends: dict[tuple[int, int], float] = {}
    year_closes: dict[int, float] = {}
    closes = history.day_close if len(history.day_close) else np.full(len(history.day), np.nan)
    for day, equity, close in zip(history.day.tolist(), history.day_equity.tolist(), closes.tolist(), strict=True):
        date = datetime.fromtimestamp(day * DAY_S, tz=UTC)
        ends[date.year, date.month] = equity
        year_closes[date.year] = close
    changes = _changes(ends, history.capital)
    years = []
    year_start, close_before = history.capital, history.first_close
    for year in sorted(year_closes):
        cells = [_cell(changes.get((year, month))) for month in range(1, 13)]
        last = next(ends[year, month] for month in range(12, 0, -1) if (year, month) in ends)
        hold = year_closes[year] / close_before - 1 if close_before else None
        years.append({"year": year, "months": cells, "total": _cell(last / year_start - 1), "hold": _cell(hold)})
        year_start, close_before = last, year_closes[year]
    return {"names": MONTHS, "years": years, "summary": _summary(changes)}


def _changes(ends: Mapping[tuple[int, int], float], capital: float) -> dict[tuple[int, int], float]:
    before, changes = capital, {}
    for month, equity in ends.items():
        changes[month] = equity / before - 1 if before else 0.0
        before = equity
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
        [day * DAY_S * 1000, None if math.isnan(value) else round(value, 3)]
        for day, value in zip(days[::step].tolist(), values[::step].tolist(), strict=True)
    ]
    return {"window": window, "points": points, "rows": _quarters(points)}


def _quarters(points: list[list[Any]]) -> list[dict[str, str]]:
    """Return the last value of each quarter, for the table behind the chart."""
    last: dict[str, dict[str, str]] = {}
    for time_ms, value in points:
        date = datetime.fromtimestamp(time_ms / 1000, tz=UTC)
        shown = "–" if value is None else f"{value:.2f}"
        last[f"{date.year} Q{(date.month + 2) // 3}"] = {"date": day_text(time_ms), "value": shown}
    return [{"name": name, **row} for name, row in last.items()]


def month_ends(history: History) -> list[dict[str, str]]:
    """Return equity, buy and hold and drawdown at the end of each month: the table behind the chart."""
    if not len(history.day):
        return []
    months = (history.day * DAY_S).astype("datetime64[s]").astype("datetime64[M]")
    rows = np.flatnonzero(np.append(months[1:] != months[:-1], True))
    peaks = np.maximum(np.maximum.accumulate(history.day_equity), history.capital)
    buy_and_hold = history.day_close / history.first_close * history.capital if history.first_close else None
    return [
        {
            "date": day_text(int(history.day[row]) * DAY_S * 1000), "equity": f"{history.day_equity[row]:,.2f}",
            "hold": f"{buy_and_hold[row]:,.2f}" if buy_and_hold is not None else "–",
            "fall": f"{1 - history.day_equity[row] / peaks[row]:.1%}",
        }
        for row in rows.tolist()
    ]  # fmt: skip
