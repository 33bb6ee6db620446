"""Searching parameters: which trials are made, in which chunks, and which of them is best.

Pure: trials are evaluated by a callable, so one process, many workers or a test's toy walk the same search. A search
is a row of rounds. A grid has one, of every combination; TPE and NSGA-II propose each round from the results of those
before it, seeded by the plan and the round, so that a search resumed after a crash goes on exactly as it would have.
What may be varied is in space.py; whether the best is luck, in overfitting.py.
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

from backtests.optimisation.space import SearchSpace, SpaceError

Floats = NDArray[np.float64]
Parameters = Mapping[str, float | None]

# The measures that every trial keeps, in the columns of `Trials.figures`.
FIGURES = (
    "final_equity", "total_return", "cagr", "sharpe", "sortino", "calmar", "max_drawdown", "profit_factor", "win_rate",
    "expectancy", "sqn", "exposure", "closed_trades", "fees_paid", "buy_and_hold_return",
)  # fmt: skip
ASKS_PER_TRIAL = 20  # proposals looked at before a random combination takes the place of repeated ones
MAX_TRIALS = 200_000


class Method(StrEnum):
    """How the next trials are found."""

    GRID = "grid"
    TPE = "tpe"
    NSGA2 = "nsga2"


@dataclass(frozen=True, slots=True)
class Objective:
    """What a search wants more of. `sign` -1 wants less of the figure."""

    name: str
    label: str
    figure: str
    sign: float = 1.0


OBJECTIVES: dict[str, Objective] = {
    objective.name: objective
    for objective in (
        Objective("sharpe", "Sharpe ratio", "sharpe"),
        Objective("sortino", "Sortino ratio", "sortino"),
        Objective("calmar", "Calmar ratio", "calmar"),
        Objective("sqn", "System quality number", "sqn"),
        Objective("total_return", "Total return", "total_return"),
        Objective("cagr", "Yearly return", "cagr"),
        Objective("profit_factor", "Profit factor", "profit_factor"),
        Objective("expectancy", "Expectancy of a trade", "expectancy"),
        Objective("win_rate", "Win rate", "win_rate"),
        Objective("max_drawdown", "Smallest drawdown", "max_drawdown", -1.0),
        Objective("exposure", "Least time in the market", "exposure", -1.0),
        Objective("fees_paid", "Least fees", "fees_paid", -1.0),
    )
}


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """One search. `fixed` are the settings that do not vary; `max_trials` bounds TPE and NSGA-II.

    A trial with fewer than `min_trades` closed trades is kept but cannot be best. `round_size` is how many trials TPE
    proposes at once, and NSGA-II's population.
    """

    space: SearchSpace
    fixed: Mapping[str, Any] = field(default_factory=dict)
    method: Method = Method.GRID
    objectives: tuple[str, ...] = ("sharpe",)
    min_trades: int = 10
    max_trials: int = 1000
    seed: int = 1
    round_size: int = 64

    def __post_init__(self) -> None:
        for name in self.objectives:
            if name not in OBJECTIVES:
                raise SpaceError(f"There is no objective {name}; there are: {', '.join(OBJECTIVES)}.")
        wanted = 2 if self.method is Method.NSGA2 else 1
        if len(set(self.objectives)) != wanted or len(self.objectives) != wanted:
            several = "two different objectives" if wanted == 2 else "one objective (NSGA-II takes two)"
            raise SpaceError(f"A search by {self.method} takes {several}, not {len(self.objectives)}.")
        if not 1 <= self.max_trials <= MAX_TRIALS:
            raise SpaceError(f"Make between 1 and {MAX_TRIALS:,} trials, not {self.max_trials:,}.")
        if self.min_trades < 0 or self.seed < 0:
            raise SpaceError("The minimum number of trades and the seed are whole numbers from 0.")
        if self.round_size < 2:
            raise SpaceError("A round has at least 2 trials.")


@dataclass(frozen=True, slots=True)
class Trials:
    """Trials in the order they were made: arrays of n rows.

    `parameters` has a column for each name (NaN is "off"), `figures` one for each of FIGURES (NaN is "not defined"),
    `daily` one for each day's return (float32: enough to rank by).
    """

    names: tuple[str, ...]
    parameters: Floats
    figures: Floats
    daily: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.parameters)

    def at(self, row: int) -> dict[str, float | None]:
        """One trial's parameters by name."""
        values = self.parameters[row]
        return {name: None if np.isnan(v) else float(v) for name, v in zip(self.names, values, strict=True)}

    def figure(self, name: str) -> Floats:
        return self.figures[:, FIGURES.index(name)]

    def figures_at(self, row: int) -> dict[str, float | None]:
        return {n: None if np.isnan(v) else float(v) for n, v in zip(FIGURES, self.figures[row], strict=True)}

    def to_bytes(self) -> bytes:
        """Compressed, for one database field."""
        stream = io.BytesIO()
        np.savez_compressed(
            stream, names=np.array(self.names), parameters=self.parameters, figures=self.figures, daily=self.daily
        )
        return stream.getvalue()

    @staticmethod
    def from_bytes(data: bytes, *, with_daily: bool = True) -> Trials:
        """As `to_bytes` wrote them; without the days, which are most of the bytes, where they are not needed."""
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            names = tuple(str(name) for name in stored["names"])
            parameters = stored["parameters"]
            daily = stored["daily"] if with_daily else np.empty((len(parameters), 0), np.float32)
            return Trials(names, parameters, stored["figures"], daily)


