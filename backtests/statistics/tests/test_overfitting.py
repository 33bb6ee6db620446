"""The measures of overfitting against the numbers that were published with them."""

import json
import math
from itertools import combinations

import numpy as np
import pytest

from backtests.statistics import overfitting


@pytest.fixture(scope="session")
def published(shared_data):
    def read(name):
        return json.loads((shared_data.parent / "reference" / "overfitting" / name).read_text())

    return read


def answer(case):
    args = dict(case["args"])
    match case["function"]:
        case "psr":
            return overfitting.probabilistic_sharpe(
                args["sharpe"], args["benchmark"], args["n"], args["skew"], args["kurtosis"]
            )
        case "min_trl":
            return overfitting.min_track_record_length(**args)
        case "expected_max_sharpe":
            return overfitting.expected_max_sharpe(**args)
        case "expected_max_z":
            return overfitting.expected_max_z(**args)
        case "min_btl_years":
            return overfitting.min_backtest_length_years(**args)
    raise AssertionError(case["function"])


def test_sharpe_measures_give_the_published_numbers(published):
    cases = published("psr_dsr.json")["cases"]
    for case in cases:
        assert answer(case) == pytest.approx(case["expected"], abs=case["tolerance_abs"]), case["id"]
        assert answer(case) == pytest.approx(case["full_precision"], rel=1e-9), case["id"]
    assert len(cases) == 8


def test_moments_of_a_published_series(published):
    for case in published("psr_dsr.json")["series"]:
        returns, expected = np.array(case["returns"]), case["expected"]
        found = overfitting.moments(returns)
        assert found.sharpe == pytest.approx(expected["sharpe_per_period"], abs=1e-9)
        assert found.skew == pytest.approx(expected["skew"], abs=1e-9)
        assert found.kurtosis == pytest.approx(expected["kurtosis"], abs=1e-9)

        def psr(benchmark, of=found):
            return overfitting.probabilistic_sharpe(of.sharpe, benchmark, of.count, of.skew, of.kurtosis)

        assert psr(0.0) == pytest.approx(expected["psr_vs_0"], abs=1e-9)
        assert psr(0.1) == pytest.approx(expected["psr_vs_0_1"], abs=1e-9)
        assert psr(0.5) == pytest.approx(expected["psr_vs_0_5"], abs=1e-9)
        less_rate = overfitting.moments(returns, risk_free=0.005)
        assert psr(0.0, less_rate) == pytest.approx(expected["psr_vs_0_with_risk_free_0_005"], abs=1e-9)


def test_deflated_sharpe_of_the_worked_example():
    """Bailey & Lopez de Prado 2014: 5 years of days, annual Sharpe 2.5, skew -3, kurtosis 10, variance 1/2."""
    best = overfitting.ReturnMoments(count=1250, sharpe=2.5 / math.sqrt(250), skew=-3.0, kurtosis=10.0)
    assert overfitting.deflated_sharpe(best, 0.5 / 250, 100) == pytest.approx(0.9004, abs=5e-4)
    assert overfitting.deflated_sharpe(best, 0.5 / 250, 46) == pytest.approx(0.9505, abs=5e-4)


def test_more_trials_never_raise_the_deflated_sharpe():
    best = overfitting.ReturnMoments(count=700, sharpe=0.1, skew=0.0, kurtosis=3.0)
    values = [overfitting.deflated_sharpe(best, 0.002, trials) for trials in (1, 2, 10, 100, 1200)]
    assert values == sorted(values, reverse=True)
    assert values[0] == overfitting.probabilistic_sharpe(0.1, 0.0, 700)


def test_probability_of_overfitting_of_the_hand_made_cases(published):
    for case in published("pbo.json")["cases"]:
        found = overfitting.probability_of_overfitting(np.array(case["matrix"]), case["blocks"], case["score"])
        assert found.probability == pytest.approx(case["expected"]["pbo"]), case["id"]
        assert found.splits == case["expected"]["splits"]
        if "logits_sorted" in case["expected"]:
            assert np.sort(found.logits) == pytest.approx(case["expected"]["logits_sorted"])


def test_noise_is_likely_overfitted_and_a_real_edge_is_not():
    rng = np.random.default_rng(5)
    noise = rng.normal(0, 0.02, (800, 60))
    assert overfitting.probability_of_overfitting(noise).probability > 0.3
    edge = noise.copy()
    edge[:, 17] += 0.006
    assert overfitting.probability_of_overfitting(edge).probability < 0.02


