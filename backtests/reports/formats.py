"""Formats and labels shared by all reports, and the equity line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backtests.engine.metrics import DEFINITIONS
from bots.settings.strategies import labels
from core.times import format_utc, to_datetime

KEY_METRICS = ("total_return", "cagr", "sharpe", "max_drawdown", "calmar", "profit_factor", "win_rate", "closed_trades")
PERCENT = frozenset({"total_return", "cagr", "max_drawdown", "win_rate", "exposure", "buy_and_hold_return"})


def metric_text(name: str, value: Any) -> str:
    """Return a metric as text."""
    if value is None:
        return "–"
    number = float(value)
    if name in PERCENT:
        return f"{number:.2%}"
    return f"{number:,.0f}" if name == "closed_trades" else f"{number:,.2f}"


LABELS = {
    "cagr": "CAGR", "sqn": "System quality (SQN)", "max_drawdown": "Max. drawdown",
    "sharpe": "Sharpe ratio", "sortino": "Sortino ratio", "calmar": "Calmar ratio", "exposure": "Exposure",
}  # fmt: skip


def label(name: str) -> str:
    """Return the label of a metric, setting or rejection reason."""
    return LABELS.get(name) or labels().get(name) or name.replace("_", " ").capitalize()


def metric_rows(metrics: Mapping[str, Any], names: Sequence[str] = KEY_METRICS) -> list[dict[str, str]]:
    """Return the named metrics as rows: label, text and definition."""
    return [
        {"name": name, "label": label(name), "value": metric_text(name, metrics.get(name)),
         "meaning": DEFINITIONS.get(name, "")}
        for name in names
    ]  # fmt: skip


def moment(time_ms: int | None) -> str:
    """Return a time to the minute; empty for none."""
    return "" if time_ms is None else format_utc(to_datetime(time_ms))


def day_text(time_ms: int) -> str:
    return moment(time_ms)[:10]


def price(text: str) -> str:
    """Return a price with thousands separators and every digit that it has."""
    whole, point, rest = str(text).partition(".")
    return f"{int(whole):,}{point}{rest}"


def equity_points(series: Mapping[str, Any]) -> list[list[float]]:
    """Return [seconds, equity, drawdown] for the chart."""
    if "times" not in series:
        return []
    equity = series["equity"]
    fall = 1 - equity / np.maximum.accumulate(equity)
    rows = zip((series["times"] // 1000).tolist(), equity.tolist(), fall.tolist(), strict=True)
    return [[time, round(value, 6), round(drawdown, 5)] for time, value, drawdown in rows]