Evaluate = Callable[[Sequence[Parameters]], Trials]


def as_rows(names: Sequence[str], combinations: Sequence[Parameters]) -> Floats:
    """Combinations as an array, one row each, NaN for "off"."""
    rows = [[np.nan if (value := one[name]) is None else value for name in names] for one in combinations]
    return np.array(rows, dtype=np.float64).reshape(len(combinations), len(names))


def no_trials(names: Sequence[str], days: int = 0) -> Trials:
    return Trials(tuple(names), np.empty((0, len(names))), np.empty((0, len(FIGURES))), np.empty((0, days), np.float32))


def join(parts: Sequence[Trials]) -> Trials:
    """Trials of several chunks, in order."""
    if not parts:
        raise ValueError("There are no trials to join.")
    return replace(
        parts[0],
        parameters=np.concatenate([part.parameters for part in parts]),
        figures=np.concatenate([part.figures for part in parts]),
        daily=np.concatenate([part.daily for part in parts]),
    )


def scores(trials: Trials, plan: SearchPlan) -> Floats:
    """One column per objective, higher is better; NaN where a trial may not be best."""
    columns = [OBJECTIVES[name].sign * trials.figure(OBJECTIVES[name].figure) for name in plan.objectives]
    found = np.column_stack(columns).astype(np.float64)
    found[~np.isfinite(found).all(axis=1) | ~(trials.figure("closed_trades") >= plan.min_trades)] = np.nan
    return found


def best_row(trials: Trials, plan: SearchPlan) -> int | None:
    """The best trial by the first objective, the earliest of equals; None where none may be best."""
    if not len(trials):
        return None
    first = scores(trials, plan)[:, 0]
    return None if np.isnan(first).all() else int(np.nanargmax(first))


def pareto_front(values: Floats) -> NDArray[np.int64]:
    """Rows that no other row beats in one column without losing in another, best first column first."""
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


