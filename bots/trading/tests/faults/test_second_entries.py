"""No second entry while an earlier one is filled late or may still fill."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from bots.models import (
    Action,
    BotRun,
    BotState,
    Decision,
    Order,
)
from bots.trading.tests.stage import lose_next_order
from bots.trading.tests.tables import BUY, ENTER
from exchange.api.types import OrderRequest, OrderType, Side

pytestmark = pytest.mark.django_db


BUYS_TWICE = BUY + "102 103 102 103  closes above both highs again\n 103 104 103 104  and again\n 104 104 104 104"


def test_no_second_entry_when_the_last_filled_after_the_next_close(make_stage):
    bot = make_stage(BUYS_TWICE)
    bot.exchange.before["submit"] = lambda: bot.clock.set(bot.open_of(ENTER + 2))
    bot.decide(ENTER)
    assert bot.trade().opened_at > BotState.objects.get(bot=bot.bot).last_bar + timedelta(hours=2)
    assert bot.decide(ENTER + 1).outcome == BotRun.Outcome.DECIDED
    decided = Decision.objects.latest("bar")
    assert (decided.signal, decided.action, decided.reason) == (1, Action.HOLD, "already_long")
    assert len(bot.orders("entry")) == 1


def test_no_second_entry_while_the_last_one_is_at_work(make_stage):
    bot = make_stage(BUYS_TWICE)
    lose_next_order(bot)
    bot.decide(ENTER)
    order = Order.objects.get()
    request = OrderRequest("BTCUSDT", Side.BUY, OrderType.LIMIT, order.quantity, order.client_order_id, Decimal(90))
    bot.exchange.submit(request)  # an exchange that is slow to execute: it rests
    assert bot.decide(ENTER + 1).outcome == BotRun.Outcome.DECIDED
    assert Decision.objects.latest("bar").action == Action.HOLD
    assert bot.orders("entry") == [("entry", "open")]
