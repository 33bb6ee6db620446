"""The facts that the gates look at, on the paper exchange."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bots.models import (
    Action,
    Decision,
)
from bots.trading.assess import bars_needed
from bots.trading.tests.tables import ENTER, HELD, QUIET, lots
from exchange.api.types import OrderRequest, OrderType, Side

pytestmark = pytest.mark.django_db


def test_a_cooldown_longer_than_the_warm_up_is_counted_to_its_end(make_stage):
    quiet = "95 95 95 95\n" * 8
    bot = make_stage(HELD + "100 100 94 95  stopped\n" + quiet + "95 97 95 97  buys\n97 97 97 97", cooldown_bars=30)
    assert bars_needed(bot.bot) == 32
    for bar in range(ENTER, 14):
        bot.decide(bar) if bar + 1 < len(bot.klines) else None
    refused = Decision.objects.filter(signal=1).latest("bar")
    assert (refused.action, refused.reason) == (Action.REFUSED, "cooldown")
    assert len(bot.orders("entry")) == 1


def test_foreign_orders_take_the_room_that_a_stop_needs(make_stage):
    info = lots()
    info["filters"] = [entry for entry in info["filters"] if entry["filterType"] != "MAX_NUM_ALGO_ORDERS"]
    info["filters"].append({"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 2})
    bot = make_stage(HELD + QUIET, info=info)
    bot.clock.set(bot.open_of(0))
    bot.exchange.submit(OrderRequest("BTCUSDT", Side.BUY, OrderType.MARKET, Decimal(2), "foreign"))
    for name in ("foreign-1", "foreign-2"):
        request = OrderRequest("BTCUSDT", Side.SELL, OrderType.STOP_LOSS, Decimal(1), name, stop_price=Decimal(50))
        bot.exchange.submit(request)
    bot.decide(ENTER)
    assert (Decision.objects.get().reason, bot.orders()) == ("order_limit", [])
