"""Monte Carlo against distributions that were counted out in full, path by path."""

import json
import math

import numpy as np
import pytest

from backtests.monte_carlo.simulation import (
    ResamplingMethod,
    SimulationPlan,
    actual_path,
    quantile,
    simulate,
    stress_grid,
)
from core.errors import UserError

PATHS = 40_000


@pytest.fixture(scope="session")
def exact(shared_data):
    path = shared_data.parent / "reference" / "overfitting" / "montecarlo_exact.json"
    return json.loads(path.read_text())


def run(exact, method, **more):
    return simulate(np.array(exact["trade_returns"]), SimulationPlan(method, paths=PATHS, seed=7, **more))


def assert_quantiles(values, expected):
    """Each within the neighbouring points that the true distribution can take."""
    support = np.unique(values.round(9))
    for share, value in expected.items():
        place = int(np.abs(support - value).argmin())
        low, high = support[max(place - 1, 0)], support[min(place + 1, len(support) - 1)]
        assert low - 1e-9 <= quantile(values, float(share)) <= high + 1e-9, share


def assert_probability(found, expected):
    assert abs(found - expected) <= 4 * math.sqrt(expected * (1 - expected) / PATHS) + 1e-12


def test_shuffled_trades_end_at_the_same_equity_by_different_ways(exact):
    found, expected = run(exact, ResamplingMethod.SHUFFLE), exact["expected"]["shuffle"]
    assert found.final == pytest.approx(expected["final_multiple"])
    assert found.drawdown.min() == pytest.approx(expected["min_max_drawdown"])
    assert found.drawdown.max() == pytest.approx(expected["max_max_drawdown"])
    assert found.drawdown.mean() == pytest.approx(expected["mean_max_drawdown"], abs=3e-4)
    assert_quantiles(found.drawdown, expected["quantiles_max_drawdown"])
    for level, share in expected["prob_max_drawdown_gt"].items():
        assert_probability(np.mean(found.drawdown > float(level)), share)


def test_bootstrapped_trades_follow_the_exact_distribution(exact):
    found, expected = run(exact, ResamplingMethod.BOOTSTRAP), exact["expected"]["bootstrap"]
    error = expected["std_final_multiple"] / math.sqrt(PATHS)
    assert found.final.mean() == pytest.approx(expected["mean_final_multiple"], abs=4 * error)
    assert found.final.std() == pytest.approx(expected["std_final_multiple"], rel=0.02)
    assert_probability(found.loss_probability, expected["prob_loss"])
    assert_quantiles(found.final, expected["quantiles_final_multiple"])
    assert_quantiles(found.drawdown, expected["quantiles_max_drawdown"])
    assert found.drawdown.mean() == pytest.approx(expected["mean_max_drawdown"], abs=1e-3)
    for level, share in expected["prob_max_drawdown_gt"].items():
        assert_probability(np.mean(found.drawdown > float(level)), share)


def test_stationary_blocks_follow_the_exact_distribution(exact):
    found, expected = run(exact, ResamplingMethod.BLOCK, mean_block=2.0), exact["expected"]["stationary_p_0_5"]
    assert found.final.mean() == pytest.approx(expected["mean_final_multiple"], abs=4 * 0.08 / math.sqrt(PATHS))
    assert_probability(found.loss_probability, expected["prob_loss"])
    assert found.drawdown.mean() == pytest.approx(expected["mean_max_drawdown"], abs=1e-3)
    assert_quantiles(found.drawdown, expected["quantiles_max_drawdown"])


def test_variance_of_the_mean_under_blocks_is_the_published_one(exact):
    adding = run(exact, ResamplingMethod.BLOCK, mean_block=2.0, compounds=False)
    means = (adding.final - 1) / len(exact["trade_returns"])
    expected = exact["expected"]["stationary_p_0_5"]["variance_of_resampled_mean"]
    assert means.var() == pytest.approx(expected, rel=0.05)


