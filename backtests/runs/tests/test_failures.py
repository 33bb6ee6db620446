"""Whatever goes wrong with a run: a clear sentence, failed or resumed, and nothing half-made shown as a result."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from backtests.errors import BacktestError, RunError
from backtests.models import Backtest, Optimisation, RunStatus, SearchChunk, WalkForward
from backtests.optimisation import rounds
from backtests.runs import queue
from backtests.runs.inputs import RunRequest
from backtests.walk_forward import runner
from bots.strategy import ema_rsi
from bots.strategy.registry import STRATEGIES
from bots.trading.tests.processes.paper_process import ROOT, environment
from exchange.klines import store

GRID = {"grid": ["ema_fast=5:8", "ema_slow=30:50:10"], "min_trades": 3}
ASKED = RunRequest("BTCUSDT", "1h", {})


@pytest.fixture
def broken_strategy(monkeypatch):
    """EMA/RSI under another name, whose signals raise."""

    def signals(candles, params):
        raise ZeroDivisionError("a bar without range")

    shared = {name: getattr(ema_rsi, name) for name in ("LABEL", "DESCRIPTION", "FIELDS", "Params", "check")}
    monkeypatch.setitem(
        STRATEGIES, "broken", SimpleNamespace(NAME="broken", **shared, warmup_bars=ema_rsi.warmup_bars, signals=signals)
    )


def assert_failed(run, words):
    run.refresh_from_db()
    assert run.status == RunStatus.FAILED
    assert words in run.error
    assert (run.result, run.verdict, run.series) == (None, None, None)


def test_a_strategy_that_raises_fails_its_run_with_its_message(market, broken_strategy):
    asked = RunRequest("BTCUSDT", "1h", {"strategy": "broken"})
    words = "strategy broken failed: ZeroDivisionError: a bar without range"
    backtest = queue.new_backtest(asked)
    queue.execute_backtest(backtest)
    assert_failed(backtest, words)
    search = rounds.new_optimisation(asked, GRID)
    rounds.run_in_process(search)
    assert_failed(search, words)
    walk_forward = runner.new_walk_forward(asked, {**GRID, "train_days": 60, "test_days": 30, "anchored": False})
    runner.execute_walk_forward(walk_forward)
    assert_failed(walk_forward, words)


def test_a_walk_forward_without_one_good_trial_fails_in_words(market):
    plan = {**GRID, "min_trades": 5000, "train_days": 60, "test_days": 30, "anchored": False}
    walk_forward = runner.new_walk_forward(ASKED, plan)
    runner.execute_walk_forward(walk_forward)
    assert_failed(walk_forward, "In none of 4 windows did a trial close 5000 trades")


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -1.0])
def test_a_price_that_is_none_is_refused_and_nothing_is_stored(market, klines, monkeypatch, value):
    close = klines.close.copy()
    close[700] = value
    bad = replace(klines, close=close)
    monkeypatch.setattr(store, "load", lambda *args, **kwargs: bad)
    for make in (
        lambda: queue.new_backtest(ASKED),
        lambda: rounds.new_optimisation(ASKED, GRID),
        lambda: runner.new_walk_forward(ASKED, {**GRID, "train_days": 60, "test_days": 30, "anchored": False}),
    ):
        with pytest.raises(RunError, match="The close of the bar at 2023-01-30"):
            make()
    assert not any(model.objects.exists() for model in (Backtest, Optimisation, WalkForward))


def test_a_range_inside_a_gap_is_refused(market):
    with pytest.raises(RunError, match="holds no bars"):
        queue.new_backtest(RunRequest("BTCUSDT", "1h", {}, "2023-03-24T13:00", "2023-03-24T14:00"))


def test_ctrl_c_pauses_an_optimisation_and_tells_how_to_resume(market, monkeypatch):
    monkeypatch.setattr(rounds, "CHUNK_TRIALS", 4)
    make, made = rounds.evaluate_chunk, []

    def interrupted(chunk_id, **options):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(chunk_id)
        return make(chunk_id, **options)

    monkeypatch.setattr(rounds, "evaluate_chunk", interrupted)
    grid = ["--grid", "ema_fast=5:8", "--grid", "ema_slow=30:50:10", "--min-trades", "3"]
    with pytest.raises(CommandError, match=r"Paused after 8 of 12.*manage.py resume optimisation"):
        call_command("optimise", "--dataset", "BTCUSDT:1h", *grid)
    search = Optimisation.objects.get()
    assert (search.status, search.result, search.trials_made) == (RunStatus.PAUSED, None, 8)
    monkeypatch.setattr(rounds, "evaluate_chunk", make)
    call_command("resume", "optimisation", str(search.pk))
    search.refresh_from_db()
    assert (search.status, search.trials_made) == (RunStatus.DONE, 12)
    with pytest.raises(CommandError, match="nothing to go on with"):
        call_command("resume", "optimisation", str(search.pk))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.django_db(transaction=True)
def test_an_optimisation_survives_a_killed_worker(market, monkeypatch, admin_client):
    monkeypatch.setattr(rounds, "CHUNK_TRIALS", 4)
    whole = rounds.new_optimisation(ASKED, GRID)
    rounds.run_in_process(whole)
    search = rounds.new_optimisation(ASKED, GRID)
    rounds.next_chunks(search)
    command = [sys.executable, "-m", "backtests.optimisation.tests.search_worker", str(search.pk)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stdin=pipe, stdout=pipe, text=True) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        assert worker.stdout.readline() == "made\n"
        worker.stdin.write("\n")
        worker.stdin.flush()
        assert worker.stdout.readline() == "made\n"  # the second chunk: made, and not stored yet
        os.kill(worker.pid, signal.SIGKILL)
    search.refresh_from_db()
    assert (search.status, search.trials_made, search.result) == (RunStatus.RUNNING, 4, None)
    page = admin_client.get(reverse("backtests:show", args=["optimisation", search.pk])).content.decode()
    assert "4 of 12 trials" in page
    assert "verdict-title" not in page
    SearchChunk.objects.filter(optimisation=search).update(claimed_at=timezone.now() - timedelta(hours=1))
    rounds.run_in_process(search)
    search.refresh_from_db()
    whole.refresh_from_db()
    assert search.status == RunStatus.DONE, search.error
    assert (search.trials_made, search.result["top"]) == (12, whole.result["top"])


@pytest.fixture
def stored_backtest(market) -> Backtest:
    return queue.new_backtest(RunRequest("BTCUSDT", "1h", {}))


def _fails_with(monkeypatch, error: Exception) -> None:
    def fails(*_, **__):
        raise error

    monkeypatch.setattr("backtests.engine.run.run_backtest", fails)


def test_a_value_error_of_the_code_is_shown_as_a_fault_of_the_site(monkeypatch, stored_backtest):
    _fails_with(monkeypatch, ValueError("operands could not be broadcast together"))
    queue.execute_backtest(stored_backtest)
    stored_backtest.refresh_from_db()
    assert stored_backtest.error == "It stopped at an error of the site's own (ValueError); the log has the details."


def test_a_value_error_of_the_code_is_logged_with_its_traceback(monkeypatch, stored_backtest, caplog):
    _fails_with(monkeypatch, ValueError("operands could not be broadcast together"))
    queue.execute_backtest(stored_backtest)
    assert [record.exc_info[0] for record in caplog.records if record.name == "backtests.runs.queue"] == [ValueError]


def test_a_message_for_people_is_shown_as_it_is(monkeypatch, stored_backtest):
    _fails_with(monkeypatch, BacktestError("too few bars"))
    queue.execute_backtest(stored_backtest)
    stored_backtest.refresh_from_db()
    assert stored_backtest.error == "too few bars"


def test_a_message_for_people_is_not_logged(monkeypatch, stored_backtest, caplog):
    _fails_with(monkeypatch, BacktestError("too few bars"))
    queue.execute_backtest(stored_backtest)
    assert not [record for record in caplog.records if record.name == "backtests.runs.queue"]


def test_a_fault_while_a_request_is_read_is_not_shown_as_the_persons(monkeypatch, market):
    _fails_with(monkeypatch, ValueError)
    monkeypatch.setattr("backtests.runs.inputs.engine.prepare", lambda *_: np.zeros(2) + np.zeros(3))
    with pytest.raises(ValueError, match="broadcast"):
        queue.new_backtest(RunRequest("BTCUSDT", "1h", {}))
