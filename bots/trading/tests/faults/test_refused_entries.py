"""Entries that the exchange refuses."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bots.models import (
    Action,
    BotRun,
    BotState,
    Decision,
    Incident,
    OrderState,
)
from bots.trading.tests.tables import ENTER, HELD, QUIET
from exchange.api.types import OrderRequest, OrderType, Side

pytestmark = pytest.mark.django_db


def test_money_spent_while_an_entry_goes_out_refuses_the_entry(make_stage):
    bot = make_stage(HELD + "100 103 100 103  buys again\n" + QUIET)
    bot.exchange.before["submit"] = lambda: bot.exchange.submit(
        OrderRequest("BTCUSDT", Side.BUY, OrderType.MARKET, Decimal(99), "foreign")
    )
    assert bot.decide(ENTER).outcome == BotRun.Outcome.DECIDED
    decision = Decision.objects.get()
    assert (decision.action, decision.reason) == (Action.REFUSED, "insufficient_balance")
    assert bot.orders() == [("entry", OrderState.REJECTED)]
    assert BotState.objects.get(bot=bot.bot).failures == 0

    bot.exchange.submit(OrderRequest("BTCUSDT", Side.SELL, OrderType.MARKET, Decimal(99), "foreign-too"))
    assert bot.decide(ENTER + 1).outcome == BotRun.Outcome.DECIDED
    assert bot.decide(ENTER + 2).outcome == BotRun.Outcome.DECIDED
    assert bot.trade().closed_at is None
    bot.assert_books_agree()


def test_an_entry_that_the_exchange_refuses_is_an_incident(make_stage):
    bot = make_stage(HELD + "100 103 100 103  buys again\n" + QUIET, position_size_fixed="500.05")
    finer_than_it_is = {"step_size": Decimal("0.0001")}  # the symbol's rules changed since they were read
    assert bot.decide(ENTER, **finer_than_it_is).outcome == BotRun.Outcome.DECIDED
    assert (Decision.objects.get().reason, bot.orders()) == ("order_refused", [("entry", OrderState.REJECTED)])
    incident = Incident.objects.get()
    assert (incident.kind, "LOT_SIZE" in incident.cause) == ("entry_refused", True)

    bot.decide(ENTER + 1)
    bot.decide(ENTER + 2)
    assert bot.trade().closed_at is None
