"""Verdicts in plain words."""

import numpy as np
import pytest

from backtests.statistics.verdict import THRESHOLDS, VerdictLevel, concentration, rate

GOOD = {"deflated_sharpe": 0.97, "pbo": 0.1, "plateau": 0.9, "closed_trades": 240, "concentration": 0.1}


def test_many_trials_and_a_low_deflated_sharpe_are_likely_luck():
    found = rate(0.4, 1200, {"deflated_sharpe": 0.31, "concentration": 0.5, "closed_trades": 200})
    assert found.level is VerdictLevel.OVERFITTED
    assert found.sentence == "Likely luck: 1,200 trials, deflated Sharpe ratio 0.31, half of the profit from 2 trades."


def test_a_result_with_everything_for_it_holds_up():
    found = rate(0.4, 1200, GOOD)
    assert found.level is VerdictLevel.HOLDS
    assert found.sentence.startswith("Holds up: 1,200 trials, deflated Sharpe ratio 0.97, 10% probability")


def test_one_open_question_is_enough_to_be_not_proven():
    found = rate(0.4, 1, GOOD | {"closed_trades": 60})
    assert found.level is VerdictLevel.UNPROVEN
    assert found.sentence == "Not proven: 60 closed trades."


def test_a_loss_is_called_a_loss_whatever_else_is_good():
    assert rate(-0.05, 1, GOOD).level is VerdictLevel.LOSS
    assert rate(0.0, 1, GOOD).level is VerdictLevel.LOSS


def test_three_weak_reasons_together_are_luck():
    weak = {"plateau": 0.1, "closed_trades": 12, "concentration": 0.9}
    assert rate(0.4, 5, weak).level is VerdictLevel.OVERFITTED
    assert rate(0.4, 5, weak | {"plateau": 0.9}).level is VerdictLevel.UNPROVEN


def test_undefined_measures_are_left_out():
    found = rate(0.4, 1, {"deflated_sharpe": None})
    assert found.reasons == ()
    assert found.level is VerdictLevel.UNPROVEN


@pytest.mark.parametrize("name", THRESHOLDS)
def test_each_reason_says_its_thresholds_and_stands_right_at_both(name):
    limit = THRESHOLDS[name]
    at_good, at_bad = rate(1, 1, {name: limit.good}).reasons[0], rate(1, 1, {name: limit.bad}).reasons[0]
    middle = rate(1, 1, {name: (limit.good + limit.bad) / 2}).reasons[0]
    assert (at_good.stands, at_bad.stands, middle.stands) == ("for", "against", "open")
    assert (at_good.good, at_good.bad, at_good.meaning) == (limit.good, limit.bad, limit.meaning)


def test_concentration_is_the_two_best_trades_share_of_all_wins():
    assert concentration(np.array([10.0, 30.0, -50.0, 40.0, 20.0])) == pytest.approx(0.7)
    assert concentration(np.array([-1.0])) is None