def test_one_seed_gives_one_answer_and_another_seed_another():
    returns = np.random.default_rng(1).normal(0.001, 0.02, 200)
    for method in ResamplingMethod:
        first, again = (
            simulate(returns, SimulationPlan(method, 500, seed=3)),
            simulate(returns, SimulationPlan(method, 500, seed=3)),
        )
        other = simulate(returns, SimulationPlan(method, 500, seed=4))
        assert np.array_equal(first.drawdown, again.drawdown)
        assert np.array_equal(first.fan, again.fan)
        assert not np.array_equal(first.drawdown, other.drawdown)


def test_a_path_does_not_depend_on_how_many_are_drawn():
    returns = np.random.default_rng(1).normal(0.001, 0.02, 50)
    few, many = (simulate(returns, SimulationPlan(ResamplingMethod.BOOTSTRAP, paths)) for paths in (10, 1000))
    assert np.array_equal(few.final, many.final[:10])


def test_nothing_skipped_is_the_history_itself():
    returns = np.array([0.10, -0.20, 0.05, -0.10, 0.50])
    found = simulate(returns, SimulationPlan(ResamplingMethod.SKIP, paths=3, skip_probability=0.0))
    assert found.final == pytest.approx(1.1 * 0.8 * 1.05 * 0.9 * 1.5)
    assert found.drawdown == pytest.approx(1 - 0.8 * 1.05 * 0.9)
    assert found.underwater.tolist() == [3, 3, 3]
    assert found.fan[2] == pytest.approx([1, 1.1, 0.88, 0.924, 0.8316, 1.2474])


def test_time_under_water_is_counted_from_each_peak():
    returns = np.array([0.5, -0.1, -0.1, 0.02, 0.5, -0.1])  # three steps under the first peak, one under the second
    found = simulate(returns, SimulationPlan(ResamplingMethod.SKIP, paths=1, skip_probability=0.0))
    assert found.underwater.tolist() == [3]


def test_skipped_trades_thin_the_history_by_their_share():
    found = simulate(np.full(200, 0.01), SimulationPlan(ResamplingMethod.SKIP, paths=4000, skip_probability=0.25))
    taken = np.log(found.final) / math.log(1.01)
    assert taken.mean() == pytest.approx(150, abs=0.5)
    assert taken.std() == pytest.approx(math.sqrt(200 * 0.25 * 0.75), rel=0.05)


def test_ruin_counts_paths_that_ever_lost_the_level():
    returns = np.array([-0.30, -0.30, 1.5, 0.2])
    history = simulate(returns, SimulationPlan(ResamplingMethod.SKIP, 10, skip_probability=0.0, ruin_level=0.5))
    assert history.ruin_probability == 1.0  # 0.49 of the start on the way, though it ends over it
    assert history.final[0] > 1
    gentler = simulate(returns, SimulationPlan(ResamplingMethod.SKIP, 10, skip_probability=0.0, ruin_level=0.52))
    assert gentler.ruin_probability == 0.0


def test_a_path_without_compounding_stops_when_all_is_lost():
    found = simulate(
        np.array([-0.6, -0.6, 5.0]), SimulationPlan(ResamplingMethod.SKIP, 2, compounds=False, skip_probability=0.0)
    )
    assert found.final.tolist() == [0.0, 0.0]
    assert found.drawdown.tolist() == [1.0, 1.0]


