"""How many trials were made on the same bars before: what counts, and what does not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from backtests.models import Backtest, DeletedTrials, Optimisation, RunStatus, WalkForward
from backtests.statistics.trials import earlier_trials, hash_settings

pytestmark = pytest.mark.django_db
FIELDS: dict[str, Any] = {
    "symbol": "BTCUSDT", "interval": "1h", "strategy": "ema_rsi", "symbol_info": {},
    "start_at": datetime(2024, 1, 1, tzinfo=UTC), "end_at": datetime(2024, 2, 1, tzinfo=UTC),
}  # fmt: skip
DECEMBER = {"start_at": datetime(2023, 12, 1, tzinfo=UTC), "end_at": datetime(2024, 1, 1, tzinfo=UTC)}
FEBRUARY = {"start_at": datetime(2024, 2, 1, tzinfo=UTC), "end_at": datetime(2024, 3, 1, tzinfo=UTC)}


def backtest(fast=5, **fields) -> Backtest:
    """Store a finished backtest with this setting."""
    done = {"status": RunStatus.DONE, "result": {}, "finished_at": datetime(2024, 5, 1, tzinfo=UTC)}
    return Backtest.objects.create(**{**FIELDS, **done, "settings": {"ema_fast": fast}, **fields})


def optimisation(trials=10, **fields) -> Optimisation:
    return Optimisation.objects.create(**{**FIELDS, "settings": {}, "plan": {}, "trials_made": trials, **fields})


def walk_forward(trials=10, **fields) -> WalkForward:
    return WalkForward.objects.create(**{**FIELDS, "settings": {}, "plan": {}, "trials_made": trials, **fields})


def test_the_first_run_has_no_earlier_trials():
    assert earlier_trials(backtest()) == 0


def test_every_trial_of_an_optimisation_counts():
    optimisation(10)
    optimisation(5)
    assert earlier_trials(backtest()) == 15


def test_every_trial_of_a_walk_forward_counts():
    walk_forward(7)
    assert earlier_trials(backtest()) == 7


@pytest.mark.parametrize("make", [optimisation, walk_forward])
def test_a_runs_own_trials_are_not_earlier_ones(make):
    assert earlier_trials(make(10)) == 0


def test_each_other_setting_that_was_run_counts_once():
    for fast in (5, 6, 6, 7):
        backtest(fast)
    assert earlier_trials(backtest(5)) == 2


@pytest.mark.parametrize("status", [RunStatus.QUEUED, RunStatus.FAILED])
def test_a_backtest_without_a_result_does_not_count(status):
    backtest(6, status=status, result=None, finished_at=None)
    assert earlier_trials(backtest()) == 0


@pytest.mark.parametrize("other", [{"symbol": "ETHUSDT"}, {"interval": "4h"}, DECEMBER, FEBRUARY])
def test_trials_on_other_bars_do_not_count(other):
    optimisation(10, **other)
    walk_forward(10, **other)
    backtest(6, **other)
    assert earlier_trials(backtest()) == 0


def test_trials_on_overlapping_bars_count():
    optimisation(10, start_at=datetime(2024, 1, 31, tzinfo=UTC), end_at=FEBRUARY["end_at"])
    assert earlier_trials(backtest()) == 10


@pytest.mark.parametrize("make", [optimisation, walk_forward])
def test_deleting_a_run_does_not_undo_its_trials(make):
    make(10).delete()
    assert earlier_trials(backtest()) == 10


def test_deleting_a_run_without_trials_records_none():
    optimisation(0).delete()
    assert not DeletedTrials.objects.exists()


def test_deleting_a_backtest_does_not_undo_its_trial():
    backtest(6).delete()
    assert earlier_trials(backtest()) == 1


def test_a_setting_deleted_twice_counts_once():
    backtest(6).delete()
    backtest(6).delete()
    assert earlier_trials(backtest()) == 1


def test_a_deleted_backtest_of_the_same_setting_does_not_count():
    backtest(5).delete()
    assert earlier_trials(backtest(5)) == 0


def test_deleting_a_failed_backtest_records_none():
    backtest(6, status=RunStatus.FAILED, result=None, finished_at=None).delete()
    assert not DeletedTrials.objects.exists()


def test_deleting_many_at_once_records_each():
    for fast in (6, 7):
        backtest(fast)
    Backtest.objects.all().delete()
    assert earlier_trials(backtest()) == 2


def test_the_hash_of_settings_does_not_depend_on_their_order():
    assert hash_settings({"a": 1, "b": 2}) == hash_settings({"b": 2, "a": 1})


def test_the_hash_of_settings_depends_on_their_values():
    assert hash_settings({"a": 1}) != hash_settings({"a": "1"})