def rounds_of(plan: SearchPlan) -> int:
    """How many rounds a plan has at most."""
    return 1 if plan.method is Method.GRID else -(-plan.max_trials // plan.round_size)


def propose(plan: SearchPlan, number: int, past: Trials) -> list[dict[str, float | None]]:
    """The trials of round `number`, given those of all rounds before it. Empty when nothing new is left to try.

    Raise `SpaceError` where a grid has no allowed combination or more than can be tried.
    """
    if plan.method is Method.GRID:
        return _whole_grid(plan) if number == 0 else []
    count = min(plan.round_size, plan.max_trials - len(past))
    if count <= 0:
        return []
    tried = {tuple(plan.space.places(past.at(row))) for row in range(len(past))}
    return _ask(plan, number, past, tried, count)


def _whole_grid(plan: SearchPlan) -> list[dict[str, float | None]]:
    found = list(itertools.islice(plan.space.combinations(plan.fixed), MAX_TRIALS + 1))
    if not found:
        raise SpaceError("No combination satisfies the conditions and the strategy's own rules: widen the ranges.")
    if len(found) > MAX_TRIALS:
        raise SpaceError(f"A grid has at most {MAX_TRIALS:,} combinations: take larger steps, or search by TPE.")
    return found


def _ask(
    plan: SearchPlan, number: int, past: Trials, tried: set[tuple[int, ...]], count: int
) -> list[dict[str, float | None]]:
    """`count` new combinations from the sampler; a random new one where it repeats itself."""
    study, distributions = _study(plan, number, past)
    rng = np.random.default_rng([plan.seed, number])
    found = []
    for _ in range(count):
        places = None
        for _ in range(ASKS_PER_TRIAL):
            trial = study.ask(distributions)
            asked = tuple(trial.params[name] for name in plan.space.names)
            if asked not in tried and plan.space.allows(plan.space.at(asked), plan.fixed):
                places = asked
                break
            study.tell(trial, state=_states().FAIL)
        places = places or _random_new(plan, rng, tried)
        if places is None:
            break
        tried.add(places)
        found.append(plan.space.at(places))
    return found


def _random_new(plan: SearchPlan, rng: np.random.Generator, tried: set[tuple[int, ...]]) -> tuple[int, ...] | None:
    """An allowed combination that was not tried; None where (in all likelihood) none is left."""
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


def _study(plan: SearchPlan, number: int, past: Trials) -> tuple[Any, dict[str, Any]]:
    """An Optuna study that knows the past. Values are places in the lists, so that any list is searched alike."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions: dict[str, Any] = {
        dimension.name: optuna.distributions.IntDistribution(0, len(dimension.values) - 1)
        for dimension in plan.space.dimensions
    }
    seed = int(np.random.SeedSequence([plan.seed, number]).generate_state(1)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if plan.method is Method.NSGA2:
            sampler: Any = optuna.samplers.NSGAIISampler(population_size=plan.round_size, seed=seed)
        else:
            sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)
    study = optuna.create_study(directions=["maximize"] * len(plan.objectives), sampler=sampler)
    for row, values in enumerate(_told(scores(past, plan))):
        study.add_trial(
            optuna.create_trial(
                params=dict(zip(plan.space.names, plan.space.places(past.at(row)), strict=True)),
                distributions=distributions,
                values=values,
                system_attrs={"NSGAIISampler:generation": row // plan.round_size},
            )
        )
    return study, distributions


def _told(values: Floats) -> list[list[float]]:
    """Scores as the sampler hears them: a trial that may not be best counts as a little worse than the worst."""
    if not len(values):
        return []
    known: NDArray[np.bool_] = np.asarray(np.isfinite(values).all(axis=1))
    low = values[known].min(axis=0) if known.any() else np.zeros(values.shape[1])
    high = values[known].max(axis=0) if known.any() else np.zeros(values.shape[1])
    return np.where(known[:, None], values, low - 0.1 * (high - low) - 1e-9).tolist()


def cut(combinations: Sequence[Parameters], size: int) -> list[list[Parameters]]:
    """Chunks of at most `size` trials, in order."""
    return [list(combinations[start : start + size]) for start in range(0, len(combinations), size)]


def search(plan: SearchPlan, evaluate: Evaluate, on_progress: Callable[[int], None] | None = None) -> Trials:
    """Make a whole search in this process. `on_progress` hears how many trials were made so far."""
    past = no_trials(plan.space.names)
    for number in range(rounds_of(plan)):
        proposed = propose(plan, number, past)
        if not proposed:
            break
        for chunk in cut(proposed, plan.round_size):
            made = evaluate(chunk)
            past = made if not len(past) else join([past, made])
            if on_progress:
                on_progress(len(past))
    return past
