"""Walk-forward: choose parameters on one stretch of data, trade them on the next, roll on (R. Pardo 1992, 2008).

Pure: how a stretch is searched and traded comes in as two callables, so that the engine, or a test's toy, can stand
behind them. What a search is, is in samplers.py; what it means in words is in verdict.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DAYS_A_YEAR = 365
UNIFORM_SPREAD = 1 / math.sqrt(12)  # standard deviation of a choice that is uniform over its range of length 1


@dataclass(frozen=True, slots=True)
class Window:
    """Rows of one step: search in `[train_start, train_stop)`, trade in `[train_stop, test_stop)`."""

    number: int
    train_start: int
    train_stop: int
    test_stop: int

    @property
    def train(self) -> range:
        return range(self.train_start, self.train_stop)

    @property
    def test(self) -> range:
        return range(self.train_stop, self.test_stop)


def windows(
    count: int, train: int, test: int, *, anchored: bool = False, keep_short_last: bool = True
) -> tuple[Window, ...]:
    """Windows over `count` rows: `train` of them to search (anchored: all rows so far), the next `test` to trade.

    The tested stretches follow one another without a hole or an overlap. A last one that is too short is kept unless
    told otherwise. Raise `ValueError` where not even one window fits.
    """
    if train < 1 or test < 1:
        raise ValueError("A walk-forward window has at least one bar to search in and one to trade on.")
    least = train + (1 if keep_short_last else test)
    if count < least:
        raise ValueError(
            f"{count} bars are too few for a window of {train} bars to search in and {test} to trade on: "
            "choose shorter windows or more data."
        )
    found = []
    for number, train_stop in enumerate(range(train, count, test)):
        test_stop = min(train_stop + test, count)
        if test_stop - train_stop < test and not keep_short_last:
            break
        found.append(Window(number, 0 if anchored else train_stop - train, train_stop, test_stop))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Segment:
    """What became of one stretch: equity at each bar's close over the equity it began with, and its closed trades."""

    equity: Floats
    days: float
    closed_trades: int = 0
    figures: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def growth(self) -> float:
        """End over start; 1 for an empty stretch."""
        return float(self.equity[-1]) if len(self.equity) else 1.0


class Search(Protocol):
    def __call__(self, first: int, stop: int, /) -> Choice | None:
        """The parameters to trade after rows `[first, stop)`, or None when no trial was good enough to be chosen."""


class Trade(Protocol):
    def __call__(self, parameters: Mapping[str, float | None], first: int, stop: int, /) -> Segment:
        """What `parameters` make of rows `[first, stop)`; rows before them may serve as warm-up."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What an in-sample search chose, and how well it did there."""

    parameters: Mapping[str, float | None]
    score: float
    stretch: Segment
    trials: int


@dataclass(frozen=True, slots=True)
class Step:
    """One window: what was chosen in it and what came of that. No choice trades nothing."""

    window: Window
    choice: Choice | None
    traded: Segment


@dataclass(frozen=True, slots=True)
class Stability:
    """How one parameter moved from window to window.

    `stability` is 1 where every window chose alike and 0 where the choices scatter like chance over the range searched.
    """

    values: tuple[float, ...]
    mean: float
    deviation: float
    stability: float | None


@dataclass(frozen=True, slots=True)
class WalkForwardResult:
    """All steps, and the stitched out-of-sample equity (over the capital at the start, one value per traded bar)."""

    steps: tuple[Step, ...]
    equity: Floats
    efficiency: float | None
    out_of_sample_return: float
    profitable_windows: float | None
    stability: Mapping[str, Stability]
    trials: int


def walk_forward(
    plan: Sequence[Window],
    search: Search,
    trade: Trade,
    ranges: Mapping[str, tuple[float, float]],
    on_step: Callable[[Step], None] | None = None,
) -> WalkForwardResult:
    """Go through the windows in order. `ranges` are the bounds that each parameter was searched in."""
    steps = []
    for window in plan:
        steps.append(take_step(window, search, trade))
        if on_step:
            on_step(steps[-1])
    return summarise(steps, ranges)


def take_step(window: Window, search: Search, trade: Trade) -> Step:
    """Search one window's first part and trade what was chosen on its second."""
    choice = search(window.train_start, window.train_stop)
    if choice is None:
        return Step(window, None, Segment(np.ones(len(window.test)), 0.0))
    return Step(window, choice, trade(choice.parameters, window.train_stop, window.test_stop))


def summarise(steps: Sequence[Step], ranges: Mapping[str, tuple[float, float]]) -> WalkForwardResult:
    """Stitch the traded stretches together and measure them."""
    equity = stitch([step.traded for step in steps])
    traded = [step for step in steps if step.choice is not None]
    return WalkForwardResult(
        steps=tuple(steps),
        equity=equity,
        efficiency=efficiency(steps),
        out_of_sample_return=float(equity[-1]) - 1.0 if len(equity) else 0.0,
        profitable_windows=sum(step.traded.growth > 1 for step in traded) / len(traded) if traded else None,
        stability={name: stability(_chosen(steps, name), low, high) for name, (low, high) in ranges.items()},
        trials=sum(step.choice.trials for step in steps if step.choice),
    )


def stitch(stretches: Sequence[Segment]) -> Floats:
    """One equity line: each stretch begins with what the one before ended with."""
    parts, carried = [], 1.0
    for stretch in stretches:
        parts.append(stretch.equity * carried)
        carried *= stretch.growth
    return np.concatenate(parts) if parts else np.empty(0)


def annual(growth: float, days: float) -> float | None:
    """Growth over `days` as a yearly return; None where no time passed or it is over range."""
    if days <= 0 or growth < 0:
        return None
    try:
        return math.pow(growth, DAYS_A_YEAR / days) - 1.0
    except OverflowError:
        return None


def efficiency(steps: Sequence[Step]) -> float | None:
    """Yearly return of the traded stretches over that of the searched ones (Pardo's walk-forward efficiency).

    Both sides are growth compounded over their windows' days, windows with a choice alone. None where the searched
    stretches gained nothing: there is nothing that could have been kept.
    """
    chosen = [(step.choice.stretch, step.traded) for step in steps if step.choice is not None]
    inside = _joint_annual([before for before, _ in chosen])
    outside = _joint_annual([after for _, after in chosen])
    if inside is None or outside is None or inside <= 0:
        return None
    return outside / inside


def _joint_annual(stretches: Sequence[Segment]) -> float | None:
    growth = math.prod(max(stretch.growth, 0.0) for stretch in stretches)
    return annual(growth, sum(stretch.days for stretch in stretches))


def _chosen(steps: Sequence[Step], name: str) -> tuple[float, ...]:
    chosen = (step.choice.parameters[name] for step in steps if step.choice is not None)
    return tuple(float(value) for value in chosen if value is not None)


def stability(values: Sequence[float], low: float, high: float) -> Stability:
    """How steady the choices of one parameter, searched between `low` and `high`, are."""
    if not values:
        return Stability((), math.nan, math.nan, None)
    deviation = float(np.std(values))
    steady: float | None = None
    if len(values) > 1 and high > low:
        steady = max(0.0, 1.0 - deviation / (high - low) / UNIFORM_SPREAD)
    return Stability(tuple(values), float(np.mean(values)), deviation, steady)
