"""The report of a Monte Carlo run: fan, outcome distribution, the real outcome, the cost stress test."""

from __future__ import annotations

from typing import Any

from backtests.models import MonteCarlo
from backtests.monte_carlo.simulation import ResamplingMethod
from backtests.reports.formats import metric_text
from backtests.runs import queue

PERCENTILES = ("5", "25", "50", "75", "95")  # named here because a JSON column does not keep the order of keys
OUTCOMES = (
    ("return", "Return", "a lower return"),
    ("drawdown", "Max. drawdown", "a larger drawdown"),
    ("underwater", "Longest time under water", "a longer time under water"),
)
METHODS = {
    ResamplingMethod.SHUFFLE: "the same trades in another order",
    ResamplingMethod.BOOTSTRAP: "trades drawn with replacement",
    ResamplingMethod.BLOCK: "blocks of days drawn with replacement",
    ResamplingMethod.SKIP: "the trades in order, some missed",
}
HEAT_STEPS = (0.02, 0.08, 0.2, 0.4, 0.8)  # return from which a cell is a shade darker


def monte_carlo_report(run: MonteCarlo) -> dict[str, Any]:
    result = run.result or {}
    series = queue.unpack(run.series)
    steps = "days" if run.plan["method"] == ResamplingMethod.BLOCK else "trades"
    actual, worse = result.get("actual") or {}, result.get("worse") or {}
    rows = [
        {
            "label": label,
            "values": [_text(name, result["percentiles"][name].get(p), steps) for p in PERCENTILES],
            "actual": _text(name, actual.get(name), steps),
            "worse": f"{worse[name]:.0%} of the paths had {words}" if name in worse else "",
        }
        for name, label, words in OUTCOMES
    ]
    lines = series["fan"]
    return {
        "rows": rows,
        "steps": steps,
        "method": METHODS[ResamplingMethod(run.plan["method"])],
        "loss": f"{result['loss_probability']:.1%}",
        "ruin": f"{result['ruin_probability']:.2%}",
        "ruin_level": f"{run.plan['ruin_level']:.0%}",
        "stress": stress_table(result["stress"]),
        "fan_rows": _fan_rows(series),
        "histogram_rows": [
            {"label": label, "bins": _bins(name, result["histograms"][name], steps)} for name, label, _ in OUTCOMES
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
                for name, label, _ in OUTCOMES
            ],
        },
    }


def _text(name: str, value: float | None, steps: str) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f} {steps}" if name == "underwater" else f"{value:.1%}"


def _fan_rows(series: dict[str, Any]) -> list[dict[str, Any]]:
    """Return about a dozen steps of the fan, as a table."""
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
    """Return the return under each pair of costs: a row per fee, a column per slippage."""
    fees = sorted({cell["fee_multiple"] for cell in cells})
    slippages = sorted({cell["slippage_bps"] for cell in cells})
    by_costs = {(cell["fee_multiple"], cell["slippage_bps"]): cell["figures"] for cell in cells}
    rows = [{"fee": f"{fee:g}", "cells": [_cell(by_costs.get((fee, bps))) for bps in slippages]} for fee in fees]
    return {"slippages": [f"{bps:g}" for bps in slippages], "rows": rows}


def _cell(metrics: dict[str, float | None] | None) -> dict[str, str]:
    if metrics is None:
        return {"text": "", "sharpe": "", "drawdown": "", "shade": ""}
    value = metrics["total_return"] or 0.0
    shade = sum(abs(value) >= step for step in HEAT_STEPS)
    return {
        "text": metric_text("total_return", value),
        "sharpe": metric_text("sharpe", metrics["sharpe"]),
        "drawdown": metric_text("max_drawdown", metrics["max_drawdown"]),
        "shade": f"{'up' if value > 0 else 'down'}-{shade}" if shade else "",
    }
