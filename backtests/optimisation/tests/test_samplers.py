"""Which trials a search makes, and which it calls best."""

import numpy as np
import pytest

from backtests.errors import SearchSpaceError
from backtests.optimisation.samplers import (
    METRIC_NAMES,
    OptimisationPlan,
    SearchMethod,
    Trials,
    as_rows,
    best_row,
    cut,
    join,
    no_trials,
    pareto_front,
    propose,
    scores,
    search,
)
from backtests.optimisation.space import make_space

GRID = ["ema_fast=5:24", "ema_slow=30:69:2"]


def judged(combinations, names=("ema_fast", "ema_slow"), trades=50):
    """Trials on a hill with its top at fast 9, slow 50; drawdown falls with the fast period."""
    rows = as_rows(names, combinations)
    metrics = np.zeros((len(rows), len(METRIC_NAMES)))
    height = 2 - ((rows[:, 0] - 9) / 10) ** 2 - ((rows[:, 1] - 50) / 20) ** 2
    metrics[:, METRIC_NAMES.index("sharpe")] = height
    metrics[:, METRIC_NAMES.index("max_drawdown")] = 0.5 - rows[:, 0] / 100
    metrics[:, METRIC_NAMES.index("closed_trades")] = trades
    return Trials(tuple(names), rows, metrics, np.zeros((len(rows), 3), np.float32))


def plan(**changes):
    return OptimisationPlan(**({"space": make_space("ema_rsi", GRID)} | changes))


def test_a_grid_makes_every_combination_once_and_finds_the_top():
    found = search(plan(), judged)
    assert len(found) == 400
    assert len({tuple(row) for row in found.parameters}) == 400
    assert found.at(best_row(found, plan())) == {"ema_fast": 9.0, "ema_slow": 50.0}


def test_tpe_finds_the_top_in_fewer_trials_than_the_grid():
    wanted = plan(method=SearchMethod.TPE, max_trials=120, round_size=20, seed=3)
    found = search(wanted, judged)
    assert len(found) == 120
    assert len({tuple(row) for row in found.parameters}) == 120
    assert found.metric("sharpe")[best_row(found, wanted)] > 1.95


def test_an_optimisation_resumed_between_rounds_ends_the_same():
    for method, objectives in ((SearchMethod.TPE, ("sharpe",)), (SearchMethod.NSGA2, ("sharpe", "max_drawdown"))):
        wanted = plan(method=method, objectives=objectives, max_trials=60, round_size=20)
        whole = search(wanted, judged)
        stored = Trials.from_bytes(join([judged([whole.at(row) for row in range(40)])]).to_bytes())
        rest = propose(wanted, 2, stored)
        assert rest == [whole.at(row) for row in range(40, 60)]


def test_two_objectives_end_in_a_pareto_front():
    wanted = plan(method=SearchMethod.NSGA2, objectives=("sharpe", "max_drawdown"), max_trials=160, round_size=20)
    found = search(wanted, judged)
    values = scores(found, wanted)
    front = pareto_front(values)
    assert len(front) > 3
    assert (np.diff(values[front, 0]) <= 0).all()
    assert (np.diff(values[front, 1]) > 0).all()
    for row in front:
        beaten = (values >= values[row]).all(axis=1) & (values > values[row]).any(axis=1)
        assert not beaten.any()


def test_an_optimisation_ends_when_its_space_is_used_up():
    small = plan(space=make_space("ema_rsi", ["ema_fast=5:8", "ema_slow=30,40"]), method=SearchMethod.TPE, round_size=5)
    found = search(small, judged)
    assert len(found) == 8


def test_trials_with_too_few_trades_are_kept_but_never_best():
    few = judged([{"ema_fast": 9, "ema_slow": 50}], trades=9)
    many = judged([{"ema_fast": 20, "ema_slow": 30}], trades=10)
    both = join([few, many])
    assert len(both) == 2
    assert best_row(both, plan(min_trades=10)) == 1
    assert best_row(few, plan(min_trades=10)) is None
    assert best_row(no_trials(("a",)), plan()) is None


def test_an_undefined_metric_is_never_best():
    trials = judged([{"ema_fast": 9, "ema_slow": 50}, {"ema_fast": 20, "ema_slow": 30}])
    trials.metrics[0, METRIC_NAMES.index("sharpe")] = np.nan
    assert best_row(trials, plan()) == 1


def test_less_drawdown_is_better():
    found = search(plan(objectives=("max_drawdown",)), judged)
    assert found.at(best_row(found, plan(objectives=("max_drawdown",))))["ema_fast"] == 24


def test_trials_survive_storage_to_the_bit():
    trials = judged([{"ema_fast": 9, "ema_slow": None}, {"ema_fast": 20, "ema_slow": 30}])
    stored = Trials.from_bytes(trials.to_bytes())
    assert stored.names == trials.names
    for name in ("parameters", "metrics", "daily"):
        assert getattr(stored, name).tobytes() == getattr(trials, name).tobytes()
    assert stored.at(0) == {"ema_fast": 9.0, "ema_slow": None}


def test_chunks_hold_every_trial_in_order():
    combos = [{"a": k} for k in range(10)]
    assert [len(chunk) for chunk in cut(combos, 4)] == [4, 4, 2]
    assert [one for chunk in cut(combos, 4) for one in chunk] == combos


def test_progress_is_reported_after_each_chunk():
    told = []
    search(plan(round_size=150), judged, told.append)
    assert told == [150, 300, 400]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"objectives": ("sharpness",)}, "no objective sharpness"),
        ({"objectives": ("sharpe", "calmar")}, "one objective"),
        ({"method": SearchMethod.NSGA2, "objectives": ("sharpe", "sharpe")}, "two different"),
        ({"max_trials": 0}, "trials"),
        ({"min_trades": -1}, "minimum number"),
        ({"round_size": 1}, "at least 2"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_in_words(changes, words):
    with pytest.raises(SearchSpaceError, match=words):
        plan(**changes)


def test_a_grid_without_an_allowed_combination_is_refused():
    with pytest.raises(SearchSpaceError, match="widen the ranges"):
        propose(plan(space=make_space("ema_rsi", ["ema_fast=30:32", "ema_slow=20:22"])), 0, no_trials(()))