def test_fan_ends_where_the_paths_end():
    found = simulate(
        np.random.default_rng(3).normal(0.002, 0.03, 700), SimulationPlan(ResamplingMethod.BOOTSTRAP, 2000)
    )
    assert found.fan_steps[0] == 0
    assert found.fan_steps[-1] == 700
    assert found.fan[:, 0].tolist() == [1] * 5
    ends = [found.percentiles()["return"][p] + 1 for p in (5, 25, 50, 75, 95)]
    assert found.fan[:, -1] == pytest.approx(ends, rel=1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"paths": 0}, "paths"),
        ({"seed": -1}, "seed"),
        ({"mean_block": 0.5}, "block"),
        ({"skip_probability": 1.0}, "skipped"),
        ({"ruin_level": 0.0}, "ruin"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_in_words(change, words):
    with pytest.raises(UserError, match=words):
        SimulationPlan(ResamplingMethod.SHUFFLE, **change)


def test_too_few_or_broken_returns_are_refused_in_words():
    with pytest.raises(UserError, match="at least two"):
        simulate(np.array([0.1]), SimulationPlan(ResamplingMethod.SHUFFLE))
    with pytest.raises(ValueError, match="not a number"):
        simulate(np.array([0.1, np.nan]), SimulationPlan(ResamplingMethod.SHUFFLE))


def test_the_stress_grid_runs_each_pair_of_costs_once():
    plan = SimulationPlan(ResamplingMethod.SHUFFLE, fee_multiples=(1, 2), slippages_bps=(0, 5, 10))
    cells = stress_grid(lambda fee, bps: {"total_return": 0.5 - 0.1 * fee - 0.01 * bps}, plan)
    assert [(c.fee_multiple, c.slippage_bps) for c in cells] == [(1, 0), (1, 5), (1, 10), (2, 0), (2, 5), (2, 10)]
    assert cells[-1].metrics["total_return"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("fees", "slippages"), [((), (0,)), ((1, -1), (0,)), ((1,), (float("nan"),)), ((1,), range(101))]
)
def test_a_stress_grid_that_is_empty_negative_or_endless_is_refused(fees, slippages):
    with pytest.raises(UserError, match="stress grid"):
        SimulationPlan(ResamplingMethod.SHUFFLE, fee_multiples=tuple(fees), slippages_bps=tuple(slippages))


RETURNS = np.array([0.5, -0.1, -0.1, 0.02, 0.5, -0.1])
HISTORY = SimulationPlan(ResamplingMethod.SKIP, paths=4, skip_probability=0.0)


@pytest.mark.parametrize(("share", "value"), [(0.0, 1.0), (0.25, 1.0), (0.26, 2.0), (0.5, 2.0), (1.0, 4.0)])
def test_a_quantile_is_the_smallest_value_that_reaches_its_share(share, value):
    assert quantile(np.array([4.0, 2.0, 1.0, 3.0]), share) == value


@pytest.mark.parametrize("compounds", [True, False])
def test_the_real_path_is_measured_as_a_simulated_one_is(compounds):
    plan = SimulationPlan(ResamplingMethod.SKIP, paths=1, skip_probability=0.0, compounds=compounds)
    simulated = simulate(RETURNS, plan)
    actual = actual_path(RETURNS, plan, simulated.fan_steps)
    measured = (simulated.final[0], simulated.drawdown[0], simulated.underwater[0])
    assert (actual.final, actual.drawdown, actual.underwater) == pytest.approx(measured)


def test_the_real_path_has_its_equity_at_the_steps_of_the_fan():
    simulated = simulate(RETURNS, HISTORY)
    actual = actual_path(RETURNS, HISTORY, simulated.fan_steps)
    assert actual.equity_at_marks == pytest.approx(simulated.fan[2], rel=1e-6)


def test_a_real_loss_from_the_start_counts_as_a_drawdown():
    actual = actual_path(np.array([-0.2, 0.1]), HISTORY, np.array([0, 1, 2]))
    assert actual.drawdown == pytest.approx(0.2)


def test_a_real_path_without_compounding_stops_at_nothing():
    plan = SimulationPlan(ResamplingMethod.SKIP, compounds=False)
    assert actual_path(np.array([-0.6, -0.6]), plan, np.array([0, 1, 2])).equity_at_marks.tolist() == [1.0, 0.4, 0.0]


def test_paths_that_equal_the_real_one_are_not_worse():
    simulated = simulate(RETURNS, HISTORY)
    shares = actual_path(RETURNS, HISTORY, simulated.fan_steps).worse_shares(simulated)
    assert shares["underwater"] == 0.0


def test_paths_that_came_out_worse_are_counted():
    simulated = simulate(RETURNS, HISTORY)
    better = actual_path(np.array([0.5, 0.5]), HISTORY, np.array([0, 1, 2]))
    assert better.worse_shares(simulated) == {"return": 1.0, "drawdown": 1.0, "underwater": 1.0}


def test_percentiles_are_of_returns_not_of_equity():
    simulated = simulate(RETURNS, HISTORY)
    assert simulated.percentiles()["return"][50] == pytest.approx(simulated.final[0] - 1)


def test_a_real_path_back_at_its_peak_is_no_longer_under_water():
    assert actual_path(np.array([0.5, -0.5, 1.0]), HISTORY, np.array([0, 3])).underwater == 1
