"""Booking fills: the ledger, the trade, and fees in any asset."""

from __future__ import annotations

from dataclasses import replace as changed
from datetime import timedelta
from decimal import Decimal

import pytest

from bots.models import (
    BotRun,
    BotState,
    Fill,
    Order,
    Trade,
)
from bots.tests import builders
from bots.trading.accounting import Booking, book, booking, is_flat, newest_trade, sellable
from bots.trading.tests.stage import raising
from bots.trading.tests.tables import ENTER, HELD, QUIET
from exchange.api.errors import ExchangeUnavailable
from exchange.api.types import FillReport, Side
from exchange.paper.account.accounts import AccountTerms
from exchange.symbols.filters import parse_rules

pytestmark = pytest.mark.django_db


def test_a_commission_in_an_asset_without_a_price_is_booked_all_the_same(make_stage):
    terms = AccountTerms(maker_fee_rate=Decimal(0), taker_fee_rate=Decimal("0.001"), pays_fees_in_bnb=True)
    bot = make_stage(HELD + QUIET, terms=terms)
    bot.exchange.after["submit"] = lambda: bot.exchange.before.update(book_ticker=raising(ExchangeUnavailable("away")))
    assert bot.decide(ENTER).outcome == BotRun.Outcome.DECIDED
    fill = Fill.objects.get()
    assert (fill.commission_asset, fill.fee_quote, fill.commission > 0) == ("BNB", 0, True)
    assert BotState.objects.get(bot=bot.bot).base == fill.quantity
    assert bot.resting() == [("LIMIT_MAKER", fill.quantity), ("STOP_LOSS", fill.quantity)]
    bot.assert_books_agree()
    assert Trade.objects.get().fees == 0


RULES = parse_rules(builders.INFO)


def execution(side: Side, asset: str, commission: str = "0.1") -> FillReport:
    return FillReport(
        symbol="BTCUSDT", trade_id=1, order_id=1, side=side, price=Decimal(100), quantity=Decimal(2),
        quote_quantity=Decimal(200), commission=Decimal(commission), commission_asset=asset, time_ms=0, is_maker=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("side", "asset", "base", "quote", "fee"),
    [
        (Side.BUY, "BTC", "1.9", "-200", "10"),
        (Side.BUY, "USDT", "2", "-200.1", "0.1"),
        (Side.SELL, "USDT", "-2", "199.9", "0.1"),
        (Side.SELL, "BTC", "-2.1", "200", "10"),
        (Side.BUY, "BNB", "2", "-200", "30"),
    ],
)
def test_a_commission_is_booked_in_its_own_asset(side, asset, base, quote, fee):
    assert booking(execution(side, asset), RULES, Decimal(300)) == Booking(Decimal(base), Decimal(quote), Decimal(fee))


def test_a_commission_without_a_price_is_worth_nothing():
    assert booking(execution(Side.BUY, "BNB"), RULES).fee_quote == 0


@pytest.mark.parametrize(("base", "sold"), [("0.00001999", "0.00001"), ("0.00000999", "0"), ("1", "1")])
def test_what_can_be_sold_is_floored_to_the_step(base, sold):
    assert sellable(BotState(base=Decimal(base)), RULES) == Decimal(sold)


def test_the_larger_step_of_market_orders_counts():
    rules = changed(RULES, market_step_size=Decimal("0.1"))
    assert sellable(BotState(base=Decimal("0.19")), rules) == Decimal("0.1")


def test_less_than_a_step_is_flat():
    assert is_flat(BotState(base=Decimal("0.00000999")), RULES)


def test_the_newest_trade_is_the_one_opened_last():
    made = builders.bot()
    builders.closed_trade(made, builders.NOW - timedelta(days=2), Decimal(1), "signal")
    newest = builders.open_trade(made, builders.NOW)
    assert newest_trade(made.pk) == newest


def test_a_fill_that_is_booked_twice_counts_once(make_stage):
    stage = make_stage(HELD + QUIET)
    stage.decide(ENTER)
    order = Order.objects.get(purpose="entry")
    reports = stage.exchange.fills("BTCUSDT", order_id=order.exchange_order_id)
    state = BotState.objects.get(bot=stage.bot)
    assert book(state, order, reports, stage.rules) == 0
    stage.assert_books_agree()
