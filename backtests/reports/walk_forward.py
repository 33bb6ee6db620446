"""The report of a walk-forward: windows on a timeline, the stitched equity, parameter stability."""

from __future__ import annotations

import math
from typing import Any

from backtests.models import WalkForward
from backtests.optimisation.rounds import stored_plan
from backtests.optimisation.samplers import OBJECTIVES
from backtests.reports.formats import equity_points, metric_text, moment
from backtests.reports.trials import label, value_text
from backtests.runs import queue
from exchange.api.types import INTERVAL_MS

CHARTED = ("number", "train_from", "test_from", "test_to", "gain", "growth", "chosen")


def walk_forward_report(run: WalkForward) -> dict[str, Any]:
    result, plan = run.result or {}, stored_plan(run)
    names = plan.space.names
    length = INTERVAL_MS[run.interval]
    windows = [_window(window, names, length) for window in result["windows"]]
    return {
        "windows": windows,
        "names": [label(name) for name in names],
        "objective": OBJECTIVES[plan.objectives[0]].label,
        "summary": _summary(result),
        "parameters": [_parameter(name, result) for name in names],
        "charts": {
            "equity": [[*point, None] for point in equity_points(queue.unpack(run.series))],
            "windows": [{key: window[key] for key in CHARTED} for window in windows],
            "parameters": [_line(run, name) for name in names],
        },
    }


def _window(window: dict[str, Any], names: tuple[str, ...], length_ms: int) -> dict[str, Any]:
    chosen = window["parameters"]
    values = [value_text(chosen[name]) if chosen else "–" for name in names]
    words = ", ".join(f"{label(name)} {value}" for name, value in zip(names, values, strict=True))
    in_sample = window["inside"]
    return {
        "number": window["window"]["number"] + 1,
        "train_from": window["train_from"],
        "test_from": window["test_from"],
        "test_to": window["test_to"] + length_ms,
        "searched_from": moment(window["train_from"])[:10],
        "traded_from": moment(window["test_from"])[:10],
        "traded_to": moment(window["test_to"] + length_ms)[:10],
        "values": values,
        "chosen": words if chosen else "",
        "score": "–" if window["score"] is None else f"{window['score']:.2f}",
        "outside_score": metric_text("sharpe", window["outside"]["figures"].get("sharpe")),
        "inside_gain": f"{in_sample['growth'] - 1:+.1%}" if in_sample else "–",
        "gain": f"{window['growth'] - 1:+.1%}",
        "growth": window["growth"],
        "tone": "gain" if window["growth"] > 1 else "loss" if window["growth"] < 1 else "",
        "drawdown": metric_text("max_drawdown", window["outside"]["figures"].get("max_drawdown")),
        "trades": window["outside"]["trades"],
        "trials": window["trials"],
    }


def _summary(result: dict[str, Any]) -> list[dict[str, str]]:
    def row(name: str, value: float | None, form: str, meaning: str) -> dict[str, str]:
        return {"label": name, "value": "–" if value is None else format(value, form), "meaning": meaning}

    windows = result["windows"]
    return [
        row("Out-of-sample return", result["out_of_sample_return"], ".2%", "Of all traded stretches in turn."),
        row("Walk-forward efficiency", result["efficiency"], ".0%", "Yearly return out of sample over that in sample."),
        row("Profitable windows", result["profitable_windows"], ".0%", f"Of {len(windows)} windows."),
        row("Trials", result["trials"], ",", "Made over all windows."),
    ]


def _parameter(name: str, result: dict[str, Any]) -> dict[str, Any]:
    stored = result["stability"].get(name) or {}
    stability = stored.get("stability")
    mean, deviation = stored.get("mean"), stored.get("deviation")
    return {
        "label": label(name),
        "stability": "–" if stability is None else f"{stability:.2f}",
        "words": _stability_text(stability),
        "mean": "–" if mean is None or math.isnan(mean) else f"{mean:.4g}",
        "deviation": "–" if deviation is None or math.isnan(deviation) else f"{deviation:.3g}",
    }


def _stability_text(steady: float | None) -> str:
    if steady is None:
        return "not measured"
    return "steady" if steady >= 0.5 else "wanders" if steady >= 0.1 else "like chance"


def _line(run: WalkForward, name: str) -> dict[str, Any]:
    """Return one parameter's choice in each window; null if nothing was chosen, or off."""
    dimension = next(d for d in stored_plan(run).space.dimensions if d.name == name)
    low, high = dimension.bounds
    choices = [(step["parameters"] or {}).get(name) for step in (run.result or {})["windows"]]
    return {"label": label(name), "low": low, "high": high, "values": choices}
