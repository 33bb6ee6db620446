"""What a Monte Carlo run's page shows: the fan, how outcomes spread, where the real one stands, dearer costs."""

from __future__ import annotations

from typing import Any

from backtests.models import MonteCarlo
from backtests.monte_carlo.simulation import Method
from backtests.reports.formats import figure
from backtests.runs import queue

PERCENTILES = ("5", "25", "50", "75", "95")  # named here because a JSON column does not keep the order of keys
MEASURES = (
    ("return", "Return", "a lower return"),
    ("drawdown", "Largest drawdown", "a deeper fall"),
    ("underwater", "Longest under water", "a longer wait"),
)
METHODS = {
    Method.SHUFFLE: "the same trades in another order",
    Method.BOOTSTRAP: "trades drawn with replacement",
    Method.BLOCK: "blocks of days drawn with replacement",
    Method.SKIP: "the trades in order, some missed",
}
HEAT_STEPS = (0.02, 0.08, 0.2, 0.4, 0.8)  # return from which a cell is a shade darker


def monte_carlo_report(run: MonteCarlo) -> dict[str, Any]:
    result = run.result or {}
    series = queue.unpack(run.series)
    steps = "days" if run.plan["method"] == Method.BLOCK else "trades"
    actual, worse = result.get("actual") or {}, result.get("worse") or {}
    rows = [
        {
            "label": label,
            "values": [_text(name, result["percentiles"][name].get(p), steps) for p in PERCENTILES],
            "actual": _text(name, actual.get(name), steps),
            "worse": f"{worse[name]:.0%} of the paths had {words}" if name in worse else "",
        }
        for name, label, words in MEASURES
    ]
    lines = series["fan"]
    return {
        "rows": rows,
        "steps": steps,
        "method": METHODS[Method(run.plan["method"])],
        "loss": f"{result['loss_probability']:.1%}",
        "ruin": f"{result['ruin_probability']:.2%}",
        "ruin_level": f"{run.plan['ruin_level']:.0%}",
        "stress": stress_table(result["stress"]),
        "fan_rows": _fan_rows(series),
        "histogram_rows": [
            {"label": label, "bins": _bins(name, result["histograms"][name], steps)} for name, label, _ in MEASURES
        ],
        "charts": {
            "fan": {
                "steps": series["fan_steps"].tolist(),
                "lines": [[round(value, 5) for value in line] for line in lines.tolist()],
                "course": series["course"].round(5).tolist() if "course" in series else [],
                "unit": steps,
                "ruin": 1 - run.plan["ruin_level"],
            },
            "histograms": [
                {"name": name, "label": label, "actual": actual.get(name), "unit": steps, **result["histograms"][name]}
                for name, label, _ in MEASURES
            ],
        },
    }


def _text(name: str, value: float | None, steps: str) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f} {steps}" if name == "underwater" else f"{value:.1%}"


def _fan_rows(series: dict[str, Any]) -> list[dict[str, Any]]:
    """About a dozen steps of the fan, as a table."""
    count = len(series["fan_steps"])
    shown = range(0, count, max(count // 12, 1))
    steps, lines = series["fan_steps"], series["fan"]
    return [{"step": int(steps[k]), "values": [f"{line[k] - 1:+.1%}" for line in lines]} for k in shown]


def _bins(name: str, histogram: dict[str, list[float]], steps: str) -> list[dict[str, Any]]:
    edges = histogram["edges"]
    return [
        {"low": _text(name, edges[k], steps), "high": _text(name, edges[k + 1], steps), "count": int(count)}
        for k, count in enumerate(histogram["counts"])
        if count
    ]


def stress_table(cells: list[dict[str, Any]]) -> dict[str, Any]:
    """Return under each pair of costs: a row for each fee, a column for each slippage."""
    fees = sorted({cell["fee_multiple"] for cell in cells})
    slippages = sorted({cell["slippage_bps"] for cell in cells})
    known = {(cell["fee_multiple"], cell["slippage_bps"]): cell["figures"] for cell in cells}
    rows = [{"fee": f"{fee:g}", "cells": [_cell(known.get((fee, bps))) for bps in slippages]} for fee in fees]
    return {"slippages": [f"{bps:g}" for bps in slippages], "rows": rows}


def _cell(figures: dict[str, float | None] | None) -> dict[str, str]:
    if figures is None:
        return {"text": "", "sharpe": "", "drawdown": "", "shade": ""}
    value = figures["total_return"] or 0.0
    shade = sum(abs(value) >= step for step in HEAT_STEPS)
    return {
        "text": figure("total_return", value),
        "sharpe": figure("sharpe", figures["sharpe"]),
        "drawdown": figure("max_drawdown", figures["max_drawdown"]),
        "shade": f"{'up' if value > 0 else 'down'}-{shade}" if shade else "",
    }
