"""What an operator does in the middle of a run."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bots import tasks
from bots.control import lifecycle
from bots.models import (
    BotConfig,
    BotRun,
    Decision,
    Incident,
)
from bots.trading.tests.tables import ENTER, EXIT_BAR, HELD, QUIET, SELLS
from exchange.secrets import Secret

pytestmark = pytest.mark.django_db


def test_a_stop_while_a_run_asks_for_prices_prevents_its_entry(make_stage):
    bot = make_stage(HELD + QUIET)
    bot.exchange.before["account"] = lambda: lifecycle.stop(bot.bot)
    assert bot.decide(ENTER).outcome == BotRun.Outcome.SETTLED
    assert (bot.orders(), Decision.objects.count()) == ([], 0)


@pytest.mark.parametrize("press", [lambda bot: lifecycle.pause(bot), lambda bot: lifecycle.set_kill_switch(True)])
def test_a_halt_while_a_run_asks_for_prices_prevents_its_entry(make_stage, press):
    bot = make_stage(HELD + QUIET)
    bot.exchange.before["account"] = lambda: press(bot.bot)
    bot.decide(ENTER)
    assert (bot.orders(), Decision.objects.get().reason) == ([], "halted")


def test_a_position_closed_while_a_run_protects_it_is_sold_by_the_next(make_stage):
    bot = make_stage(HELD + QUIET)
    bot.exchange.before["submit_oco"] = lambda: lifecycle.request_close(bot.bot)
    bot.decide(ENTER)
    assert bot.trade().closed_at is None
    assert tasks.bots_to_settle() == [bot.bot.pk]
    lifecycle.stop(bot.bot)
    bot.tick()
    assert (bot.trade().exit_reason, bot.trade().exit_price, bot.resting()) == ("manual", 100, [])
    assert tasks.bots_to_settle() == []
    bot.assert_books_agree()


def test_closing_is_refused_without_a_position(make_stage):
    with pytest.raises(lifecycle.ActionRefused, match="holds no position"):
        lifecycle.request_close(make_stage(HELD).bot)


@pytest.mark.parametrize(
    ("change", "stop", "rests"),
    [
        ({"stop_loss": Decimal("0.02")}, Decimal(98), [("LIMIT_MAKER", 5), ("STOP_LOSS", 5)]),
        ({"stop_loss": Decimal("0.2")}, Decimal(95), [("LIMIT_MAKER", 5), ("STOP_LOSS", 5)]),  # never moves down
        ({"take_profit": None}, Decimal(95), [("STOP_LOSS", 5)]),
        ({"stop_loss": None, "take_profit": None}, None, []),
    ],
)
def test_exits_changed_during_an_entry_hold_from_the_next_run_on(make_stage, change, stop, rests):
    bot = make_stage(HELD + QUIET)
    bot.exchange.after["submit"] = lambda: BotConfig.objects.update(**change)
    bot.decide(ENTER)
    assert (bot.trade().stop_price, bot.resting()) == (95, [("LIMIT_MAKER", 5), ("STOP_LOSS", 5)])
    bot.tick()
    assert (bot.trade().stop_price, bot.resting()) == (stop, rests)
    assert tasks.bots_to_settle() == []


def test_a_revoked_key_is_an_incident_until_it_works_again(make_stage):
    bot = make_stage(HELD + SELLS + "98 98 98 98\n")
    bot.decide(ENTER)
    client = bot.client
    secret = client.API_SECRET
    client.API_SECRET = Secret("revoked-revoked")
    assert bot.decide(ENTER + 1).outcome == BotRun.Outcome.FAILED
    assert Incident.objects.filter(kind="credentials_refused", resolved_at=None).exists()
    client.API_SECRET = secret
    bot.decide(EXIT_BAR)
    assert not Incident.objects.filter(kind="credentials_refused", resolved_at=None).exists()
    assert (bot.trade().exit_price, bot.trade().exit_reason) == (98, "signal")
    bot.assert_books_agree()
