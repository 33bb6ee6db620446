"""What reports of every kind share: figures as people read them, moments, the equity line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from backtests.metrics import DEFINITIONS

KEY_FIGURES = ("total_return", "cagr", "sharpe", "max_drawdown", "calmar", "profit_factor", "win_rate", "closed_trades")
PERCENT = frozenset({"total_return", "cagr", "max_drawdown", "win_rate", "exposure", "buy_and_hold_return"})


def figure(name: str, value: Any) -> str:
    """A measure as people read it."""
    if value is None:
        return "–"
    number = float(value)
    if name in PERCENT:
        return f"{number:.2%}"
    return f"{number:,.0f}" if name == "closed_trades" else f"{number:,.2f}"


def figures(metrics: Mapping[str, Any], names: Sequence[str] = KEY_FIGURES) -> list[dict[str, str]]:
    return [
        {"name": name, "label": name.replace("_", " ").capitalize(), "value": figure(name, metrics.get(name)),
         "meaning": DEFINITIONS.get(name, "")}
        for name in names
    ]  # fmt: skip


def moment(time_ms: int | None) -> str:
    return "" if time_ms is None else datetime.fromtimestamp(time_ms / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M")


def equity_points(series: Mapping[str, Any]) -> list[list[float]]:
    """[seconds, equity, drawdown] for the chart."""
    if "times" not in series:
        return []
    equity = series["equity"]
    fall = 1 - equity / np.maximum.accumulate(equity)
    rows = zip((series["times"] // 1000).tolist(), equity.tolist(), fall.tolist(), strict=True)
    return [[time, round(value, 6), round(drawdown, 5)] for time, value, drawdown in rows]
