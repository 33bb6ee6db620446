"""Walk-forward analysis: choose parameters in-sample, trade them out of sample, roll on (R. Pardo 1992, 2008).

Pure: how a window is searched and traded comes in as two callables, so that the engine, or a test's toy, can stand
behind them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from backtests.engine.metrics import DAYS_A_YEAR
from backtests.engine.result import Segment
from core.errors import UserError

Floats = NDArray[np.float64]

UNIFORM_SPREAD = 1 / math.sqrt(12)  # standard deviation of a choice that is uniform over its range of length 1


@dataclass(frozen=True, slots=True)
class TrainTestWindow:
    """Rows of one window: search in `[train_start, train_stop)`, trade in `[train_stop, test_stop)`."""

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
) -> tuple[TrainTestWindow, ...]:
    """Return windows over `count` rows: `train` rows to search (anchored: all so far), `test` rows to trade.

    The out-of-sample rows follow one another without a hole or an overlap. A last window that is too short is kept
    unless told otherwise. Raise `UserError` if not even one window fits.
    """
    if train < 1 or test < 1:
        raise UserError("A walk-forward window has at least one in-sample and one out-of-sample bar.")
    least = train + (1 if keep_short_last else test)
    if count < least:
        raise UserError(
            f"{count} bars are too few for a window of {train} in-sample and {test} out-of-sample bars: "
            "choose shorter windows or more data."
        )
    result = []
    for number, train_stop in enumerate(range(train, count, test)):
        test_stop = min(train_stop + test, count)
        if test_stop - train_stop < test and not keep_short_last:
            break
        result.append(TrainTestWindow(number, 0 if anchored else train_stop - train, train_stop, test_stop))
    return tuple(result)


class SearchSegment(Protocol):
    def __call__(self, first: int, stop: int, /) -> WindowChoice | None:
        """Return the parameters to trade after rows `[first, stop)`, or None if no trial was good enough."""


class TradeSegment(Protocol):
    def __call__(self, parameters: Mapping[str, float | None], first: int, stop: int, /) -> Segment:
        """Trade `parameters` over rows `[first, stop)`; rows before them may serve as warm-up."""


@dataclass(frozen=True, slots=True)
class WindowChoice:
    """The choice of an in-sample search, and its result there."""

    parameters: Mapping[str, float | None]
    score: float
    segment: Segment
    trials: int


@dataclass(frozen=True, slots=True)
class WindowResult:
    """One window: what was chosen in it and how that traded. No choice trades nothing."""

    window: TrainTestWindow
    choice: WindowChoice | None
    traded: Segment


@dataclass(frozen=True, slots=True)
class ParameterStability:
    """How one parameter's choice changed from window to window.

    `stability` is 1 if every window chose alike and 0 if the choices scatter like chance over the range searched.
    """

    values: tuple[float, ...]
    mean: float
    deviation: float
    stability: float | None


@dataclass(frozen=True, slots=True)
class WalkForwardResult:
    """All windows, and the stitched out-of-sample equity over the starting capital, one value per traded bar."""

    steps: tuple[WindowResult, ...]
    equity: Floats
    efficiency: float | None
    out_of_sample_return: float
    profitable_windows: float | None
    stability: Mapping[str, ParameterStability]
    trials: int


def run_window(window: TrainTestWindow, search: SearchSegment, trade: TradeSegment) -> WindowResult:
    """Search one window's in-sample rows and trade the choice on its out-of-sample rows."""
    choice = search(window.train_start, window.train_stop)
    if choice is None:
        return WindowResult(window, None, Segment(np.ones(len(window.test)), 0.0))
    return WindowResult(window, choice, trade(choice.parameters, window.train_stop, window.test_stop))


def summarise(steps: Sequence[WindowResult], ranges: Mapping[str, tuple[float, float]]) -> WalkForwardResult:
    """Stitch the traded segments together and measure them."""
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


def stitch(segments: Sequence[Segment]) -> Floats:
    """Return one equity line: each segment begins with what the one before ended with."""
    parts, carried = [], 1.0
    for segment in segments:
        parts.append(segment.equity * carried)
        carried *= segment.growth
    return np.concatenate(parts) if parts else np.empty(0)


def annual(growth: float, days: float) -> float | None:
    """Return growth over `days` as an annual return; None if no time passed or it overflows."""
    if days <= 0 or growth < 0:
        return None
    try:
        return math.pow(growth, DAYS_A_YEAR / days) - 1.0
    except OverflowError:
        return None


def efficiency(steps: Sequence[WindowResult]) -> float | None:
    """Return the annual return out of sample over that in sample (Pardo's walk-forward efficiency).

    Both sides are growth compounded over their windows' days, of windows with a choice. None if the in-sample segments
    gained nothing: there is nothing that could have been kept.
    """
    chosen = [(step.choice.segment, step.traded) for step in steps if step.choice is not None]
    in_sample = _joint_annual([before for before, _ in chosen])
    out_of_sample = _joint_annual([after for _, after in chosen])
    if in_sample is None or out_of_sample is None or in_sample <= 0:
        return None
    return out_of_sample / in_sample


def _joint_annual(segments: Sequence[Segment]) -> float | None:
    growth = math.prod(max(segment.growth, 0.0) for segment in segments)
    return annual(growth, sum(segment.days for segment in segments))


def _chosen(steps: Sequence[WindowResult], name: str) -> tuple[float, ...]:
    chosen = (step.choice.parameters[name] for step in steps if step.choice is not None)
    return tuple(float(value) for value in chosen if value is not None)


def stability(values: Sequence[float], low: float, high: float) -> ParameterStability:
    """Measure how steady the choices of one parameter, searched between `low` and `high`, are."""
    if not values:
        return ParameterStability((), math.nan, math.nan, None)
    deviation = float(np.std(values))
    steady: float | None = None
    if len(values) > 1 and high > low:
        steady = max(0.0, 1.0 - deviation / (high - low) / UNIFORM_SPREAD)
    return ParameterStability(tuple(values), float(np.mean(values)), deviation, steady)
