"""The commands that name a bot: what a dry run prints is what the tick then sends, and the rest do as the buttons."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from bots.control import schedules
from bots.models import BotRun, BotState, Decision, OperatorAction, Order, Status
from bots.tests import builders
from bots.trading.tests.stage import Stage
from bots.trading.tests.tables import BUY
from core.formats import plain
from exchange.models import Symbol
from exchange.paper.models import PaperOrder

pytestmark = pytest.mark.django_db

TABLE = BUY + "100 101 100 100  enters at 100\n" + 3 * "100 101 100 100\n"
ENTER = 2  # the bar that is decided


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Yield a bot on the paper exchange of this process, where the commands look for it."""
    made = Stage(TABLE)
    monkeypatch.setattr("bots.pages.preview.open_context", lambda bot: made.context())
    monkeypatch.setattr("bots.trading.context.open_context", lambda bot: made.context())
    yield made
    made.close()


def output(*command: str) -> str:
    """Return what a command prints, on one line."""
    out = StringIO()
    call_command(*command, stdout=out)
    return " ".join(out.getvalue().split())


def test_a_dry_run_prints_what_the_tick_then_sends_and_does_nothing(stage):
    stage.clock.set(stage.open_of(ENTER + 1))
    dry = output("run_bot", stage.bot.name, "--dry-run")
    assert not any(model.objects.exists() for model in (Order, Decision, BotRun))
    assert stage.resting() == []
    assert BotState.objects.get(bot=stage.bot).last_bar is None
    for words in ("upper │ 100", "signal │ BUY", "is stale │ False", "capital │ 1000.0", "decision │ enter"):
        assert words in dry

    assert "decided" in output("run_bot", stage.bot.name)
    sent = list(Order.objects.order_by("pk"))
    assert len(sent) == dry.count("would send:") == 3
    for order in sent:
        assert f"would send: side {order.side}, type {order.type}, quantity {plain(order.quantity)}" in dry
        for level in filter(None, (order.stop_price, order.limit_price)):
            assert f"price {plain(level)}" in dry
    assert "already decided" in output("run_bot", stage.bot.name, "--dry-run")


def test_a_bot_is_started_listed_and_stopped_by_its_name():
    builders.btcusdt()
    Symbol.objects.update(read_at=timezone.now())
    made = builders.with_history(builders.bot("Alpha"))
    schedule = PeriodicTask.objects.get(name=schedules.task_name(made.pk))
    assert (schedule.enabled, schedule.args) == (False, f"[{made.pk}]")

    assert output("start_bot", "Alpha").startswith("Alpha is running")
    schedule.refresh_from_db()
    assert (BotState.objects.get(bot=made).status, schedule.enabled) == (Status.RUNNING, True)
    listed = output("list_bots")
    for words in ("Alpha", "BTCUSDT 1h", "running", "0.00824", "8.30", "refused cooldown", "paper (simulated)"):
        assert words in listed

    assert output("stop_bot", "Alpha") == "Alpha still holds 0.00824; 0 protective order(s) stay on the exchange."
    schedule.refresh_from_db()
    assert (BotState.objects.get(bot=made).status, schedule.enabled) == (Status.STOPPED, False)
    with pytest.raises(CommandError, match=r"no bot called “Alpah”\. Did you mean Alpha\?"):
        output("start_bot", "Alpah")


def test_a_bot_that_cannot_start_is_told_why_and_stays_stopped():
    builders.btcusdt()
    Symbol.objects.update(read_at=timezone.now())
    made = builders.bot("Poor", initial_capital="4")
    with pytest.raises(CommandError, match=r"Poor cannot start\. The exchange takes no order on BTCUSDT under 5 USDT"):
        output("start_bot", "Poor")
    assert BotState.objects.get(bot=made).status == Status.STOPPED


def test_stopping_with_close_sells_the_position_and_leaves_no_order(stage):
    stage.decide(ENTER)
    assert len(stage.resting()) == 2
    assert output("stop_bot", stage.bot.name, "--close") == f"{stage.bot.name} is stopped and holds nothing."
    trade = stage.trade()
    assert (trade.exit_reason, trade.exit_price, stage.resting()) == ("manual", 100, [])
    assert BotState.objects.get(bot=stage.bot).status == Status.STOPPED
    stage.assert_books_agree()


def test_schedules_are_synced_and_those_without_a_bot_are_deleted():
    lost, wrong, right = builders.bot(), builders.bot(timeframe="4h", is_active=True), builders.bot()
    minutes = IntervalSchedule.objects.create(every=60, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.filter(name=schedules.task_name(lost.pk)).delete()
    PeriodicTask.objects.filter(name=schedules.task_name(wrong.pk)).update(interval=minutes, enabled=False)
    PeriodicTask.objects.create(name="bot-999999", task=schedules.TASK, args="[999999]", interval=minutes)
    other = PeriodicTask.objects.create(name="theirs", task="some.other.task", interval=minutes)

    assert output("sync_schedules") == "2 schedule(s) repaired, 1 without a bot removed."
    rows = {row.name: row for row in PeriodicTask.objects.filter(task=schedules.TASK)}
    assert set(rows) == {schedules.task_name(bot.pk) for bot in (lost, wrong, right)}
    repaired = rows[schedules.task_name(wrong.pk)]
    assert (repaired.interval.every, repaired.enabled) == (4 * 3600, True)
    assert PeriodicTask.objects.filter(pk=other.pk).exists()
    assert output("sync_schedules") == "0 schedule(s) repaired, 0 without a bot removed."


@pytest.mark.parametrize("command", ["abandon_orders", "forget_orders"])
def test_lost_orders_are_abandoned_by_either_name(stage, monkeypatch, command):
    monkeypatch.setattr("bots.management.commands.abandon_orders.open_context", lambda bot: stage.context())
    stage.decide(ENTER)
    PaperOrder.objects.filter(side="SELL").delete()
    assert output(command, stage.bot.name, "--reason", "testnet reset").count("is marked as lost") == 2
    assert OperatorAction.objects.get(kind="abandon_orders").reason == "testnet reset"


def test_without_lost_orders_nothing_is_changed(stage, monkeypatch):
    monkeypatch.setattr("bots.management.commands.abandon_orders.open_context", lambda bot: stage.context())
    stage.decide(ENTER)
    assert "nothing was changed" in output("abandon_orders", stage.bot.name, "--reason", "why not")
    assert not OperatorAction.objects.exists()
