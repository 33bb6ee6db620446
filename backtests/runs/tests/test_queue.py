"""Runs on record, over real candles: made, cut off, taken up again, judged, and never half a result."""

from datetime import timedelta

import pytest
from django.utils import timezone

from backtests import tasks
from backtests.errors import RunError
from backtests.models import (
    Backtest,
    HoldOutOpening,
    MonteCarlo,
    Optimisation,
    RunStatus,
    SearchChunk,
    WalkForward,
)
from backtests.optimisation import rounds
from backtests.runs import queue
from backtests.runs.inputs import RunRequest
from backtests.statistics import overfitting
from backtests.statistics.trials import earlier_trials
from backtests.walk_forward import runner

pytestmark = pytest.mark.django_db
GRID = {"grid": ["ema_fast=5:9", "ema_slow=30:50:10"], "min_trades": 3}


@pytest.fixture(scope="module")
def klines(two_years):
    return two_years[:5000]


def asked(start="2023-03-01", end="2023-07-01", **settings):
    return RunRequest("BTCUSDT", "1h", settings, start, end)


def test_a_stored_backtest_can_be_run_again_to_the_same_hash(market):
    run = queue.new_backtest(asked(stop_loss="0.03"))
    assert (run.status, run.result) == (RunStatus.QUEUED, None)
    queue.execute_backtest(run)
    run.refresh_from_db()
    assert run.status == RunStatus.DONE
    assert run.result["metrics"]["closed_trades"] > 5
    assert run.bars == 122 * 24 - 1  # one bar is missing from the data
    assert run.gaps
    assert run.verdict["sentence"]
    assert queue.rerun(run) == (run.result_hash, [])


def test_a_rerun_says_what_changed(market):
    run = queue.new_backtest(asked())
    queue.execute_backtest(run)
    run.refresh_from_db()
    run.result["trades"][0]["entry_price"] = "1"
    run.result["metrics"]["closed_trades"] = 0
    _, changed = queue.rerun(run)
    assert any("closed_trades: 0 became" in line for line in changed)
    assert any("trade 1" in line for line in changed)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (asked(start="2030-01-01", end=None), "no bars"),
        (asked(start="2023-05-01", end="2023-04-01"), "not before"),
        (asked(ema_fast="60", ema_slow="20"), "fast EMA"),
        (asked(start=None, end="2023-01-05"), "Too few bars"),
        (RunRequest("BTCUSDT", "5m", {}), "5m"),
        (asked(nonsense="1"), "no setting"),
    ],
)
def test_bad_input_is_refused_in_words_and_nothing_is_stored(market, request_, words):
    with pytest.raises(RunError, match=words):
        queue.new_backtest(request_)
    assert not Backtest.objects.exists()


def test_changed_candles_fail_the_run_in_words(market, shared_data):
    run = queue.new_backtest(asked())
    Backtest.objects.filter(pk=run.pk).update(data_hash="0" * 64)
    queue.execute_backtest(run)
    run.refresh_from_db()
    assert run.status == RunStatus.FAILED
    assert "candles changed" in run.error
    assert run.result is None


def test_a_cancelled_run_stays_cancelled_whatever_its_worker_finishes(market):
    run = queue.new_backtest(asked())
    assert queue.start_run(run)
    assert queue.cancel(run)
    assert not queue.complete(run, {"any": "thing"})
    queue.execute_backtest(run)
    run.refresh_from_db()
    assert (run.status, run.result) == (RunStatus.CANCELLED, None)


def test_an_optimisation_counts_its_trials_and_rates_its_best(market):
    search = rounds.new_optimisation(asked(), GRID)
    rounds.run_in_process(search)
    search.refresh_from_db()
    assert search.status == RunStatus.DONE, search.error
    assert (search.trials_made, search.earlier_trials) == (15, 0)
    overfit = search.result["overfitting"]
    daily = rounds.stored_trials(search).daily
    assert daily.shape == (15, overfit["days"])
    expected = overfitting.probability_of_overfitting(daily.T.astype(float), overfitting.blocks_for(overfit["days"]))
    assert (overfit["pbo"], overfit["pbo_splits"]) == (expected.probability, expected.splits)
    assert 0 <= overfit["deflated_sharpe"] <= overfit["probabilistic_sharpe"] <= 1
    assert search.result["plateau"]["neighbours"] >= 3
    assert "15 trials" in search.verdict["sentence"]
    again = rounds.new_optimisation(asked(), GRID)
    rounds.run_in_process(again)
    again.refresh_from_db()
    assert again.earlier_trials == 15
    assert again.result["best"] == search.result["best"]
    assert again.result["overfitting"]["deflated_sharpe"] < overfit["deflated_sharpe"]


