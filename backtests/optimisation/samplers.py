"""Propose trials for an optimisation, cut them into chunks and find the best of them.

Pure: trials are evaluated by a callable, so one process, many workers or a test's toy run the same optimisation. It is
a row of rounds. A grid has one, of every combination; TPE and NSGA-II propose each round from the results of those
before it, seeded by the plan and the round, so that an optimisation resumed after a crash continues exactly as it would
have. What may be varied is in space.py; overfitting is measured in statistics/overfitting.py.
"""

from __future__ import annotations

import io
import itertools
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtests.errors import SearchSpaceError
from backtests.optimisation.space import SearchSpace

Floats = NDArray[np.float64]
Parameters = Mapping[str, float | None]

# The measures that every trial keeps, in the columns of `Trials.figures`.
METRIC_NAMES = (
    "final_equity", "total_return", "cagr", "sharpe", "sortino", "calmar", "max_drawdown", "profit_factor", "win_rate",
    "expectancy", "sqn", "exposure", "closed_trades", "fees_paid", "buy_and_hold_return",
)  # fmt: skip
ASKS_PER_TRIAL = 20  # proposals looked at before a random combination takes the place of repeated ones
MAX_TRIALS = 200_000


class SearchMethod(StrEnum):
    """The way the next trials are chosen."""

    GRID = "grid"
    TPE = "tpe"
    NSGA2 = "nsga2"


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric to optimise. `sign` -1 minimises it."""

    name: str
    label: str
    metric: str
    sign: float = 1.0


OBJECTIVES: dict[str, Objective] = {
    objective.name: objective
    for objective in (
        Objective("sharpe", "Sharpe ratio", "sharpe"),
        Objective("sortino", "Sortino ratio", "sortino"),
        Objective("calmar", "Calmar ratio", "calmar"),
        Objective("sqn", "System quality number", "sqn"),
        Objective("total_return", "Total return", "total_return"),
        Objective("cagr", "CAGR", "cagr"),
        Objective("profit_factor", "Profit factor", "profit_factor"),
        Objective("expectancy", "Expectancy", "expectancy"),
        Objective("win_rate", "Win rate", "win_rate"),
        Objective("max_drawdown", "Smallest max. drawdown", "max_drawdown", -1.0),
        Objective("exposure", "Smallest exposure", "exposure", -1.0),
        Objective("fees_paid", "Lowest fees", "fees_paid", -1.0),
    )
}


@dataclass(frozen=True, slots=True)
class OptimisationPlan:
    """The plan of one optimisation. `fixed` are the settings that do not vary.

    `max_trials` bounds TPE and NSGA-II. A trial with fewer than `min_trades` closed trades is stored but cannot be
    best. `round_size` is how many trials TPE proposes at once, and NSGA-II's population.
    """

    space: SearchSpace
    fixed: Mapping[str, Any] = field(default_factory=dict)
    method: SearchMethod = SearchMethod.GRID
    objectives: tuple[str, ...] = ("sharpe",)
    min_trades: int = 10
    max_trials: int = 1000
    seed: int = 1
    round_size: int = 64

    def __post_init__(self) -> None:
        for name in self.objectives:
            if name not in OBJECTIVES:
                raise SearchSpaceError(f"There is no objective {name}; there are: {', '.join(OBJECTIVES)}.")
        required = 2 if self.method is SearchMethod.NSGA2 else 1
        if len(set(self.objectives)) != required or len(self.objectives) != required:
            several = "two different objectives" if required == 2 else "one objective (NSGA-II takes two)"
            raise SearchSpaceError(f"{self.method} takes {several}, not {len(self.objectives)}.")
        if not 1 <= self.max_trials <= MAX_TRIALS:
            raise SearchSpaceError(f"Make between 1 and {MAX_TRIALS:,} trials, not {self.max_trials:,}.")
        if self.min_trades < 0 or self.seed < 0:
            raise SearchSpaceError("The minimum number of trades and the seed are whole numbers from 0.")
        if self.round_size < 2:
            raise SearchSpaceError("A round has at least 2 trials.")


@dataclass(frozen=True, slots=True)
class Trials:
    """Trials in the order they were evaluated: arrays of n rows.

    `parameters` has a column for each name (NaN is "off"), `metrics` one for each of METRIC_NAMES (NaN is "not
    defined"), `daily` one for each day's return (float32: enough to rank by).
    """

    names: tuple[str, ...]
    parameters: Floats
    metrics: Floats
    daily: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.parameters)

    def at(self, row: int) -> dict[str, float | None]:
        """Return one trial's parameters by name."""
        values = self.parameters[row]
        return {name: None if np.isnan(v) else float(v) for name, v in zip(self.names, values, strict=True)}

    def metric(self, name: str) -> Floats:
        return self.metrics[:, METRIC_NAMES.index(name)]

    def metrics_at(self, row: int) -> dict[str, float | None]:
        return {n: None if np.isnan(v) else float(v) for n, v in zip(METRIC_NAMES, self.metrics[row], strict=True)}

    def to_bytes(self) -> bytes:
        """Compress them for one database field."""
        # The keys of stored rows stay: the array of metrics is called `metrics` there.
        stream = io.BytesIO()
        np.savez_compressed(
            stream, names=np.array(self.names), parameters=self.parameters, figures=self.metrics, daily=self.daily
        )
        return stream.getvalue()

    @staticmethod
    def from_bytes(data: bytes, *, with_daily: bool = True) -> Trials:
        """Read what `to_bytes` wrote. Daily returns are most of the bytes and can be left out."""
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            names = tuple(str(name) for name in stored["names"])
            parameters = stored["parameters"]
            daily = stored["daily"] if with_daily else np.empty((len(parameters), 0), np.float32)
            return Trials(names, parameters, stored["figures"], daily)


Evaluate = Callable[[Sequence[Parameters]], Trials]


def as_rows(names: Sequence[str], combinations: Sequence[Parameters]) -> Floats:
    """Return combinations as an array, one row each, NaN for "off"."""
    rows = [
        [np.nan if (value := combination[name]) is None else value for name in names] for combination in combinations
    ]
    return np.array(rows, dtype=np.float64).reshape(len(combinations), len(names))


def no_trials(names: Sequence[str], days: int = 0) -> Trials:
    return Trials(
        tuple(names), np.empty((0, len(names))), np.empty((0, len(METRIC_NAMES))), np.empty((0, days), np.float32)
    )


def join(parts: Sequence[Trials]) -> Trials:
    """Return the trials of several chunks, in order."""
    if not parts:
        raise ValueError("There are no trials to join.")
    return replace(
        parts[0],
        parameters=np.concatenate([part.parameters for part in parts]),
        metrics=np.concatenate([part.metrics for part in parts]),
        daily=np.concatenate([part.daily for part in parts]),
    )


def scores(trials: Trials, plan: OptimisationPlan) -> Floats:
    """Return one column per objective, higher is better; NaN where a trial may not be best."""
    columns = [OBJECTIVES[name].sign * trials.metric(OBJECTIVES[name].metric) for name in plan.objectives]
    values = np.column_stack(columns).astype(np.float64)
    values[~np.isfinite(values).all(axis=1) | ~(trials.metric("closed_trades") >= plan.min_trades)] = np.nan
    return values


def best_row(trials: Trials, plan: OptimisationPlan) -> int | None:
    """Return the row of the best trial by the first objective, the earliest of equals, or None."""
    if not len(trials):
        return None
    first = scores(trials, plan)[:, 0]
    return None if np.isnan(first).all() else int(np.nanargmax(first))


def pareto_front(values: Floats) -> NDArray[np.int64]:
    """Return the rows that no other row beats in one column without losing in another.

    The best in the first column comes first.
    """
    usable = np.flatnonzero(np.isfinite(values).all(axis=1))
    order = usable[np.lexsort(tuple(-values[usable, k] for k in reversed(range(values.shape[1]))))]
    if values.shape[1] == 1:
        return order[:1]
    front: list[int] = []
    best_second = -np.inf
    for row in order:  # by falling first column, a row is on the front when its second exceeds all before
        if values[row, 1] > best_second:
            front.append(int(row))
            best_second = float(values[row, 1])
    return np.array(front, dtype=np.int64)


def max_rounds(plan: OptimisationPlan) -> int:
    """Return how many rounds a plan has at most."""
    return 1 if plan.method is SearchMethod.GRID else -(-plan.max_trials // plan.round_size)


def propose(plan: OptimisationPlan, number: int, past: Trials) -> list[dict[str, float | None]]:
    """Return the trials of round `number`, given all rounds before it. Empty if nothing is left to try.

    Raise `SearchSpaceError` if a grid has no allowed combination, or too many.
    """
    if plan.method is SearchMethod.GRID:
        return _whole_grid(plan) if number == 0 else []
    count = min(plan.round_size, plan.max_trials - len(past))
    if count <= 0:
        return []
    tried = {tuple(plan.space.places(past.at(row))) for row in range(len(past))}
    return _ask(plan, number, past, tried, count)


def _whole_grid(plan: OptimisationPlan) -> list[dict[str, float | None]]:
    combinations = list(itertools.islice(plan.space.combinations(plan.fixed), MAX_TRIALS + 1))
    if not combinations:
        raise SearchSpaceError(
            "No combination satisfies the conditions and the strategy's own rules: widen the ranges."
        )
    if len(combinations) > MAX_TRIALS:
        raise SearchSpaceError(f"A grid has at most {MAX_TRIALS:,} combinations: take larger steps, or search by TPE.")
    return combinations


def _ask(
    plan: OptimisationPlan, number: int, past: Trials, tried: set[tuple[int, ...]], count: int
) -> list[dict[str, float | None]]:
    """Return `count` new combinations from the sampler; a random new one where it repeats itself."""
    study, distributions = _study(plan, number, past)
    rng = np.random.default_rng([plan.seed, number])
    combinations = []
    for _ in range(count):
        places = None
        for _ in range(ASKS_PER_TRIAL):
            trial = study.ask(distributions)
            proposed = tuple(trial.params[name] for name in plan.space.names)
            if proposed not in tried and plan.space.allows(plan.space.at(proposed), plan.fixed):
                places = proposed
                break
            study.tell(trial, state=_states().FAIL)
        places = places or _random_new(plan, rng, tried)
        if places is None:
            break
        tried.add(places)
        combinations.append(plan.space.at(places))
    return combinations


def _random_new(
    plan: OptimisationPlan, rng: np.random.Generator, tried: set[tuple[int, ...]]
) -> tuple[int, ...] | None:
    """Return an allowed combination that was not tried, or None if (in all likelihood) none is left."""
    sizes = [len(dimension.values) for dimension in plan.space.dimensions]
    for _ in range(500):
        places = tuple(int(rng.integers(size)) for size in sizes)
        if places not in tried and plan.space.allows(plan.space.at(places), plan.fixed):
            return places
    if plan.space.size > 50_000:
        return None
    for places in itertools.product(*map(range, sizes)):
        if places not in tried and plan.space.allows(plan.space.at(places), plan.fixed):
            return places
    return None


def _states() -> Any:
    from optuna.trial import TrialState

    return TrialState


def _study(plan: OptimisationPlan, number: int, past: Trials) -> tuple[Any, dict[str, Any]]:
    """Return an Optuna study that knows the earlier trials.

    Values are indices in the lists, so that any list of values is searched alike.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions: dict[str, Any] = {
        dimension.name: optuna.distributions.IntDistribution(0, len(dimension.values) - 1)
        for dimension in plan.space.dimensions
    }
    seed = int(np.random.SeedSequence([plan.seed, number]).generate_state(1)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if plan.method is SearchMethod.NSGA2:
            sampler: Any = optuna.samplers.NSGAIISampler(population_size=plan.round_size, seed=seed)
        else:
            sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)
    study = optuna.create_study(directions=["maximize"] * len(plan.objectives), sampler=sampler)
    for row, values in enumerate(_sampler_values(scores(past, plan))):
        study.add_trial(
            optuna.create_trial(
                params=dict(zip(plan.space.names, plan.space.places(past.at(row)), strict=True)),
                distributions=distributions,
                values=values,
                system_attrs={"NSGAIISampler:generation": row // plan.round_size},
            )
        )
    return study, distributions


def _sampler_values(values: Floats) -> list[list[float]]:
    """Return scores for the sampler: a trial that may not be best scores a little worse than the worst."""
    if not len(values):
        return []
    is_scored: NDArray[np.bool_] = np.asarray(np.isfinite(values).all(axis=1))
    low = values[is_scored].min(axis=0) if is_scored.any() else np.zeros(values.shape[1])
    high = values[is_scored].max(axis=0) if is_scored.any() else np.zeros(values.shape[1])
    return np.where(is_scored[:, None], values, low - 0.1 * (high - low) - 1e-9).tolist()


def cut(combinations: Sequence[Parameters], size: int) -> list[list[Parameters]]:
    """Return chunks of at most `size` combinations, in order."""
    return [list(combinations[start : start + size]) for start in range(0, len(combinations), size)]


def search(plan: OptimisationPlan, evaluate: Evaluate, on_progress: Callable[[int], None] | None = None) -> Trials:
    """Run a whole optimisation in this process. `on_progress` is called with the number of trials so far."""
    past = no_trials(plan.space.names)
    for number in range(max_rounds(plan)):
        proposed = propose(plan, number, past)
        if not proposed:
            break
        for chunk in cut(proposed, plan.round_size):
            evaluated = evaluate(chunk)
            past = evaluated if not len(past) else join([past, evaluated])
            if on_progress:
                on_progress(len(past))
    return past
