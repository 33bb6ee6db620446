"""Simulate the outcomes that the same trades, or the same days, could have had. One seed gives one answer.

Four ways to draw a path: `shuffle` (the same trades in another order), `bootstrap` (trades drawn with replacement),
`block` (stationary block bootstrap of daily returns: Politis & Romano 1994, so that runs of good and bad days stay
together) and `skip` (the order kept, each trade missed with some probability). The cost stress test at the end re-runs
a backtest under higher fees and slippage instead. No Django here; kernels are compiled and cached on disk.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from backtests.engine.jit_cache import FOLDER
from core.errors import UserError
from core.splitmix import GOLDEN, MIX_1, MIX_2, mix

CACHE_FOLDER = FOLDER  # imported for its effect: it must come before the first compilation

Floats = NDArray[np.float64]

PERCENTILES = (5, 25, 50, 75, 95)
FAN_POINTS = 60
MAX_PATHS = 1_000_000
MAX_STRESS_CELLS = 100
FEE_MULTIPLES = (1.0, 1.5, 2.0, 3.0)
SLIPPAGES_BPS = (0.0, 2.0, 5.0, 10.0, 20.0)

_S32 = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_TO_UNIT = 1.0 / 4294967296.0


class ResamplingMethod(StrEnum):
    """The way a path is drawn."""

    SHUFFLE = "shuffle"
    BOOTSTRAP = "bootstrap"
    BLOCK = "block"
    SKIP = "skip"


_CODES = {
    ResamplingMethod.SHUFFLE: 0,
    ResamplingMethod.BOOTSTRAP: 1,
    ResamplingMethod.BLOCK: 2,
    ResamplingMethod.SKIP: 3,
}


@dataclass(frozen=True, slots=True)
class SimulationPlan:
    """The settings of a simulation.

    `mean_block` is in days (for `block`), `skip_probability` a fraction (for `skip`), `ruin_level` the share of the
    starting capital whose loss counts as ruin. `compounds` multiplies equity by 1 + return; otherwise returns are
    shares of the starting capital that add up, and a path ends where nothing is left. `fee_multiples`
    and `slippages_bps` span the stress grid.
    """

    method: ResamplingMethod
    paths: int = 10_000
    seed: int = 1
    compounds: bool = True
    mean_block: float = 10.0
    skip_probability: float = 0.1
    ruin_level: float = 0.5
    fee_multiples: Sequence[float] = FEE_MULTIPLES
    slippages_bps: Sequence[float] = SLIPPAGES_BPS

    def __post_init__(self) -> None:
        if not 1 <= self.paths <= MAX_PATHS:
            raise UserError(f"Simulate between 1 and {MAX_PATHS:,} paths, not {self.paths:,}.")
        if not 0 <= self.seed < 2**63:
            raise UserError("The seed is a whole number from 0.")
        if not self.mean_block >= 1:
            raise UserError("The mean block is at least 1 day long.")
        if not 0 <= self.skip_probability < 1:
            raise UserError("The share of skipped trades is at least 0 and under 1.")
        if not 0 < self.ruin_level < 1:
            raise UserError("The level of ruin is a share of the capital between 0 and 1, such as 0.5.")
        if not all(math.isfinite(cost) and cost >= 0 for cost in (*self.fee_multiples, *self.slippages_bps)):
            raise UserError("Fee multiples and slippage in the stress grid are numbers from 0.")
        if not 1 <= len(self.fee_multiples) * len(self.slippages_bps) <= MAX_STRESS_CELLS:
            raise UserError(f"A stress grid has 1 to {MAX_STRESS_CELLS} cells: name fewer fees or slippages.")


@dataclass(frozen=True, slots=True)
class Simulation:
    """The simulated paths: one number per path, and the percentiles of equity along the way.

    `final` is the end over the start, `drawdown` the largest fall from a peak (the start counts), a positive fraction,
    `underwater` the most consecutive steps (trades, or days) under an earlier peak.
    """

    plan: SimulationPlan
    steps: int
    final: Floats
    drawdown: Floats
    underwater: NDArray[np.int64]
    ruined: NDArray[np.bool_]
    fan_steps: NDArray[np.int64]
    fan: Floats  # percentiles x fan_steps, of equity over the start

    @property
    def ruin_probability(self) -> float:
        return float(np.mean(self.ruined))

    @property
    def loss_probability(self) -> float:
        return float(np.mean(self.final < 1.0))

    def percentiles(self) -> dict[str, dict[int, float]]:
        """Return the percentiles of return, drawdown and longest time under water."""
        return {
            "return": _percentiles(self.final - 1.0),
            "drawdown": _percentiles(self.drawdown),
            "underwater": _percentiles(self.underwater.astype(np.float64)),
        }


def quantile(values: Floats, share: float) -> float:
    """Return the smallest value whose cumulative share reaches `share`."""
    return float(np.quantile(values, share, method="inverted_cdf"))


def _percentiles(values: Floats) -> dict[int, float]:
    return {p: quantile(values, p / 100) for p in PERCENTILES}


def simulate(returns: Floats, plan: SimulationPlan) -> Simulation:
    """Draw `plan.paths` paths from `returns`: one fraction per trade, or per day for the block bootstrap."""
    series = np.ascontiguousarray(returns, dtype=np.float64)
    if series.ndim != 1 or len(series) < 2:
        raise UserError("A Monte Carlo run needs at least two closed trades (or days) to draw from.")
    if not np.isfinite(series).all():
        raise ValueError("A return is not a number: nothing can be drawn from it.")
    count = len(series)
    marks = np.unique(np.linspace(0, count, min(FAN_POINTS, count) + 1).round().astype(np.int64))
    final, drawdown = np.empty(plan.paths), np.empty(plan.paths)
    underwater, ruined = np.empty(plan.paths, np.int64), np.empty(plan.paths, np.bool_)
    equity_at_marks = np.empty((plan.paths, len(marks)), np.float32)
    chance = 1.0 / plan.mean_block if plan.method is ResamplingMethod.BLOCK else plan.skip_probability
    draw = _DrawSettings(_CODES[plan.method], np.uint64(plan.seed), plan.compounds, chance, 1.0 - plan.ruin_level)
    _paths(series, draw, marks, _PathArrays(final, drawdown, underwater, ruined, equity_at_marks))
    return Simulation(
        plan=plan,
        steps=count,
        final=final,
        drawdown=drawdown,
        underwater=underwater,
        ruined=ruined,
        fan_steps=marks,
        fan=_fan(equity_at_marks),
    )


@dataclass(frozen=True, slots=True)
class ActualPath:
    """The outcome of the returns in their real order, measured as each simulated path is."""

    final: float
    drawdown: float
    underwater: int
    equity_at_marks: Floats  # equity over the start at the fan's steps

    def worse_shares(self, simulation: Simulation) -> dict[str, float]:
        """Return the share of the simulated paths that came out worse than this."""
        return {
            "return": float(np.mean(simulation.final < self.final)),
            "drawdown": float(np.mean(simulation.drawdown > self.drawdown)),
            "underwater": float(np.mean(simulation.underwater > self.underwater)),
        }


def actual_path(returns: Floats, plan: SimulationPlan, marks: NDArray[np.int64]) -> ActualPath:
    """Return the path of the real order, with its equity at the steps `marks`."""
    growth = np.cumprod(1.0 + returns) if plan.compounds else 1.0 + np.cumsum(returns)
    equity = np.concatenate([[1.0], np.maximum(growth, 0.0)])
    peak = np.maximum.accumulate(equity)
    below, longest = 0, 0
    for value, high in zip(equity[1:], peak[:-1], strict=True):
        below = 0 if value >= high else below + 1
        longest = max(longest, below)
    return ActualPath(float(equity[-1]), float((1.0 - equity / peak).max()), longest, equity[marks])


def _fan(equity_at_marks: NDArray[np.float32]) -> Floats:
    """Return the percentiles of each column. Sorting its transposed copy is faster than selecting five ranks."""
    columns = np.sort(np.ascontiguousarray(equity_at_marks.T), axis=1)
    ranks = [max(math.ceil(p / 100 * columns.shape[1]) - 1, 0) for p in PERCENTILES]
    return columns[:, ranks].T.astype(np.float64)


@njit(cache=True, inline="always")
def _next(state):  # type: ignore[no-untyped-def]
    """Return the next SplitMix64 state and 64 random bits."""
    state = state + GOLDEN
    return state, mix(state)


@njit(cache=True, inline="always")
def _below(bits, count):  # type: ignore[no-untyped-def]
    """Return a whole number under `count` from the upper 32 bits.

    Lemire 2019, without the rejection: the bias is under 2**-20. Left unsigned: an index that cannot be negative needs
    no test for it.
    """
    return ((bits >> _S32) * count) >> _S32


@njit(cache=True)
def _draw(series, method, state, chance, drawn):  # type: ignore[no-untyped-def]
    """Fill `drawn` with one path's returns."""
    count = len(series)
    size = np.uint64(count)
    if method == 0:
        drawn[:] = series
        for i in range(count - 1):
            state, bits = _next(state)
            j = i + np.int64(_below(bits, np.uint64(count - i)))
            drawn[i], drawn[j] = drawn[j], drawn[i]
    elif method == 1:
        for i in range(count):
            state, bits = _next(state)
            drawn[i] = series[_below(bits, size)]
    elif method == 2:
        place = size  # nowhere yet
        for i in range(count):
            state, bits = _next(state)
            after = place + np.uint64(1) if place + np.uint64(1) < size else np.uint64(0)
            begins = i == 0 or np.float64(bits & _LOW) * _TO_UNIT < chance
            place = _below(bits, size) if begins else after  # the upper half of the bits, independent of the lower
            drawn[i] = series[place]
    else:
        for i in range(count):
            state, bits = _next(state)
            drawn[i] = 0.0 if np.float64(bits >> _S32) * _TO_UNIT < chance else series[i]


