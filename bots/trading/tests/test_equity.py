"""A bot's ledger and equity at a market time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bots.models import BotState, Fill
from bots.strategy.types import OFF
from bots.tests import builders
from bots.trading.equity import BotLedger, follow_equity, ledger_since
from bots.trading.tests.tables import hours
from core.times import to_datetime
from exchange.symbols.filters import parse_rules

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LEDGER = BotLedger(Decimal(600), Decimal(4), ((NOON, Decimal(-400), Decimal(4)),))


@pytest.mark.parametrize(("time", "holding"), [(NOON - HOUR, (1000, 0)), (NOON, (600, 4)), (NOON + HOUR, (600, 4))])
def test_a_fill_counts_from_its_time_on(time, holding):
    assert LEDGER.at(time) == holding


def test_equity_is_quote_and_base_at_the_close():
    assert (LEDGER.equity(NOON, 110.0), LEDGER.equity(NOON - HOUR, 110.0)) == (1040.0, 1000.0)


@pytest.mark.django_db
@pytest.mark.parametrize(("asset", "base"), [("BTC", "0.00824175"), ("USDT", "0.00825"), ("BNB", "0.00825")])
def test_a_commission_is_undone_in_its_own_asset(asset, base):
    made = builders.bot()
    trade = builders.open_trade(made, NOON)
    Fill.objects.update(commission=Decimal("0.00000825"), commission_asset=asset)
    state = BotState(bot=made, quote=Decimal(0), base=Decimal(base))
    ledger = ledger_since(state, NOON - HOUR, parse_rules(builders.INFO), trade)
    fee = Decimal("0.00000825") if asset == "USDT" else 0
    assert ledger.at(NOON - HOUR) == (Decimal("499.9995") + fee, 0)


@pytest.mark.django_db
def test_a_trade_that_closed_before_needs_no_fills(django_assert_num_queries):
    made = builders.bot()
    trade = builders.closed_trade(made, NOON, Decimal(1), "signal")
    with django_assert_num_queries(0):
        ledger = ledger_since(BotState(bot=made), NOON + 6 * HOUR, parse_rules(builders.INFO), trade)
    assert ledger.later == ()


def path(closes: str, peak: float = 1000.0, limit: float = 0.1, reached_at: datetime | None = None):
    klines = hours("\n".join(4 * f"{close} " for close in closes.split()))
    state = BotState(equity=1000.0, peak_equity=peak, drawdown_reached_at=reached_at)
    return klines, follow_equity(state, BotLedger(Decimal(0), Decimal(10)), klines, 0, limit)


def test_the_peak_is_the_highest_close_on_the_way():
    _, followed = path("100 120 110")
    assert (followed.equity, followed.peak) == (1100.0, 1200.0)


def test_a_drawdown_is_reached_at_the_bar_on_the_way():
    klines, followed = path("100 120 107 120")
    assert followed.drawdown_reached_at == to_datetime(klines.close_time_ms(2))


def test_a_drawdown_that_was_reached_stays_reached():
    _, followed = path("100 120", reached_at=NOON)
    assert followed.drawdown_reached_at == NOON


def test_a_drawdown_limit_that_is_off_is_never_reached():
    _, followed = path("100 1", limit=OFF)
    assert followed.drawdown_reached_at is None
