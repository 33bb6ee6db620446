"""The actions of an operator: what each does, what it refuses, and who did it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from bots.control import lifecycle
from bots.control.lifecycle import ActionRefused
from bots.models import BotConfig, BotState, KillSwitch, OperatorAction, Status, Trade
from bots.tests import builders
from exchange.models import Symbol

pytestmark = pytest.mark.django_db


@pytest.fixture
def bot() -> BotConfig:
    """Store a bot that can start."""
    builders.btcusdt()
    Symbol.objects.update(read_at=timezone.now())
    return builders.bot("Alpha")


@pytest.fixture
def holding(bot: BotConfig) -> BotConfig:
    """Store a running bot with an open position."""
    builders.open_trade(bot, builders.NOW)
    return running(bot, base=Decimal("0.00824"))


def running(bot: BotConfig, **values: Any) -> BotConfig:
    BotState.objects.filter(bot=bot).update(status=Status.RUNNING, **values)
    return BotConfig.objects.get(pk=bot.pk)


def state(bot: BotConfig) -> BotState:
    return BotState.objects.get(bot=bot)


PREPARED: dict[str, tuple[Callable[..., object], dict[str, Any]]] = {
    "start": (lifecycle.start, {"status": Status.STOPPED}),
    "pause": (lifecycle.pause, {"status": Status.RUNNING}),
    "stop": (lifecycle.stop, {"status": Status.RUNNING}),
    "resume": (lifecycle.resume, {"drawdown_reached_at": builders.NOW}),
    "run_now": (lifecycle.run_now, {"status": Status.RUNNING}),
    "duplicate": (lifecycle.duplicate, {}),
    "close_position": (lifecycle.close_position, {"base": Decimal("0.00824")}),
}


@pytest.mark.parametrize("kind", PREPARED)
@pytest.mark.parametrize("is_user", [True, False], ids=["user", "command"])
def test_who_acted_is_stored(bot, admin_user, kind, is_user):
    action, values = PREPARED[kind]
    builders.open_trade(bot, builders.NOW)
    BotState.objects.filter(bot=bot).update(**values)
    action(BotConfig.objects.get(pk=bot.pk), by=admin_user if is_user else "root")
    logged = OperatorAction.objects.get(kind=kind)
    assert (logged.bot, logged.author) == (bot, admin_user if is_user else None)
    assert logged.author_name == ("admin" if is_user else "root")


def test_a_refused_action_is_not_logged(bot):
    with pytest.raises(ActionRefused):
        lifecycle.pause(bot, by="root")
    assert not OperatorAction.objects.exists()


def test_the_log_keeps_the_name_of_a_deleted_user(bot, admin_user):
    lifecycle.start(bot, by=admin_user)
    User.objects.all().delete()
    assert OperatorAction.objects.get().author_name == "admin"


def test_a_start_enables_the_schedule(bot):
    lifecycle.start(bot)
    assert (state(bot).status, PeriodicTask.objects.get(args=f"[{bot.pk}]").enabled) == (Status.RUNNING, True)


def test_a_bot_with_a_wrong_configuration_does_not_start(bot):
    bot.initial_capital = Decimal(4)
    with pytest.raises(ActionRefused, match="takes no order on BTCUSDT under 5 USDT"):
        lifecycle.start(bot)


def test_a_pause_keeps_the_schedule(bot):
    lifecycle.pause(running(bot))
    assert (state(bot).status, PeriodicTask.objects.get(args=f"[{bot.pk}]").enabled) == (Status.PAUSED, True)


def test_a_stop_disables_the_schedule(bot):
    lifecycle.stop(running(bot))
    assert (state(bot).status, PeriodicTask.objects.get(args=f"[{bot.pk}]").enabled) == (Status.STOPPED, False)


def test_a_stop_tells_what_stays_open(holding):
    assert lifecycle.stop(holding) == "Alpha still holds 0.00824; 0 protective order(s) stay on the exchange."


def test_a_stop_of_a_flat_bot_tells_nothing(bot):
    assert lifecycle.stop(running(bot)) == ""


def test_a_resume_measures_the_drawdown_from_todays_equity(bot):
    BotState.objects.filter(bot=bot).update(drawdown_reached_at=builders.NOW, equity=800, peak_equity=1000)
    lifecycle.resume(bot)
    assert (state(bot).drawdown_reached_at, state(bot).peak_equity) == (None, 800)


def test_a_bot_that_is_not_halted_is_not_resumed(bot):
    with pytest.raises(ActionRefused, match="not halted"):
        lifecycle.resume(bot)


def test_a_stopped_bot_does_not_run_now(bot):
    with pytest.raises(ActionRefused, match="does not tick"):
        lifecycle.run_now(bot)


def test_a_close_is_recorded_on_the_open_trade(holding):
    lifecycle.request_close(holding)
    assert Trade.objects.get(bot=holding).exit_requested == "manual"


def test_a_close_keeps_an_earlier_reason(holding):
    Trade.objects.update(exit_requested="stop_loss")
    lifecycle.request_close(holding)
    assert Trade.objects.get(bot=holding).exit_requested == "stop_loss"


def test_a_copy_is_stopped_with_a_ledger_of_its_own(holding):
    copy = lifecycle.duplicate(holding)
    assert (copy.name, state(copy).status, state(copy).base) == ("Alpha (2)", Status.STOPPED, 0)


def test_a_second_copy_has_the_next_free_name(bot):
    lifecycle.duplicate(bot)
    assert lifecycle.duplicate(bot).name == "Alpha (3)"


@pytest.mark.parametrize(("capital", "quote"), [("1500", 1500), ("700", 700)])
def test_a_changed_capital_moves_the_ledger(bot, capital, quote):
    bot.initial_capital = Decimal(capital)
    lifecycle.save(bot)
    assert (state(bot).quote, state(bot).peak_equity) == (quote, quote)


def test_no_more_capital_is_taken_out_than_the_ledger_has(bot):
    BotState.objects.filter(bot=bot).update(quote=200)
    bot.initial_capital = Decimal(700)
    with pytest.raises(ActionRefused, match="300 cannot be taken out"):
        lifecycle.save(bot)


def test_the_kill_switch_is_set_with_its_reason(admin_user):
    lifecycle.set_kill_switch(True, reason="Storm", by=admin_user)
    switch = KillSwitch.load()
    assert (switch.is_on, switch.reason, switch.changed_by) == (True, "Storm", admin_user)


@pytest.mark.parametrize("act", [lifecycle.start, lifecycle.pause, lifecycle.stop, lifecycle.run_now])
def test_a_demo_bot_is_left_alone_while_its_history_is_simulated(bot, act):
    BotState.objects.filter(bot=bot).update(status=Status.PREPARING)
    with pytest.raises(ActionRefused, match="still being simulated"):
        act(bot)
