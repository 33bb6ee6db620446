"""The pages of results as a person uses them, and the commands beside them."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from backtests.models import Backtest, MonteCarlo, WalkForward
from backtests.optimisation import rounds
from backtests.runs import queue
from backtests.runs.inputs import RunRequest

pytestmark = pytest.mark.django_db


def done(market_settings=None):
    run = queue.new_backtest(RunRequest("BTCUSDT", "1h", market_settings or {}))
    queue.execute_backtest(run)
    run.refresh_from_db()
    return run


def searched():
    plan = {"grid": ["ema_fast=5:8", "ema_slow=30:50:10"], "min_trades": 3}
    search = rounds.new_optimisation(RunRequest("BTCUSDT", "1h", {}), plan)
    rounds.run_in_process(search)
    search.refresh_from_db()
    return search


def address(run, name="show"):
    return reverse(f"backtests:{name}", args=[run.kind, run.pk])


def test_pages_need_a_login_and_the_permission(client, django_user_model, market):
    assert client.get(reverse("backtests:home")).status_code == 302
    client.force_login(django_user_model.objects.create_user("guest", password="x", is_staff=True))
    assert client.get(reverse("backtests:home")).status_code == 403


def test_trades_leave_as_csv(admin_client, market):
    run = done()
    answer = admin_client.get(reverse("backtests:trades", args=[run.pk]))
    assert len(answer.content.decode().splitlines()) == 1 + len(run.result["trades"])


def test_results_stand_side_by_side_with_differences_marked(admin_client, market):
    one, other = done({"ema_fast": "8"}), done({"ema_fast": "9"})
    page = admin_client.get(reverse("backtests:compare"), {"id": [other.pk, one.pk]})
    report = page.context["report"]
    assert [(row["key"], row["values"]) for row in report["different"]] == [("ema_fast", ["9", "8"])]
    best = max((other, one), key=lambda run: run.total_return)
    cells = next(row["cells"] for row in report["figures"] if row["name"] == "total_return")
    assert [cell["is_best"] for cell in cells] == [run == best for run in (other, one)]
    assert report["charts"]["lines"][0]["points"][-1][1] == pytest.approx(other.total_return * 100, abs=1e-3)


def test_a_comparison_says_what_it_cannot_show(admin_client, market):
    run = done()
    alone = admin_client.get(reverse("backtests:compare"), {"id": run.pk})
    assert b"only finished backtest" in alone.content
    page = admin_client.get(reverse("backtests:compare"), {"id": [run.pk, 999, "x", *range(1000, 1010)]})
    assert "At most 6 results" in page.content.decode()
    assert "no finished backtest #999" in page.content.decode()


def test_notes_and_pins_are_kept_and_a_result_is_deleted(admin_client, market):
    run = done()
    admin_client.post(address(run, "act"), {"act": "note", "note": "keep", "is_pinned": "on"})
    run.refresh_from_db()
    assert (run.note, run.is_pinned) == ("keep", True)
    admin_client.post(address(run, "act"), {"act": "delete"})
    assert not Backtest.objects.exists()


def test_commands_optimise_walk_forward_simulate_and_rerun(market):
    out = StringIO()
    grid = ["--grid", "ema_fast=5:7", "--grid", "ema_slow=30:40:10", "--min-trades", "2"]
    call_command("optimise", "--dataset", "BTCUSDT:1h", *grid, stdout=out)
    assert "Deflated Sharpe ratio" in out.getvalue()
    call_command(
        "walk_forward", "--dataset", "BTCUSDT:1h", *grid, "--train-days", "60", "--test-days", "30", stdout=out
    )
    assert "out-of-sample return" in out.getvalue()
    run = done()
    call_command("monte_carlo", str(run.pk), "--paths", "200", "--slippages-bps", "0", "7", stdout=out)
    assert "7 bps" in out.getvalue()
    assert {cell["slippage_bps"] for cell in MonteCarlo.objects.get().result["stress"]} == {0, 7}
    call_command("rerun", str(run.pk), stdout=out)
    assert f"Identical: {run.result_hash}" in out.getvalue()
    Backtest.objects.filter(pk=run.pk).update(result_hash="0" * 64)
    with pytest.raises(CommandError, match="changed"):
        call_command("rerun", str(run.pk))
    assert WalkForward.objects.get().status == "done"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["optimise", "--dataset", "BTCUSDT:1h"], "Nothing to search"),
        (["optimise", "--dataset", "BTCUSDT", "--grid", "ema_fast=5:6"], "SYMBOL:INTERVAL"),
        (["optimise", "--bot", "Nobody", "--grid", "ema_fast=5:6"], "no bot"),
        (["walk_forward", "--dataset", "BTCUSDT:1h", "--grid", "ema_fast=5:6", "--train-days", "900"], "too few"),
        (["rerun", "99"], "no backtest"),
    ],
)
def test_commands_refuse_nonsense_in_words(market, arguments, words):
    with pytest.raises(CommandError, match=words):
        call_command(*arguments)