class _DrawSettings(NamedTuple):
    """The settings of all paths, as compiled code takes them. `floor` is the equity that counts as ruin."""

    method: int
    seed: np.uint64
    compounds: bool
    chance: float
    floor: float


class _PathArrays(NamedTuple):
    """The outcome of each path; `equity_at_marks` has a row for each."""

    final: Floats
    drawdown: Floats
    underwater: NDArray[np.int64]
    ruined: NDArray[np.bool_]
    equity_at_marks: NDArray[np.float32]


@njit(cache=True)
def _paths(series, draw, marks, out):  # type: ignore[no-untyped-def]
    """Simulate one path after another. Each has a seed of its own, so paths do not depend on their number."""
    final, drawdown, underwater, ruined, equity_at_marks = out
    method, seed, compounds, chance, floor = draw
    drawn = np.empty(len(series))
    for path in range(len(final)):
        _, state = _next(seed * MIX_2 + np.uint64(path) * MIX_1)
        _draw(series, method, state, chance, drawn)
        equity, peak, lowest, lowest_ratio = 1.0, 1.0, 1.0, 1.0  # kept: 1 - drawdown
        since_peak, longest = 0, 0
        equity_at_marks[path, 0] = equity
        for mark in range(1, len(marks)):
            for i in range(marks[mark - 1], marks[mark]):
                equity = equity * (1.0 + drawn[i]) if compounds else equity + drawn[i]
                if equity <= 0.0:
                    equity = 0.0
                    drawn[i + 1 :] = 0.0  # nothing is left to trade with
                # Selections, not branches: which step is a new peak is not predictable, and a wrong guess is slow.
                since_peak = 0 if equity >= peak else since_peak + 1
                longest = max(longest, since_peak)
                peak = max(peak, equity)
                lowest = min(lowest, equity)
                if equity < lowest_ratio * peak:
                    lowest_ratio = equity / peak
            equity_at_marks[path, mark] = equity
        final[path] = equity
        drawdown[path] = 1.0 - lowest_ratio
        underwater[path] = longest
        ruined[path] = lowest <= floor


@dataclass(frozen=True, slots=True)
class StressCell:
    """One cell of the cost stress test: the metrics of the backtest under these costs."""

    fee_multiple: float
    slippage_bps: float
    metrics: dict[str, float | None] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the cell as it is stored: the key of the metrics is `figures`."""
        return {"fee_multiple": self.fee_multiple, "slippage_bps": self.slippage_bps, "figures": self.metrics}


def stress_grid(run: Callable[[float, float], dict[str, float | None]], plan: SimulationPlan) -> tuple[StressCell, ...]:
    """Re-run a backtest at each pair of fee multiple and slippage; `run` returns its metrics."""
    pairs = itertools.product(plan.fee_multiples, plan.slippages_bps)
    return tuple(StressCell(multiple, bps, run(multiple, bps)) for multiple, bps in pairs)
