"""The pages of searches, walk-forwards and Monte Carlo runs: progress, reports, trials, and what is done with them."""

import csv
import io
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from django.urls import reverse
from django.utils import timezone

from backtests.models import Application, Backtest, HoldOutOpening, Optimisation, RunStatus
from backtests.optimisation import rounds
from backtests.optimisation.samplers import METRIC_NAMES
from backtests.reports import trials
from backtests.runs import queue
from backtests.runs.inputs import RunRequest
from backtests.walk_forward import runner
from bots.control import lifecycle

pytestmark = pytest.mark.django_db
GRID = {"grid": ["ema_fast=5:8", "ema_slow=30:50:10"], "min_trades": 3}


def queued(settings=None, **plan):
    return rounds.new_optimisation(RunRequest("BTCUSDT", "1h", settings or {}), GRID | plan)


def searched(settings=None, **plan):
    search = queued(settings, **plan)
    rounds.run_in_process(search)
    search.refresh_from_db()
    assert search.status == RunStatus.DONE, search.error
    return search


def half_made(monkeypatch):
    """Return an optimisation of 12 trials, 8 of them evaluated."""
    monkeypatch.setattr(rounds, "CHUNK_TRIALS", 4)
    search = queued()
    for chunk in rounds.next_chunks(search)[:2]:
        assert rounds.evaluate_chunk(chunk)
    search.refresh_from_db()
    return search


def address(run, name="show"):
    return reverse(f"backtests:{name}", args=[run.kind, run.pk])


def test_progress_shows_steps_time_and_the_best_so_far(admin_client, market, monkeypatch):
    search = half_made(monkeypatch)
    Optimisation.objects.filter(pk=search.pk).update(started_at=timezone.now() - timedelta(seconds=40))
    page = admin_client.get(address(search)).content.decode()
    assert "8 of 12 trials" in page
    assert "67%" in page
    assert "about 20 s left" in page
    assert address(search, "progress") in page
    best = rounds.best_trial_so_far(search)
    table = rounds.stored_trials(search)
    assert best["score"] == np.nanmax(table.metric("sharpe"))
    assert "Best so far" in admin_client.get(address(search, "progress")).content.decode()


def test_the_page_is_fetched_anew_when_its_run_has_ended(admin_client, market):
    search = queued()
    asked = {"was": "queued"}
    assert "HX-Refresh" not in admin_client.get(address(search, "progress"), asked)
    rounds.run_in_process(search)
    assert admin_client.get(address(search, "progress"), asked)["HX-Refresh"] == "true"


def test_a_run_is_paused_resumed_and_cancelled_by_its_buttons(admin_client, market, monkeypatch):
    search = half_made(monkeypatch)
    for act, status in (("pause", RunStatus.PAUSED), ("resume", RunStatus.QUEUED), ("cancel", RunStatus.CANCELLED)):
        admin_client.post(address(search, "act"), {"act": act})
        search.refresh_from_db()
        assert search.status == status
    page = admin_client.get(address(search))
    text = page.content.decode()
    assert "there is no result" in text
    assert page.context["report"]["trials"]["count"] == 8
    assert "verdict-title" not in text
    assert 'id="overfitting"' not in text
    assert "Edit and run again" in text
    again = admin_client.post(address(search, "act"), {"act": "resume"}, follow=True)
    assert "Only a paused run" in again.content.decode()


def test_a_failure_shows_its_sentence_and_the_way_on(admin_client, market):
    search = queued(min_trades=5000)
    rounds.run_in_process(search)
    text = admin_client.get(address(search)).content.decode()
    assert "None of 12 trials closed 5000 trades" in text
    assert "start it again" in text


