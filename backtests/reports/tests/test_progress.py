"""The progress of an unfinished run at a given moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from backtests.models import Backtest, Optimisation, RunStatus, SearchChunk, WalkForward
from backtests.reports.progress import progress_of

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


def ago(**time) -> datetime:
    return NOW - timedelta(**time)


def progress(**fields) -> dict:
    return progress_of(Backtest(**{"status": RunStatus.RUNNING, "started_at": ago(minutes=10), **fields}), NOW)


def test_a_run_that_waits_has_no_time():
    report = progress(status=RunStatus.QUEUED, started_at=None)
    assert (report["elapsed"], report["left"]) == ("", "")


def test_a_running_run_counts_until_now():
    assert progress()["elapsed"] == "10 min"


def test_a_paused_run_counts_until_it_was_last_heard_of():
    assert progress(status=RunStatus.PAUSED, heartbeat_at=ago(minutes=7))["elapsed"] == "3 min"


def test_a_finished_run_counts_until_its_end():
    assert progress(status=RunStatus.FAILED, finished_at=ago(minutes=4))["elapsed"] == "6 min"


def test_a_clock_that_went_back_shows_no_negative_time():
    assert progress(started_at=NOW + timedelta(minutes=1))["elapsed"] == "0.0 s"


def test_the_time_left_follows_the_pace_so_far():
    assert progress(done_steps=20, total_steps=60)["left"] == "20 min"


@pytest.mark.parametrize(
    "fields", [{"done_steps": 0}, {"done_steps": 60}, {"status": RunStatus.PAUSED, "done_steps": 20}]
)
def test_there_is_no_time_left_without_a_pace(fields):
    assert progress(total_steps=60, **fields)["left"] == ""


def test_the_share_is_in_percent():
    assert progress(done_steps=1, total_steps=3)["percent"] == "33%"


@pytest.mark.parametrize(("total", "counts"), [(1, False), (2, True)])
def test_steps_are_counted_where_there_are_several(total, counts):
    assert progress(total_steps=total)["counts"] is counts


@pytest.mark.parametrize(
    ("status", "is_live"), [(RunStatus.QUEUED, True), (RunStatus.RUNNING, True), (RunStatus.PAUSED, False)]
)
def test_a_page_reloads_while_its_run_may_move(status, is_live):
    assert progress(status=status)["is_live"] is is_live


@pytest.mark.parametrize(
    ("status", "words"), [(RunStatus.QUEUED, "waits for a worker"), (RunStatus.FAILED, "start it again")]
)
def test_a_run_that_does_not_move_says_what_to_do(status, words):
    assert words in progress(status=status)["advice"]


def test_a_walk_forward_lists_its_finished_windows():
    step = {"window": {"number": 0}, "parameters": {"ema_fast": 7.0, "stop_loss": None}, "equity": [1.0, 1.25],
            "outside": {"trades": 3}}  # fmt: skip
    (row,) = progress_of(WalkForward(status=RunStatus.RUNNING, steps=[step]), NOW)["windows"]
    assert row == {"number": 1, "parameters": "Fast EMA 7, Stop-loss off", "gain": "+25.0%", "trades": 3}


def test_a_window_that_traded_nothing_gained_nothing():
    step = {"window": {"number": 1}, "parameters": None, "equity": [], "outside": {"trades": 0}}
    (row,) = progress_of(WalkForward(status=RunStatus.RUNNING, steps=[step]), NOW)["windows"]
    assert (row["parameters"], row["gain"]) == ("", "+0.0%")


@pytest.fixture
def optimisation(db):
    return Optimisation.objects.create(
        symbol="BTCUSDT", interval="1h", strategy="ema_rsi", settings={}, symbol_info={}, status=RunStatus.RUNNING,
        start_at=ago(days=9), end_at=ago(days=1), plan={"grid": ["ema_fast=5:9"]}, started_at=ago(minutes=1),
    )  # fmt: skip


def chunk(optimisation, number, score) -> None:
    figures = {"sharpe": score, "total_return": 0.1, "max_drawdown": 0.2, "closed_trades": 30}
    best = {"score": score, "parameters": {"ema_fast": 5.0 + number}, "figures": figures}
    SearchChunk.objects.create(optimisation=optimisation, number=number, round=0, proposed=[], best=best)


def test_an_optimisation_shows_the_best_of_all_its_chunks(optimisation):
    for number, score in enumerate((1.0, 3.0, 2.0)):
        chunk(optimisation, number, score)
    best = progress_of(optimisation, NOW)["best"]
    assert best["parameters"] == [("Fast EMA", "6")]
    assert best["figures"][0] == ("Sharpe", "3.00")


def test_an_optimisation_without_a_trial_has_no_best(optimisation):
    assert progress_of(optimisation, NOW)["best"] is None
