"""Exits and protective orders while the market moves, answers are lost and requests refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bots import tasks
from bots.models import (
    BotRun,
    Incident,
    Order,
)
from bots.trading.tests.stage import raising
from bots.trading.tests.tables import ENTER, EXIT_BAR, HELD, QUIET, SELLS
from exchange.api.errors import OutcomeUnknown, RequestRejected

pytestmark = pytest.mark.django_db


def test_a_sale_that_the_exchange_refuses_is_tried_until_it_goes_out(make_stage):
    bot = make_stage(HELD + SELLS + "98 98 98 98\n 98 98 98 98")
    bot.decide(ENTER)
    bot.decide(ENTER + 1)
    bot.exchange.before["submit"] = raising(RequestRejected("Market is closed.", code=-2010))
    bot.decide(EXIT_BAR)
    assert (bot.trade().closed_at, bot.trade().exit_requested) == (None, "signal")
    assert Incident.objects.filter(kind="exit_refused", resolved_at=None).exists()
    assert tasks.bots_to_settle() == [bot.bot.pk]
    bot.tick()
    assert (bot.trade().exit_price, bot.trade().exit_reason) == (98, "signal")
    assert not Incident.objects.filter(kind="exit_refused", resolved_at=None).exists()
    bot.assert_books_agree()


def test_a_target_that_fills_while_it_is_cancelled_is_the_only_sale(make_stage):
    bot = make_stage(HELD + SELLS + "98 111 98 100\n 100 100 100 100")
    bot.decide(ENTER)
    bot.decide(ENTER + 1)
    bot.exchange.before["cancel"] = lambda: bot.clock.set(bot.open_of(EXIT_BAR + 2))
    bot.decide(EXIT_BAR)
    assert (bot.trade().exit_price, bot.trade().exit_reason) == (110, "take_profit")
    assert (bot.orders("exit"), bot.resting()) == ([], [])
    bot.assert_books_agree()


def test_a_cancel_with_a_lost_answer_is_looked_up_and_the_exit_sent(make_stage):
    bot = make_stage(HELD + SELLS + "98 98 98 98\n")
    bot.decide(ENTER)
    bot.decide(ENTER + 1)
    bot.exchange.after["cancel"] = raising(OutcomeUnknown("the connection failed before an answer came"))
    assert bot.decide(EXIT_BAR).outcome == BotRun.Outcome.DECIDED
    assert (bot.trade().exit_price, bot.trade().exit_reason, bot.resting()) == (98, "signal", [])
    bot.assert_books_agree()


def test_a_cancel_that_never_arrived_leaves_one_seller(make_stage):
    bot = make_stage(HELD + SELLS + "98 98 98 98\n 98 98 98 98")
    bot.decide(ENTER)
    bot.decide(ENTER + 1)
    lost = raising(OutcomeUnknown("the connection failed before an answer came"))
    bot.exchange.before["cancel"] = lambda: (bot.exchange.before.update(cancel=lost), lost())
    assert bot.decide(EXIT_BAR).outcome == BotRun.Outcome.FAILED
    assert (bot.orders("exit"), len(bot.resting())) == ([], 2)
    bot.tick()
    assert (bot.trade().exit_price, bot.trade().exit_reason, bot.resting()) == (98, "signal", [])
    bot.assert_books_agree()


def test_a_stop_with_a_limit_that_is_left_behind_is_sold_at_market(make_stage):
    bot = make_stage(HELD + "90 91 89 90  opens far under stop and limit\n 90 90 90 90\n", take_profit="none")
    no_stop_market = {"order_types": frozenset({"LIMIT", "MARKET", "STOP_LOSS_LIMIT"})}
    bot.decide(ENTER, **no_stop_market)
    assert bot.resting() == [("STOP_LOSS_LIMIT", 5)]
    assert Order.objects.get(purpose="stop").limit_price == Decimal("94.52")  # 95 less half a percent, to the tick
    bot.decide(ENTER + 1, **no_stop_market)
    assert (bot.trade().exit_price, bot.trade().exit_reason, bot.resting()) == (90, "stop_loss", [])
    bot.assert_books_agree()


def test_protection_of_only_a_part_of_the_position_is_replaced(make_stage):
    bot = make_stage(HELD + QUIET)
    bot.decide(ENTER)
    Order.objects.filter(purpose__in=("stop", "target")).update(quantity=Decimal(4))
    bot.tick()
    assert bot.resting() == [("LIMIT_MAKER", 5), ("STOP_LOSS", 5)]
    assert len(bot.orders("stop")) == 2
