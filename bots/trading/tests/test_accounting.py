"""Booking fills: the ledger, the trade, and fees in any asset."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bots.models import (
    BotRun,
    BotState,
    Fill,
    Trade,
)
from bots.trading.tests.stage import raising
from bots.trading.tests.tables import ENTER, HELD, QUIET
from exchange.api.errors import ExchangeUnavailable
from exchange.paper.account.accounts import AccountTerms

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