def test_the_heat_map_takes_any_two_parameters(admin_client, market):
    search = searched(grid=["ema_fast=5:7", "ema_slow=30:40:10", "stop_loss=none,0.02,0.05"])
    table = rounds.stored_trials(search)
    wanted = (table.parameters[:, 0] == 6) & (table.parameters[:, 1] == 40)
    returns = table.metric("total_return")[wanted]
    assert len(returns) == 3
    for stat, expected in (("best", returns.max()), ("median", np.median(returns)), ("worst", returns.min())):
        query = {"x": "ema_slow", "y": "ema_fast", "stat": stat, "of": "total_return"}
        heat = admin_client.get(address(search), query).context["report"]["heat"]
        cells = {(heat["xs"][i], heat["ys"][j]): value for i, j, value, _ in heat["cells"]}
        assert cells["40", "6"] == pytest.approx(expected, abs=1e-5)
    heat = admin_client.get(address(search), {"x": "stop_loss", "of": "max_drawdown"}).context["report"]["heat"]
    assert heat["xs"] == ["off", "0.02", "0.05"]
    drawdown = table.metric("max_drawdown")[np.isnan(table.parameters[:, 2]) & (table.parameters[:, 0] == 5)].min()
    assert heat["cells"][0][2] == pytest.approx(drawdown, abs=1e-5)


def test_trials_are_sorted_paged_and_leave_as_csv_whole(admin_client, market, monkeypatch):
    monkeypatch.setattr(trials, "PAGE_SIZE", 5)
    search = searched()
    table = admin_client.get(address(search), {"sort": "-ema_slow", "p": "2"}).context["report"]["trials"]
    assert (table["page"], table["pages"], len(table["rows"])) == (2, 3, 5)
    whole = rounds.stored_trials(search)
    order = np.argsort(-whole.parameters[:, 1], kind="stable")
    assert [row["number"] for row in table["rows"]] == (order[5:10] + 1).tolist()
    answer = admin_client.get(reverse("backtests:trials", args=[search.pk]))
    rows = list(csv.reader(io.StringIO(answer.content.decode())))
    assert rows[0] == ["trial", "ema_fast", "ema_slow", *METRIC_NAMES]
    assert len(rows) == 13
    assert float(rows[7][rows[0].index("sharpe")]) == whole.metric("sharpe")[6]


def test_an_optimisations_page_reads_no_daily_returns(admin_client, market, django_assert_max_num_queries):
    search = searched()
    search.chunks.all().delete()  # what a page needs stands with the search
    page = admin_client.get(address(search))
    assert page.context["report"]["trials"]["count"] == 12


def test_the_plateau_stands_beside_the_robust_centre_with_every_neighbour(admin_client, market):
    search = searched()
    best, centre = admin_client.get(address(search)).context["report"]["stability"]["groups"]
    table = rounds.stored_trials(search)
    sharpe = table.metric("sharpe")
    assert best["score"] == pytest.approx(np.nanmax(sharpe), abs=1e-5)
    own = table.parameters[best["trial"]["number"] - 1]
    near = (np.abs(table.parameters - own) <= [1, 10]).all(axis=1) & (table.parameters != own).any(axis=1)
    assert sorted(best["around"]) == pytest.approx(sorted(sharpe[near]), abs=1e-5)
    assert centre["median"] is not None


def test_two_objectives_show_the_trials_that_no_other_beats_in_both(admin_client, market):
    search = searched(method="nsga2", objectives=["sharpe", "max_drawdown"], max_trials=12, round_size=6)
    front = admin_client.get(address(search)).context["report"]["front"]
    table = rounds.stored_trials(search)
    sharpe, fall = table.metric("sharpe"), table.metric("max_drawdown")
    beaten = [
        ((sharpe >= s) & (fall <= f) & ((sharpe > s) | (fall < f))).any() for s, f in zip(sharpe, fall, strict=True)
    ]
    expected = {row + 1 for row, is_beaten in enumerate(beaten) if not is_beaten}
    assert {row["number"] for row in front["rows"]} <= expected
    assert {(sharpe[n - 1], fall[n - 1]) for n in expected} == {
        (sharpe[row["number"] - 1], fall[row["number"] - 1]) for row in front["rows"]
    }