def test_splits_taken_in_parts_equal_splits_taken_one_by_one():
    rng = np.random.default_rng(11)
    matrix = rng.normal(0.001, 0.02, (60, 7))
    found = overfitting.probability_of_overfitting(matrix, 6)
    slow = []
    blocks = matrix.reshape(6, 10, 7)
    for inside in combinations(range(6), 3):
        rest = [b for b in range(6) if b not in inside]

        def sharpe(rows):
            return rows.mean(axis=0) / rows.std(axis=0)

        best = sharpe(np.concatenate(blocks[list(inside)])).argmax()
        outside = sharpe(np.concatenate(blocks[rest]))
        rank = (outside < outside[best]).sum() + 1
        slow.append(math.log(rank / 8 / (1 - rank / 8)))
    assert found.logits == pytest.approx(slow)


def test_trials_that_never_trade_score_nothing_and_break_nothing():
    matrix = np.zeros((40, 3))
    matrix[:, 0] = np.tile([0.01, -0.004], 20)
    found = overfitting.probability_of_overfitting(matrix, 4)
    assert np.isfinite(found.logits).all()
    assert found.probability == 0.0


@pytest.mark.parametrize(
    ("matrix", "blocks", "words"),
    [
        (np.zeros((40, 1)), 4, "two trials"),
        (np.zeros((40, 2)), 5, "even number"),
        (np.zeros((3, 2)), 4, "cannot be cut"),
        (np.full((40, 2), np.nan), 4, "not a number"),
    ],
)
def test_input_that_cannot_be_judged_is_refused_in_words(matrix, blocks, words):
    with pytest.raises(ValueError, match=words):
        overfitting.probability_of_overfitting(matrix, blocks)


def test_blocks_hold_ten_days_at_least():
    assert [overfitting.blocks_for(days) for days in (30, 40, 99, 120, 5000)] == [0, 4, 8, 12, 16]


def test_returns_that_do_not_move_have_no_sharpe():
    assert overfitting.moments(np.full(50, 0.001)).sharpe is None
    assert overfitting.moments(np.array([0.1])).sharpe is None
    assert overfitting.deflated_sharpe(overfitting.moments(np.zeros(50)), 0.1, 10) is None
    assert overfitting.min_track_record_length(-0.1) is None


def grid(score):
    cells = [(x, y) for x in range(5, 15) for y in range(20, 60, 4)]
    return np.array(cells, dtype=float), np.array([score(x, y) for x, y in cells], dtype=float)


def test_a_broad_hill_is_a_plateau():
    parameters, scores = grid(lambda x, y: 10 - (x - 9) ** 2 / 10 - (y - 40) ** 2 / 200)
    found = overfitting.plateau(parameters, scores)
    assert tuple(parameters[found.best]) == (9, 40)
    assert len(found.neighbours) == 8
    assert found.ratio > 0.95
    assert found.centre == found.best


def test_a_lonely_peak_is_no_plateau_and_a_better_centre_is_named():
    parameters, scores = grid(lambda x, y: 9.0 if (x, y) == (5, 20) else 3 - (x - 10) ** 2 / 10 - (y - 40) ** 2 / 200)
    found = overfitting.plateau(parameters, scores)
    assert tuple(parameters[found.best]) == (5, 20)
    assert len(found.neighbours) == 3  # they score 0.12, -0.6 and -0.78
    assert (found.neighbour_median, found.ratio) == (pytest.approx(-0.6), 0)
    assert tuple(parameters[found.centre]) == (10, 40)


def test_neighbours_of_scattered_trials_are_the_nearest():
    rng = np.random.default_rng(2)
    parameters = rng.uniform([0, 0], [1, 1000], (300, 2))
    scores = -((parameters[:, 0] - 0.5) ** 2) - ((parameters[:, 1] - 500) / 1000) ** 2 + 2
    found = overfitting.plateau(parameters, scores)
    assert len(found.neighbours) == 4
    assert found.ratio > 0.95


def test_the_sharpe_ratios_of_many_trials_are_those_of_each_alone():
    returns = np.random.default_rng(3).normal(0.001, 0.02, (40, 90))
    returns[7], returns[8], returns[9] = 0.0, 0.004, np.tile([0.01, -0.01], 45)
    alone = [overfitting.moments(row).sharpe for row in returns]
    found = overfitting.sharpes(returns)
    assert [None if math.isnan(value) else value for value in found] == alone
    assert alone[7] is alone[8] is None
    assert np.isnan(overfitting.sharpes(returns[:, :1])).all()
    with pytest.raises(ValueError, match="not a number"):
        overfitting.sharpes(np.array([[0.1, np.nan]]))
