"""Orders that fill in parts."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bots.models import (
    BotRun,
    BotState,
    Fill,
    OrderState,
    Status,
)
from bots.trading.tests.stage import NO_FEE
from bots.trading.tests.tables import ENTER, EXIT_BAR, HELD, QUIET, SELLS
from exchange.paper.account.accounts import AccountTerms

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("share", ["0.003", "0.001"])
def test_what_fills_in_part_is_protected_in_part_and_sold_whole(make_stage, share):
    terms = AccountTerms(volume_share=Decimal(share), **NO_FEE)
    bot = make_stage(HELD + SELLS + "98 98 98 98\n" * 6, terms=terms)
    bot.decide(ENTER)
    bought = bot.trade().quantity
    assert bought == 1000 * Decimal(share)
    assert bot.resting() == [("LIMIT_MAKER", bought), ("STOP_LOSS", bought)]
    bot.decide(ENTER + 1)
    BotState.objects.filter(bot=bot.bot).update(status=Status.PAUSED)
    bot.decide(EXIT_BAR)
    assert (bot.trade().closed_at is not None, bot.resting()) == (True, [])
    bot.assert_books_agree()


def test_an_exit_that_fills_in_part_is_carried_on_by_the_next_runs(make_stage):
    terms = AccountTerms(volume_share=Decimal("0.005"), **NO_FEE)
    bot = make_stage(HELD + SELLS + "98 98 98 98\n" * 4, terms=terms)
    bot.decide(ENTER)
    bot.decide(ENTER + 1)
    bot.account.volume_share = Decimal("0.002")
    bot.account.save()
    for bar in range(EXIT_BAR, EXIT_BAR + 3):
        bot.decide(bar)
        bot.assert_books_agree()
        assert bot.resting() == []
    assert [fill.quantity for fill in Fill.objects.filter(side="SELL").order_by("pk")] == [2, 2, 1]
    assert (bot.trade().exit_price, bot.trade().exit_reason, bot.trade().net_pnl) == (98, "signal", -10)


def test_a_target_that_fills_bar_by_bar_is_booked_fill_by_fill(make_stage):
    terms = AccountTerms(volume_share=Decimal("0.005"), **NO_FEE)
    bot = make_stage(HELD + "100 111 100 100  reaches the target\n" * 3 + QUIET, terms=terms, stop_loss="none")
    bot.decide(ENTER)
    bot.account.volume_share = Decimal("0.002")
    bot.account.save()
    for bar, left in ((ENTER + 1, 5), (ENTER + 2, 3), (ENTER + 3, 1)):
        assert bot.decide(bar).outcome == BotRun.Outcome.DECIDED
        bot.assert_books_agree()
        assert bot.resting() == [("LIMIT_MAKER", 5)]
        assert BotState.objects.get(bot=bot.bot).base == left
    bot.decide(ENTER + 4)
    assert [fill.quantity for fill in Fill.objects.filter(side="SELL").order_by("pk")] == [2, 2, 1]
    assert (bot.orders("target"), bot.trade().net_pnl) == ([("target", OrderState.FILLED)], 50)
    bot.assert_books_agree()


def test_a_part_that_fills_during_a_settling_is_booked_once(make_stage):
    bot = make_stage(HELD + "100 111 100 100  reaches the target\n" * 5, stop_loss="none")
    bot.decide(ENTER)
    bot.account.volume_share = Decimal("0.002")
    bot.account.save()
    bot.decide(ENTER + 1)
    # The second part fills after the exchange has listed the order with its first, and before it lists the fills.
    bot.exchange.after["open_orders"] = lambda: bot.clock.set(bot.open_of(ENTER + 4))
    for bar, sold in ((ENTER + 2, 2), (ENTER + 3, 2), (ENTER + 4, 3)):
        bot.decide(bar)
        assert Fill.objects.filter(side="SELL").count() == sold
        bot.assert_books_agree()
    assert (bot.trade().exit_price, bot.trade().exit_reason, bot.trade().net_pnl) == (110, "take_profit", 50)