def test_any_trial_is_backtested_on_its_optimisations_bars(admin_client, market):
    search = searched()
    page = admin_client.get(reverse("backtests:trial", args=[search.pk, 7]))
    assert "Trial 7 of optimisation" in page.content.decode()
    admin_client.post(address(search, "act"), {"act": "backtest", "trial": "7"})
    run = Backtest.objects.get()
    assert (run.start_at, run.end_at, run.optimisation) == (search.start_at, search.end_at, search)
    queue.execute_backtest(run)
    run.refresh_from_db()
    expected = rounds.stored_trials(search).metrics_at(6)
    assert run.result["metrics"]["sharpe"] == pytest.approx(expected["sharpe"])
    assert admin_client.get(reverse("backtests:trial", args=[search.pk, 99])).status_code == 404
    refused = admin_client.post(address(search, "act"), {"act": "backtest", "trial": "99"}, follow=True)
    assert "no such trial" in refused.content.decode()


def test_the_hold_out_is_opened_with_a_reason(admin_client, market):
    search = searched()
    refused = admin_client.post(address(search, "act"), {"act": "hold_out", "reason": " "}, follow=True)
    assert "Say why" in refused.content.decode()
    assert not HoldOutOpening.objects.exists()
    admin_client.post(address(search, "act"), {"act": "hold_out", "reason": "last look", "trial": "3"})
    opening = HoldOutOpening.objects.get()
    assert opening.parameters == rounds.stored_trials(search).at(2)
    queue.execute_backtest(opening.backtest)
    page = admin_client.get(address(search))
    assert "last look" in page.content.decode()
    inside, outside = page.context["report"]["hold_out"]["rows"][0]["values"]
    opening.backtest.refresh_from_db()
    assert (inside, outside) == (f"{search.total_return:.2%}", f"{opening.backtest.total_return:.2%}")
    admin_client.post(address(search, "act"), {"act": "delete"})
    assert Optimisation.objects.exists()


def test_a_result_is_applied_as_a_new_version_and_reverted(admin_client, bot):
    search = searched()
    asked = {"act": "apply", "bot": bot.pk, "parameters": "ema_fast=7 ema_slow=40"}
    page = admin_client.post(address(search, "act"), asked)
    assert [(row["label"], row["before"], row["after"]) for row in page.context["changes"]] == [
        ("Fast EMA", "12", "7"),
        ("Slow EMA", "26", "40"),
    ]
    assert page.context["differences"] == []
    bot.refresh_from_db()
    assert bot.ema_fast == 12
    admin_client.post(address(search, "act"), asked | {"confirmed": 1, "reason": " "})
    bot.refresh_from_db()
    assert bot.ema_fast == 12
    admin_client.post(address(search, "act"), asked | {"confirmed": 1, "reason": "tried it"})
    bot.refresh_from_db()
    assert (bot.ema_fast, bot.ema_slow) == (7, 40)
    assert bot.versions.first().reason.startswith("tried it")
    application = Application.objects.get()
    assert "Revert" in admin_client.get(address(search)).content.decode()
    admin_client.post(address(search, "act"), {"act": "take_back", "application": application.pk})
    bot.refresh_from_db()
    assert (bot.ema_fast, bot.ema_slow) == (12, 26)
    assert [version.reason for version in bot.versions.order_by("number")][2] == "Back to version 1"
    twice = admin_client.post(address(search, "act"), {"act": "take_back", "application": application.pk}, follow=True)
    assert "was changed again since" in twice.content.decode()


def test_differences_between_bot_and_run_show_before_applying(admin_client, bot):
    bot.timeframe, bot.stop_loss = "15m", Decimal("0.015")
    lifecycle.save(bot)
    search = searched({"cooldown_bars": "3"})
    asked = {"act": "apply", "bot": bot.pk, "parameters": "ema_fast=7 ema_slow=40"}
    page = admin_client.post(address(search, "act"), asked)
    assert [(row["label"], row["run"], row["bot"]) for row in page.context["differences"]] == [
        ("Interval", "1h", "15m"),
        ("Stop-loss", "off", "1.5%"),
        ("Cooldown", "3", "0"),
    ]
    assert "Differences between the bot and this run" in page.content.decode()


