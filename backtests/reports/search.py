"""What a search's page shows: its best as a backtest, its luck, its trials."""

from __future__ import annotations

from typing import Any

import numpy as np

from backtests import searches
from backtests.models import Optimisation
from backtests.optimise import scores
from backtests.reports.backtest import backtest_report
from backtests.reports.figures import KEY_FIGURES, figure


def search_report(run: Optimisation, x: str = "", y: str = "") -> dict[str, Any]:
    """A search: its best as a backtest, its measures of luck, its trials, and the heat map of two parameters."""
    result = run.result or {}
    plan = searches.search_plan(run)
    names = plan.space.names
    x = x if x in names else names[0]
    y = y if y in names and y != x else next((name for name in names if name != x), x)
    objective = plan.objectives[0]
    report = backtest_report(run, result["run"])
    report["charts"]["heat"] = heat_map(run, x, y)
    top = [
        {"values": [trial["parameters"][name] for name in names],
         "figures": [figure(name, trial["figures"][name]) for name in KEY_FIGURES],
         "query": " ".join(f"{name}={_plain(trial['parameters'][name])}" for name in names)}
        for trial in result["top"]
    ]  # fmt: skip
    best = " ".join(f"{name}={_plain(value)}" for name, value in result["best"]["parameters"].items())
    return report | {
        "names": names, "x": x, "y": y, "objective": objective, "top": top, "best": best,
        "luck": result["overfitting"], "plateau": result["plateau"], "figure_names": KEY_FIGURES,
    }  # fmt: skip


def _plain(value: float | None) -> str:
    return "none" if value is None else f"{value:.12g}"


def heat_map(run: Optimisation, x: str, y: str) -> dict[str, Any]:
    """The best score over all other parameters for each pair of values of `x` and `y`."""
    trials, plan = searches.trials_of(run), searches.search_plan(run)
    found: dict[tuple[str, str], float] = {}
    values = scores(trials, plan)[:, 0]
    for row in np.flatnonzero(np.isfinite(values)):
        at = trials.at(int(row))
        cell = (_plain(at[x]), _plain(at[y]))
        found[cell] = max(found.get(cell, -np.inf), float(values[row]))
    lists = {d.name: [_plain(value) for value in d.values] for d in plan.space.dimensions}
    cells = [[lists[x].index(a), lists[y].index(b), round(value, 4)] for (a, b), value in found.items()]
    return {"x": x, "y": y, "xs": lists[x], "ys": lists[y], "cells": cells}
