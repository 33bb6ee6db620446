"""Protective levels of a trade and the orders for them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from bots.models import BotConfig, Purpose, Trade
from bots.tests import builders
from bots.trading.protective_levels import Protection, protection_of
from bots.trading.tests.tables import hours
from core.times import to_datetime
from exchange.api.types import OrderType
from exchange.symbols.filters import parse_rules

RULES = replace(parse_rules(builders.INFO), order_types=frozenset(OrderType))
CANDLES = hours("100 101 100 100\n 100 112 100 110\n 110 110 105 106")


def protection(candles=CANDLES, **values) -> Protection:
    bot = BotConfig(stop_loss=Decimal("0.05"), take_profit=Decimal("0.2"), trailing_stop=None)
    trade = Trade(opened_at=to_datetime(int(CANDLES.open_time[0]) + 1), entry_price=Decimal(100))
    for name, value in values.items():
        setattr(trade if hasattr(Trade, name) else bot, name, value)
    return protection_of(bot, trade, candles, RULES)


def test_stop_and_target_follow_from_the_entry_price():
    assert (protection().stop_price, protection().target_price) == (95, 120)


def test_the_highest_price_is_that_since_the_entry():
    assert protection().highest == 112


def test_a_bar_before_the_entry_does_not_count():
    opened_at = to_datetime(int(CANDLES.open_time[2]) + 1)
    assert protection(opened_at=opened_at).highest == 110


def test_a_trade_opened_after_the_last_bar_has_its_entry_as_the_highest():
    opened_at = to_datetime(int(CANDLES.open_time[2]) + 3_600_001)
    assert protection(opened_at=opened_at).highest == 100


def test_a_trail_over_the_stop_is_the_stop():
    trailing = protection(trailing_stop=Decimal("0.1"))
    assert (trailing.stop_price, trailing.stop_reason) == (Decimal("100.8"), Trade.Reason.TRAILING_STOP)


def test_a_stop_never_moves_down():
    assert protection(stop_price=Decimal(97)).stop_price == 97


def test_without_stop_and_target_there_is_no_protection():
    assert not protection(stop_loss=None, take_profit=None).exists


def test_stop_and_target_are_two_orders():
    drafts = protection().drafts(Decimal(5), RULES, Decimal("0.005"))
    assert [(draft.purpose, draft.type) for draft in drafts] == [
        (Purpose.STOP, OrderType.STOP_LOSS),
        (Purpose.TARGET, OrderType.LIMIT_MAKER),
    ]


def test_a_symbol_without_stop_market_gets_a_limit_below():
    rules = replace(RULES, order_types=frozenset({OrderType.STOP_LOSS_LIMIT, OrderType.LIMIT_MAKER}))
    stop = protection(take_profit=None).drafts(Decimal(5), rules, Decimal("0.005"))[0]
    assert (stop.type, stop.stop_price, stop.limit_price) == (OrderType.STOP_LOSS_LIMIT, 95, Decimal("94.52"))