@pytest.mark.parametrize(
    ("parameters", "words"),
    [("ema_fast=90", "under the slow EMA"), ("entry_period=5", "has no parameter entry_period")],
)
def test_what_a_bot_cannot_have_is_not_applied(admin_client, bot, parameters, words):
    search = searched()
    asked = {"act": "apply", "bot": bot.pk, "parameters": parameters, "confirmed": 1, "reason": "x"}
    answer = admin_client.post(address(search, "act"), asked, follow=True)
    assert words in answer.content.decode()
    assert bot.versions.count() == 1


def test_a_walk_forwards_page_puts_its_windows_on_one_time_line(admin_client, market):
    run = runner.new_walk_forward(
        RunRequest("BTCUSDT", "1h", {}), {**GRID, "min_trades": 1, "train_days": 60, "test_days": 30, "anchored": False}
    )
    runner.execute_walk_forward(run)
    run.refresh_from_db()
    assert run.status == RunStatus.DONE, run.error
    page = admin_client.get(address(run))
    windows = page.context["report"]["charts"]["windows"]
    assert len(windows) == len(run.result["windows"]) > 2
    assert all(one["test_to"] == other["test_from"] for one, other in pairwise(windows))
    steps = [float(step["equity"][-1]) for step in run.steps]
    assert [window["growth"] for window in windows] == steps
    assert run.total_return == pytest.approx(np.prod(steps) - 1)
    lines = page.context["report"]["charts"]["parameters"]
    assert lines[0]["values"] == [step["parameters"]["ema_fast"] for step in run.steps]
    assert "probabilistic_sharpe" in [reason["name"] for reason in run.verdict["reasons"]]


def test_an_unfinished_walk_forward_shows_its_finished_windows(admin_client, market):
    run = runner.new_walk_forward(
        RunRequest("BTCUSDT", "1h", {}), {**GRID, "min_trades": 1, "train_days": 60, "test_days": 30, "anchored": False}
    )
    runner.execute_walk_forward(run, lambda done, total: queue.pause(run) if done == 2 else None)
    run.refresh_from_db()
    assert run.status == RunStatus.PAUSED
    assert len(admin_client.get(address(run)).context["progress"]["windows"]) == len(run.steps) > 0
    assert queue.resume(run)
    runner.execute_walk_forward(run)
    run.refresh_from_db()
    assert run.status == RunStatus.DONE


def test_a_monte_carlo_page_marks_the_real_outcome(admin_client, market):
    search = searched()
    source = rounds.new_trial_backtest(search, search.result["best"]["parameters"])
    queue.execute_backtest(source)
    source.refresh_from_db()
    run = queue.new_monte_carlo(source, {"method": "shuffle", "paths": 400, "fee_multiples": [1, 2]})
    queue.execute_monte_carlo(run)
    run.refresh_from_db()
    closed = [float(t["net_pnl"]) for t in source.result["trades"] if t["exit_time"] is not None]
    assert run.result["actual"]["return"] == pytest.approx(sum(closed) / 1000)
    report = admin_client.get(address(run)).context["report"]
    assert report["rows"][0]["actual"] == f"{sum(closed) / 1000:.1%}"
    assert report["charts"]["fan"]["course"][-1] == pytest.approx(1 + sum(closed) / 1000, abs=1e-4)
    assert len(report["stress"]["rows"]) == 2
    own = {reason["name"]: reason["value"] for reason in source.verdict["reasons"]}
    judged = {reason["name"]: reason["value"] for reason in run.verdict["reasons"]}
    assert judged["deflated_sharpe"] == own["deflated_sharpe"]
    assert f"{1 + search.trials_made} trials" in run.verdict["sentence"]
