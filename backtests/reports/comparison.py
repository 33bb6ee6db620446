"""Two to six backtests side by side: their differences, the best of each metric, their equity on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backtests.engine.metrics import DEFINITIONS
from backtests.models import Backtest
from backtests.reports.backtest.assumptions import setting
from backtests.reports.formats import label, metric_text
from backtests.runs.history import history_of
from backtests.runs.series import chart_rows

MOST = 6
POINTS = 800
LETTERS = "ABCDEF"
HIGHER = frozenset({
    "final_equity", "total_return", "cagr", "sharpe", "sortino", "calmar", "profit_factor", "win_rate", "expectancy",
    "sqn",
})  # fmt: skip
LOWER = frozenset({"max_drawdown", "fees_paid"})


def comparison(runs: Sequence[Backtest]) -> dict[str, Any]:
    """Return the rows of the tables and the lines of the chart."""
    rows = [*_data_rows(runs), *_settings(runs)]
    return {
        "runs": [{"run": run, "letter": letter} for run, letter in zip(runs, LETTERS, strict=False)],
        "figures": _metric_values(runs),
        "different": [row for row in rows if row["differs"]],
        "same": [row for row in rows if not row["differs"]],
        "charts": {"lines": [_line(run, letter) for run, letter in zip(runs, LETTERS, strict=False)]},
    }


def _data_rows(runs: Sequence[Backtest]) -> list[dict[str, Any]]:
    """Compare data and code of the runs."""
    columns = [
        ("Symbol", [run.symbol for run in runs]),
        ("Interval", [run.interval for run in runs]),
        ("From", [f"{run.start_at:%Y-%m-%d %H:%M}" for run in runs]),
        ("To", [f"{run.end_at:%Y-%m-%d %H:%M}" for run in runs]),
        ("Strategy", [run.strategy for run in runs]),
        ("Data", [run.data_hash[:12] for run in runs]),
        ("Code", [run.code_version[:12] for run in runs]),
    ]
    return [{"label": name, "values": values, "differs": len(set(values)) > 1} for name, values in columns]


def _settings(runs: Sequence[Backtest]) -> list[dict[str, Any]]:
    names = list(dict.fromkeys(name for run in runs for name in run.settings if name != "strategy"))
    rows = []
    for name in names:
        values = [setting(name, run.settings.get(name))["value"] for run in runs]
        rows.append({"key": name, "label": label(name), "values": values, "differs": len(set(values)) > 1})
    return rows


def _metric_values(runs: Sequence[Backtest]) -> list[dict[str, Any]]:
    """Return each metric of each run, the best marked where one is better than another."""
    rows = []
    for name, meaning in DEFINITIONS.items():
        values = [(run.result or {})["metrics"].get(name) for run in runs]
        best = _best(name, values)
        cells = [{"text": metric_text(name, value), "is_best": place in best} for place, value in enumerate(values)]
        rows.append({"name": name, "label": label(name), "meaning": meaning, "cells": cells})
    return rows


def _best(name: str, values: Sequence[Any]) -> set[int]:
    """Return the indices of the best value; none if all are alike or neither direction is better."""
    numbers = [float(value) for value in values if value is not None]
    if len(numbers) < 2 or min(numbers) == max(numbers) or name not in HIGHER | LOWER:
        return set()
    target = max(numbers) if name in HIGHER else min(numbers)
    return {place for place, value in enumerate(values) if value is not None and float(value) == target}


def _line(run: Backtest, letter: str) -> dict[str, Any]:
    """Return equity as growth since the start, in percent, thinned: every peak survives."""
    history = history_of(run, run.result or {})
    rows = chart_rows(history.equity, POINTS)
    growth = (history.equity[rows] / history.capital - 1) * 100
    points = zip((history.times[rows] // 1000).tolist(), growth.round(4).tolist(), strict=True)
    return {"name": f"{letter} #{run.pk}", "points": [list(point) for point in points]}