def test_deleted_and_manual_trials_count_against_later_results(market):
    rounds.run_in_process(rounds.new_optimisation(asked(), GRID))
    for slow in ("40", "40", "50"):
        queue.execute_backtest(queue.new_backtest(asked(ema_slow=slow)))
    one = queue.new_backtest(asked(ema_slow="60"))
    assert earlier_trials(one) == 15 + 2
    assert earlier_trials(queue.new_backtest(asked(ema_slow="50"))) == 15 + 1
    Optimisation.objects.all().delete()
    Backtest.objects.filter(status=RunStatus.DONE).delete()
    assert earlier_trials(one) == 15 + 2
    queue.execute_backtest(one)
    one.refresh_from_db()
    assert "18 trials" in one.verdict["sentence"]


def test_a_lost_run_is_queued_again_with_an_expiry(market, monkeypatch):
    rung = []
    monkeypatch.setattr(
        tasks.run_backtest_task, "apply_async_on_commit", lambda args, expires: rung.append((args, expires))
    )
    lost, silent, fresh = (queue.new_backtest(asked()) for _ in range(3))
    long_ago = timezone.now() - tasks.LOST_AFTER - timedelta(seconds=1)
    Backtest.objects.filter(pk=lost.pk).update(created_at=long_ago)
    queue.start_run(silent)
    Backtest.objects.filter(pk=silent.pk).update(heartbeat_at=long_ago)
    queue.start_run(fresh)
    tasks.requeue_lost_runs_task()
    assert rung == [((silent.pk,), tasks.MESSAGE_EXPIRES_S), ((lost.pk,), tasks.MESSAGE_EXPIRES_S)]


def test_an_optimisation_cannot_see_its_hold_out(market):
    search = rounds.new_optimisation(asked(), GRID, hold_out=0.25)
    assert search.end_at == search.hold_out_start_at
    assert search.bars == pytest.approx(0.75 * 122 * 24, abs=2)
    with pytest.raises(RunError, match="no hold-out to open"):
        rounds.open_hold_out(search, {}, "too early", None)
    rounds.run_in_process(search)
    search.refresh_from_db()
    with pytest.raises(RunError, match="Say why"):
        rounds.open_hold_out(search, search.result["best"]["parameters"], " ", None)
    run = rounds.open_hold_out(search, search.result["best"]["parameters"], "last check", None)
    queue.execute_backtest(run)
    run.refresh_from_db()
    assert run.status == RunStatus.DONE, run.error
    assert (run.start_at, run.end_at) == (search.hold_out_start_at, search.hold_out_end_at)
    assert HoldOutOpening.objects.get().reason == "last check"


def test_an_optimisation_goes_on_after_its_worker_died(market, monkeypatch):
    monkeypatch.setattr(rounds, "CHUNK_TRIALS", 4)
    whole = rounds.new_optimisation(asked(), GRID)
    rounds.run_in_process(whole)
    cut_off = rounds.new_optimisation(asked(), GRID)
    first, *_ = rounds.next_chunks(cut_off)
    assert rounds.evaluate_chunk(first)
    lost = rounds.next_chunks(cut_off)[0]
    SearchChunk.objects.filter(pk=lost).update(claim="dead", claimed_at=timezone.now())
    assert not rounds.evaluate_chunk(lost)  # it may still be alive
    SearchChunk.objects.filter(pk=lost).update(claimed_at=timezone.now() - timedelta(hours=1))
    rounds.run_in_process(cut_off)
    whole.refresh_from_db()
    cut_off.refresh_from_db()
    assert cut_off.status == RunStatus.DONE, cut_off.error
    assert cut_off.result["best"] == whole.result["best"]
    assert cut_off.result["top"] == whole.result["top"]


def test_a_late_worker_cannot_overwrite_a_reclaimed_chunk(market):
    search = rounds.new_optimisation(asked(), GRID)
    chunk = SearchChunk.objects.get(pk=rounds.next_chunks(search)[0])
    assert rounds.evaluate_chunk(chunk.pk, claim="second")
    assert not rounds.evaluate_chunk(chunk.pk, claim="first")


