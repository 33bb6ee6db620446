"""The trials of an optimisation: table, heat map, parallel coordinates, Pareto front, parameter stability.

All is read from what is stored of each trial; nothing is run again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtests.models import Optimisation
from backtests.optimisation.rounds import stored_plan, trial_table
from backtests.optimisation.samplers import METRIC_NAMES, OBJECTIVES, OptimisationPlan, Trials, pareto_front, scores
from backtests.reports.formats import PERCENT, metric_text
from bots.settings.strategies import labels

Floats = NDArray[np.float64]

SHOWN_METRICS = ("total_return", "sharpe", "max_drawdown", "profit_factor", "win_rate", "closed_trades")
LABELS = {
    "total_return": "Return",
    "sharpe": "Sharpe",
    "max_drawdown": "Max. drawdown",
    "closed_trades": "Trades",
    "cagr": "CAGR",
    "sqn": "SQN",
    "fees_paid": "Fees",
    "buy_and_hold_return": "Buy and hold",
}
PAGE_SIZE = 50
MAX_LINES = 1500  # of parallel coordinates: more are one grey area and slow
MAX_DOTS = 3000
STATISTICS = {"best": "best", "median": "median", "worst": "worst"}


def label(name: str) -> str:
    """Return the short label of a metric or parameter."""
    return LABELS.get(name) or labels().get(name) or name.replace("_", " ").capitalize()


def value_text(value: float | None) -> str:
    return "off" if value is None or math.isnan(value) else f"{value:.12g}"


def plain(value: float | None) -> str:
    """Return a value as forms and the command line take it."""
    return "none" if value is None or math.isnan(value) else f"{value:.12g}"


@dataclass(frozen=True)
class TrialSet:
    """All trials of an optimisation with their scores, numbered from 1 in the order they were evaluated."""

    plan: OptimisationPlan
    trials: Trials
    stored: Mapping[str, Any]  # of the result: plateau, where there is one

    @cached_property
    def scores(self) -> Floats:
        return scores(self.trials, self.plan) if len(self.trials) else np.empty((0, len(self.plan.objectives)))

    @cached_property
    def front(self) -> list[int]:
        """Return the rows that no trial beats in one objective without losing in the other."""
        return pareto_front(self.scores).tolist() if len(self.plan.objectives) > 1 else []

    @property
    def names(self) -> tuple[str, ...]:
        return self.plan.space.names

    @property
    def objective(self) -> str:
        return self.plan.objectives[0]

    @property
    def metrics(self) -> tuple[str, ...]:
        """Return the metrics to show, the objectives first."""
        objectives = [OBJECTIVES[name].metric for name in self.plan.objectives]
        return tuple(dict.fromkeys([*objectives, *SHOWN_METRICS]))

    def marks(self, row: int) -> list[str]:
        stored = self.stored.get("plateau") or {}
        marks = ["best"] if stored.get("best_around", [-1])[0] == row else []
        marks += ["centre"] if stored.get("centre_around", [-1])[0] == row else []
        return marks + (["front"] if row in self.front else [])

    def row(self, row: int) -> dict[str, Any]:
        """Return one trial as a table shows it."""
        metrics = self.trials.metrics_at(row)
        values = self.trials.parameters[row]
        return {
            "number": row + 1,
            "values": [value_text(value) for value in values],
            "figures": [metric_text(name, metrics[name]) for name in self.metrics],
            "marks": self.marks(row),
            "is_eligible": bool(np.isfinite(self.scores[row, 0])),
            "parameters": " ".join(f"{n}={plain(v)}" for n, v in zip(self.names, values, strict=True)),
        }


def trial_set(run: Optimisation) -> TrialSet:
    return TrialSet(stored_plan(run), trial_table(run), run.result or {})


def table(trial_set: TrialSet, query: Mapping[str, str]) -> dict[str, Any]:
    """Return one page of all trials, sorted by any column."""
    columns = [*trial_set.names, *trial_set.metrics]
    sort = query.get("sort", "")
    name = sort.lstrip("-")
    if name not in columns:
        sort, name = "", ""
    order = _order(trial_set, name, falling=sort.startswith("-"))
    pages = max(-(-len(order) // PAGE_SIZE), 1)
    text = query.get("p", "")
    page = min(max(int(text), 1), pages) if text.isascii() and text.isdigit() and len(text) < 9 else 1
    rows = order[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    heads = [{"name": n, "label": label(n), "sort": _next_sort(n, sort), "sorted": _sorted(n, sort)} for n in columns]
    return {
        "heads": heads,
        "rows": [trial_set.row(int(row)) for row in rows],
        "count": len(order),
        "page": page,
        "before": page - 1,
        "after": page + 1,
        "pages": pages,
        "sort": sort,
    }


def _next_sort(name: str, sort: str) -> str:
    return name if sort == f"-{name}" else f"-{name}"


def _sorted(name: str, sort: str) -> str:
    return {name: "ascending", f"-{name}": "descending"}.get(sort, "")


def _order(trial_set: TrialSet, name: str, *, falling: bool) -> NDArray[np.int64]:
    """Return rows sorted by a column, undefined ones last; without a column by score, best first."""
    if name in trial_set.names:
        values = trial_set.trials.parameters[:, trial_set.names.index(name)]
    elif name:
        values = trial_set.trials.metric(name)
    else:
        values, falling = trial_set.scores[:, 0], True
    keys = np.where(np.isnan(values), np.inf, -values if falling else values)
    return np.argsort(keys, kind="stable")


def heat_map(trial_set: TrialSet, query: Mapping[str, str]) -> dict[str, Any]:
    """Return a metric by two parameters; where others vary too, their best, median or worst."""
    names = trial_set.names
    x = query["x"] if query.get("x") in names else names[0]
    others = [name for name in names if name != x]
    y = query["y"] if query.get("y") in others else (others[0] if others else x)
    statistic = query["stat"] if query.get("stat") in STATISTICS else "best"
    objective = OBJECTIVES[trial_set.objective]
    measure = query["of"] if query.get("of") in trial_set.metrics else objective.metric
    lower_is_better = measure in ("max_drawdown", "fees_paid", "exposure")
    cells: dict[tuple[int, int], list[float]] = {}
    values = np.where(np.isfinite(trial_set.scores[:, 0]), trial_set.trials.metric(measure), np.nan)
    lists = {d.name: [value_text(value) for value in d.values] for d in trial_set.plan.space.dimensions}
    at = {name: {text: place for place, text in enumerate(lists[name])} for name in (x, y)}
    columns = {name: trial_set.trials.parameters[:, names.index(name)] for name in (x, y)}
    for row in np.flatnonzero(np.isfinite(values)):
        place = at[x][value_text(columns[x][row])], at[y][value_text(columns[y][row])]
        cells.setdefault(place, []).append(float(values[row]))
    pick = _statistic(statistic, lower_is_better=lower_is_better)
    return {
        "x": x,
        "y": y,
        "x_label": label(x),
        "y_label": label(y),
        "xs": lists[x],
        "ys": lists[y],
        "measure": measure,
        "measure_label": label(measure),
        "is_percent": measure in PERCENT,
        "statistic": statistic,
        "low_is_good": lower_is_better,
        "cells": [[i, j, round(pick(group), 5), len(group)] for (i, j), group in sorted(cells.items())],
    }


def _statistic(name: str, *, lower_is_better: bool) -> Any:
    if name == "median":
        return lambda values: float(np.median(values))
    return min if (name == "best") == lower_is_better else max


def heat_table(heat: Mapping[str, Any]) -> dict[str, Any]:
    """Return the heat map as a table: a row for each value of y."""
    values_by_cell = {(i, j): value for i, j, value, _ in heat["cells"]}
    rows = [
        {"name": y, "values": [_text(heat["measure"], values_by_cell.get((i, j))) for i in range(len(heat["xs"]))]}
        for j, y in enumerate(heat["ys"])
    ]
    return {"rows": rows[::-1]}


def _text(measure: str, value: float | None) -> str:
    return "" if value is None else metric_text(measure, value)


def parallel(trial_set: TrialSet) -> dict[str, Any]:
    """Return trials as lines over all parameters and metrics: the best ones, and a sample of the rest."""
    order = _order(trial_set, "", falling=True)
    eligible = order[np.isfinite(trial_set.scores[order, 0])]
    if len(eligible) > MAX_LINES:
        head = eligible[: MAX_LINES // 2]
        rest = eligible[MAX_LINES // 2 :]
        eligible = np.concatenate([head, rest[:: -(-len(rest) // (MAX_LINES // 2))]])
    axes = [{"name": d.name, "label": label(d.name)} for d in trial_set.plan.space.dimensions]
    metrics = [{"name": name, "label": label(name), "is_percent": name in PERCENT} for name in trial_set.metrics]
    lines = [
        [_number(v) for v in trial_set.trials.parameters[row]]
        + [_number(trial_set.trials.metric(name)[row]) for name in trial_set.metrics]
        for row in eligible
    ]
    return {
        "axes": axes + metrics,
        "colour_by": len(axes),
        "lines": lines,
        "numbers": (eligible + 1).tolist(),
        "of": len(trial_set.trials),
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(f"{value:.6g}")


def front(trial_set: TrialSet) -> dict[str, Any] | None:
    """Return all trials by two objectives, and the Pareto front; None for one objective."""
    if len(trial_set.plan.objectives) < 2:
        return None
    names = [OBJECTIVES[name].metric for name in trial_set.plan.objectives]
    rows = np.flatnonzero(np.isfinite(trial_set.scores).all(axis=1))
    columns = [trial_set.trials.metric(name) for name in names]

    def dots(chosen: Any) -> list[list[Any]]:
        return [[*(_number(column[row]) for column in columns), int(row) + 1] for row in chosen]

    return {
        "labels": [label(name) for name in names],
        "is_percent": [name in PERCENT for name in names],
        "points": dots(rows[:: max(-(-len(rows) // MAX_DOTS), 1)]),
        "front": dots(trial_set.front),
        "rows": [trial_set.row(row) for row in trial_set.front],
    }


def stability(trial_set: TrialSet) -> dict[str, Any] | None:
    """Return the best trial and the robust centre with their neighbours; None for too few trials."""
    stored = trial_set.stored.get("plateau")
    if not stored or "best_around" not in stored:
        return None
    groups = [
        _neighbourhood("best", "The best", stored["best_around"], trial_set),
        _neighbourhood("centre", "The robust centre", stored["centre_around"], trial_set),
    ]
    return {
        "ratio": stored["ratio"],
        "groups": groups,
        "same": stored["best_around"][0] == stored["centre_around"][0],
        "slices": [_slice(trial_set, name, stored) for name in trial_set.names],
    }


def _neighbourhood(name: str, title: str, rows: Sequence[int], trial_set: TrialSet) -> dict[str, Any]:
    row, *around = rows
    values = [float(trial_set.scores[row, 0]) for row in around if np.isfinite(trial_set.scores[row, 0])]
    good = [round(value, 5) for value in values]
    return {
        "name": name,
        "title": title,
        "trial": trial_set.row(row),
        "score": round(float(trial_set.scores[row, 0]), 5),
        "around": good,
        "count": len(around),
        "median": float(np.median(values)) if values else None,
        "worst": min(values) if values else None,
    }


def _slice(trial_set: TrialSet, name: str, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the score along one parameter, the others as in the best trial and as in the centre."""
    column = trial_set.names.index(name)
    others = [k for k in range(len(trial_set.names)) if k != column]
    texts = [value_text(value) for value in trial_set.plan.space.dimensions[column].values]
    lines = {}
    for which in ("best_around", "centre_around"):
        centre_values = trial_set.trials.parameters[stored[which][0]]
        alike = trial_set.trials.parameters[:, others]
        same = np.flatnonzero(
            ((alike == centre_values[others]) | (np.isnan(alike) & np.isnan(centre_values[others]))).all(axis=1)
        )
        score_by_value = {
            value_text(trial_set.trials.parameters[row, column]): trial_set.scores[row, 0] for row in same
        }
        lines[which.removesuffix("_around")] = [_number(score_by_value.get(text, math.nan)) for text in texts]
    return {
        "name": name,
        "label": label(name),
        "values": texts,
        **lines,
        "best_at": value_text(trial_set.trials.parameters[stored["best_around"][0], column]),
        "centre_at": value_text(trial_set.trials.parameters[stored["centre_around"][0], column]),
    }


def csv_rows(trial_set: TrialSet) -> list[list[Any]]:
    """Return every trial with all its metrics, exact, a heading first."""
    rows: list[list[Any]] = [["trial", *trial_set.names, *METRIC_NAMES]]
    for row in range(len(trial_set.trials)):
        numbers = [*trial_set.trials.parameters[row].tolist(), *trial_set.trials.metrics[row].tolist()]
        rows.append([row + 1, *("" if math.isnan(number) else repr(number) for number in numbers)])
    return rows
