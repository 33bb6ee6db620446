"""The trials of a search as its page shows them: table, heat map, lines across all parameters, front, plateau.

Read from what is kept of each trial; nothing is run anew.
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
from backtests.optimisation.rounds import search_plan, trial_table
from backtests.optimisation.samplers import FIGURES, OBJECTIVES, SearchPlan, Trials, pareto_front, scores
from backtests.reports.formats import PERCENT, figure
from bots.settings.strategies import labels

Floats = NDArray[np.float64]

SHOWN_FIGURES = ("total_return", "sharpe", "max_drawdown", "profit_factor", "win_rate", "closed_trades")
LABELS = {
    "total_return": "Return",
    "sharpe": "Sharpe",
    "max_drawdown": "Drawdown",
    "closed_trades": "Trades",
    "cagr": "Yearly return",
    "sqn": "SQN",
    "fees_paid": "Fees",
    "buy_and_hold_return": "Buy and hold",
}
A_PAGE = 50
MOST_LINES = 1500  # of parallel coordinates: more are one grey area and slow
MOST_DOTS = 3000
STATISTICS = {"best": "best", "median": "median", "worst": "worst"}


def label(name: str) -> str:
    """A measure's or parameter's short name for people."""
    return LABELS.get(name) or labels().get(name) or name.replace("_", " ").capitalize()


def value_text(value: float | None) -> str:
    return "off" if value is None or math.isnan(value) else f"{value:.12g}"


def plain(value: float | None) -> str:
    """As a form or the command line takes it."""
    return "none" if value is None or math.isnan(value) else f"{value:.12g}"


@dataclass(frozen=True)
class TrialSet:
    """All trials of a search with their scores, numbered from 1 in the order they were made."""

    plan: SearchPlan
    trials: Trials
    kept: Mapping[str, Any]  # of the result: plateau, where there is one

    @cached_property
    def scores(self) -> Floats:
        return scores(self.trials, self.plan) if len(self.trials) else np.empty((0, len(self.plan.objectives)))

    @cached_property
    def front(self) -> list[int]:
        """Rows that no trial beats in one objective without losing in the other."""
        return pareto_front(self.scores).tolist() if len(self.plan.objectives) > 1 else []

    @property
    def names(self) -> tuple[str, ...]:
        return self.plan.space.names

    @property
    def objective(self) -> str:
        return self.plan.objectives[0]

    @property
    def measures(self) -> tuple[str, ...]:
        """The figures shown, those searched for first."""
        wanted = [OBJECTIVES[name].figure for name in self.plan.objectives]
        return tuple(dict.fromkeys([*wanted, *SHOWN_FIGURES]))

    def marks(self, row: int) -> list[str]:
        plateau = self.kept.get("plateau") or {}
        found = ["best"] if plateau.get("best_around", [-1])[0] == row else []
        found += ["centre"] if plateau.get("centre_around", [-1])[0] == row else []
        return found + (["front"] if row in self.front else [])

    def row(self, row: int) -> dict[str, Any]:
        """One trial as a table shows it."""
        figures = self.trials.figures_at(row)
        values = self.trials.parameters[row]
        return {
            "number": row + 1,
            "values": [value_text(value) for value in values],
            "figures": [figure(name, figures[name]) for name in self.measures],
            "marks": self.marks(row),
            "is_eligible": bool(np.isfinite(self.scores[row, 0])),
            "parameters": " ".join(f"{n}={plain(v)}" for n, v in zip(self.names, values, strict=True)),
        }


def trial_set(run: Optimisation) -> TrialSet:
    return TrialSet(search_plan(run), trial_table(run), run.result or {})


def table(found: TrialSet, query: Mapping[str, str]) -> dict[str, Any]:
    """One page of all trials, by any column."""
    columns = [*found.names, *found.measures]
    sort = query.get("sort", "")
    name = sort.lstrip("-")
    if name not in columns:
        sort, name = "", ""
    order = _order(found, name, falling=sort.startswith("-"))
    pages = max(-(-len(order) // A_PAGE), 1)
    text = query.get("p", "")
    page = min(max(int(text), 1), pages) if text.isascii() and text.isdigit() and len(text) < 9 else 1
    rows = order[(page - 1) * A_PAGE : page * A_PAGE]
    heads = [{"name": n, "label": label(n), "sort": _next_sort(n, sort), "sorted": _sorted(n, sort)} for n in columns]
    return {
        "heads": heads,
        "rows": [found.row(int(row)) for row in rows],
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


def _order(found: TrialSet, name: str, *, falling: bool) -> NDArray[np.int64]:
    """Rows by a column, undefined ones last; without a column by the score, best first."""
    if name in found.names:
        values = found.trials.parameters[:, found.names.index(name)]
    elif name:
        values = found.trials.figure(name)
    else:
        values, falling = found.scores[:, 0], True
    keys = np.where(np.isnan(values), np.inf, -values if falling else values)
    return np.argsort(keys, kind="stable")


def heat_map(found: TrialSet, query: Mapping[str, str]) -> dict[str, Any]:
    """A measure by two parameters; where others vary too, their best, median or worst."""
    names = found.names
    x = query["x"] if query.get("x") in names else names[0]
    others = [name for name in names if name != x]
    y = query["y"] if query.get("y") in others else (others[0] if others else x)
    statistic = query["stat"] if query.get("stat") in STATISTICS else "best"
    objective = OBJECTIVES[found.objective]
    measure = query["of"] if query.get("of") in found.measures else objective.figure
    lower_is_better = measure in ("max_drawdown", "fees_paid", "exposure")
    cells: dict[tuple[int, int], list[float]] = {}
    values = np.where(np.isfinite(found.scores[:, 0]), found.trials.figure(measure), np.nan)
    lists = {d.name: [value_text(value) for value in d.values] for d in found.plan.space.dimensions}
    at = {name: {text: place for place, text in enumerate(lists[name])} for name in (x, y)}
    columns = {name: found.trials.parameters[:, names.index(name)] for name in (x, y)}
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
        "cells": [[i, j, round(pick(found), 5), len(found)] for (i, j), found in sorted(cells.items())],
    }


def _statistic(name: str, *, lower_is_better: bool) -> Any:
    if name == "median":
        return lambda values: float(np.median(values))
    return min if (name == "best") == lower_is_better else max


def heat_table(heat: Mapping[str, Any]) -> dict[str, Any]:
    """The heat map as a table: a row for each value of y."""
    known = {(i, j): value for i, j, value, _ in heat["cells"]}
    rows = [
        {"name": y, "values": [_text(heat["measure"], known.get((i, j))) for i in range(len(heat["xs"]))]}
        for j, y in enumerate(heat["ys"])
    ]
    return {"rows": rows[::-1]}


def _text(measure: str, value: float | None) -> str:
    return "" if value is None else figure(measure, value)


def parallel(found: TrialSet) -> dict[str, Any]:
    """Each trial as a line over all parameters and figures: the best ones, and of the rest a sample."""
    order = _order(found, "", falling=True)
    eligible = order[np.isfinite(found.scores[order, 0])]
    if len(eligible) > MOST_LINES:
        head = eligible[: MOST_LINES // 2]
        rest = eligible[MOST_LINES // 2 :]
        eligible = np.concatenate([head, rest[:: -(-len(rest) // (MOST_LINES // 2))]])
    axes = [{"name": d.name, "label": label(d.name)} for d in found.plan.space.dimensions]
    figures = [{"name": name, "label": label(name), "is_percent": name in PERCENT} for name in found.measures]
    lines = [
        [_number(v) for v in found.trials.parameters[row]]
        + [_number(found.trials.figure(name)[row]) for name in found.measures]
        for row in eligible
    ]
    return {
        "axes": axes + figures,
        "colour_by": len(axes),
        "lines": lines,
        "numbers": (eligible + 1).tolist(),
        "of": len(found.trials),
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(f"{value:.6g}")


def front(found: TrialSet) -> dict[str, Any] | None:
    """All trials by two objectives, and which of them no other beats; None for one objective."""
    if len(found.plan.objectives) < 2:
        return None
    names = [OBJECTIVES[name].figure for name in found.plan.objectives]
    rows = np.flatnonzero(np.isfinite(found.scores).all(axis=1))
    columns = [found.trials.figure(name) for name in names]

    def dots(chosen: Any) -> list[list[Any]]:
        return [[*(_number(column[row]) for column in columns), int(row) + 1] for row in chosen]

    return {
        "labels": [label(name) for name in names],
        "is_percent": [name in PERCENT for name in names],
        "points": dots(rows[:: max(-(-len(rows) // MOST_DOTS), 1)]),
        "front": dots(found.front),
        "rows": [found.row(row) for row in found.front],
    }


def plateau(found: TrialSet) -> dict[str, Any] | None:
    """The best trial and the robust centre, each with its neighbours; None where the search was too small."""
    kept = found.kept.get("plateau")
    if not kept or "best_around" not in kept:
        return None
    groups = [
        _ground("best", "The best", kept["best_around"], found),
        _ground("centre", "The robust centre", kept["centre_around"], found),
    ]
    return {
        "ratio": kept["ratio"],
        "groups": groups,
        "same": kept["best_around"][0] == kept["centre_around"][0],
        "slices": [_slice(found, name, kept) for name in found.names],
    }


def _ground(name: str, title: str, rows: Sequence[int], found: TrialSet) -> dict[str, Any]:
    own, *around = rows
    values = [float(found.scores[row, 0]) for row in around if np.isfinite(found.scores[row, 0])]
    good = [round(value, 5) for value in values]
    return {
        "name": name,
        "title": title,
        "trial": found.row(own),
        "score": round(float(found.scores[own, 0]), 5),
        "around": good,
        "count": len(around),
        "median": float(np.median(values)) if values else None,
        "worst": min(values) if values else None,
    }


def _slice(found: TrialSet, name: str, kept: Mapping[str, Any]) -> dict[str, Any]:
    """The score along one parameter, the others as the best, and as the centre, have them."""
    column = found.names.index(name)
    others = [k for k in range(len(found.names)) if k != column]
    texts = [value_text(value) for value in found.plan.space.dimensions[column].values]
    lines = {}
    for which in ("best_around", "centre_around"):
        own = found.trials.parameters[kept[which][0]]
        alike = found.trials.parameters[:, others]
        same = np.flatnonzero(((alike == own[others]) | (np.isnan(alike) & np.isnan(own[others]))).all(axis=1))
        known = {value_text(found.trials.parameters[row, column]): found.scores[row, 0] for row in same}
        lines[which.removesuffix("_around")] = [_number(known.get(text, math.nan)) for text in texts]
    return {
        "name": name,
        "label": label(name),
        "values": texts,
        **lines,
        "best_at": value_text(found.trials.parameters[kept["best_around"][0], column]),
        "centre_at": value_text(found.trials.parameters[kept["centre_around"][0], column]),
    }


def csv_rows(found: TrialSet) -> list[list[Any]]:
    """Every trial with all its figures, exact, a head row first."""
    rows: list[list[Any]] = [["trial", *found.names, *FIGURES]]
    for row in range(len(found.trials)):
        numbers = [*found.trials.parameters[row].tolist(), *found.trials.figures[row].tolist()]
        rows.append([row + 1, *("" if math.isnan(number) else repr(number) for number in numbers)])
    return rows