def test_a_paused_optimisation_evaluates_nothing_until_resumed(market):
    search = rounds.new_optimisation(asked(), GRID)
    chunk = rounds.next_chunks(search)[0]
    assert queue.pause(search)
    assert not rounds.evaluate_chunk(chunk)
    assert rounds.next_chunks(search) == []
    search.refresh_from_db()
    assert search.status == RunStatus.PAUSED
    assert queue.resume(search)
    rounds.run_in_process(search)
    search.refresh_from_db()
    assert search.status == RunStatus.DONE, search.error


def test_workers_run_an_optimisation_as_tasks(market, settings, django_capture_on_commit_callbacks):
    from tradingsite.celery import app

    app.conf.task_always_eager = True
    try:
        search = rounds.new_optimisation(asked(), {**GRID, "method": "tpe", "max_trials": 8, "round_size": 4})
        with django_capture_on_commit_callbacks(execute=True):
            tasks.enqueue(search)
    finally:
        app.conf.task_always_eager = False
    search.refresh_from_db()
    assert search.status == RunStatus.DONE, search.error
    assert search.trials_made == 8


def test_an_optimisation_without_one_good_trial_fails(market):
    search = rounds.new_optimisation(asked(), {**GRID, "min_trades": 5000})
    rounds.run_in_process(search)
    search.refresh_from_db()
    assert search.status == RunStatus.FAILED
    assert "None of 15 trials closed 5000 trades" in search.error
    assert search.result is None


def test_an_invalid_optimisation_is_not_stored(market):
    for plan, hold_out in (({"grid": ["ema_fast=9:5"]}, 0.2), (GRID, 0.95), ({"grid": []}, 0.2)):
        with pytest.raises(RunError):
            rounds.new_optimisation(asked(), plan, hold_out)
    assert not Optimisation.objects.exists()


def test_a_walk_forward_is_taken_up_where_it_was_cut_off(market):
    plan = {**GRID, "train_days": 40, "test_days": 20, "anchored": False, "min_trades": 1}
    whole = runner.new_walk_forward(asked(), plan)
    runner.execute_walk_forward(whole)
    whole.refresh_from_db()
    assert whole.status == RunStatus.DONE, whole.error
    assert len(whole.result["windows"]) == 5
    part = runner.new_walk_forward(asked(), plan)
    part.steps = whole.steps[:2]
    part.save()
    runner.execute_walk_forward(part)
    part.refresh_from_db()
    assert part.result == whole.result
    assert set(whole.result["stability"]) == {"ema_fast", "ema_slow"}
    assert WalkForward.objects.count() == 2


def test_monte_carlo_of_a_backtest_is_seeded_and_stresses_its_costs(market):
    run = queue.new_backtest(asked())
    with pytest.raises(RunError, match="finished backtest"):
        queue.new_monte_carlo(run, {"method": "shuffle"})
    queue.execute_backtest(run)
    run.refresh_from_db()
    results = []
    for method in ("shuffle", "bootstrap", "block", "skip", "shuffle"):
        simulated = queue.new_monte_carlo(run, {"method": method, "paths": 500}, seed=5)
        queue.execute_monte_carlo(simulated)
        simulated.refresh_from_db()
        assert simulated.status == RunStatus.DONE, simulated.error
        results.append(simulated.result)
    assert results[0] == results[-1]
    shuffled = results[0]["percentiles"]["return"]
    closed = [float(t["net_pnl"]) for t in run.result["trades"] if t["exit_time"] is not None]
    assert shuffled["5"] == pytest.approx(shuffled["95"])
    assert shuffled["50"] == pytest.approx(sum(closed) / 1000, rel=1e-9)
    stress = results[0]["stress"]
    assert stress[-1]["figures"]["total_return"] < stress[0]["figures"]["total_return"]
    with pytest.raises(RunError, match="paths"):
        queue.new_monte_carlo(run, {"method": "shuffle", "paths": 0})
    assert MonteCarlo.objects.count() == 5


def test_a_chart_gets_few_points_and_keeps_every_extreme():
    import numpy as np

    equity = np.cumprod(1 + np.random.default_rng(1).normal(0, 0.001, 300_000))
    thinned = queue.thin_equity(np.arange(300_000), equity)
    assert len(thinned["equity"]) <= 2002
    assert (thinned["equity"].max(), thinned["equity"].min()) == (equity.max(), equity.min())
    assert (thinned["equity"][0], thinned["equity"][-1]) == (equity[0], equity[-1])
