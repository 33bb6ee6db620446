"""The facts of bots that lists and headers show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bots.models import BotConfig, BotState, Incident
from bots.pages.bot_facts import facts, facts_of, next_run, split_symbol
from bots.tests import builders

NOW = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)


@pytest.fixture
def bot(db: None) -> BotConfig:
    return builders.with_history(builders.bot("Alpha"))


def test_a_position_is_valued_at_the_last_close(bot):
    shown = facts_of(bot, NOW)
    assert shown.position_value == shown.position * Decimal(str(shown.last_decision.close))


def test_equity_is_quote_and_position(bot):
    shown = facts_of(bot, NOW)
    assert shown.equity == Decimal("508.30") + shown.position_value


def test_the_total_is_realised_and_unrealised(bot):
    shown = facts_of(bot, NOW)
    assert shown.total_pnl == Decimal("8.30") + shown.unrealised


def test_today_counts_from_midnight_utc(bot):
    assert facts_of(bot, NOW).today_pnl == Decimal("-4.20")


def test_open_incidents_are_counted(bot):
    Incident.objects.create(bot=bot, kind="order_in_doubt", cause="No answer")
    Incident.objects.create(bot=bot, kind="exit_refused", cause="No", resolved_at=NOW)
    assert facts_of(bot, NOW).open_incidents == 1


@pytest.mark.parametrize(("lateness", "is_late"), [(15.0, False), (15.1, True), (None, False)])
def test_a_bot_is_late_after_fifteen_seconds(bot, lateness, is_late):
    BotState.objects.update(lateness_s=lateness)
    assert facts_of(bot, NOW).is_late is is_late


def test_facts_keep_the_order_of_the_bots(bot):
    other = builders.bot("Beta")
    assert [shown.bot for shown in facts([other, bot], NOW)] == [other, bot]


def test_facts_of_many_bots_take_seven_queries(bot, django_assert_num_queries):
    others = [builders.bot() for _ in range(4)]
    with django_assert_num_queries(7):
        facts([bot, *others], NOW)


@pytest.mark.parametrize(
    ("symbol", "assets"), [("BTCUSDT", ("BTC", "USDT")), ("ETHBTC", ("ETH", "BTC")), ("ODD", ("ODD", ""))]
)
def test_a_symbol_is_split_by_its_usual_ending(symbol, assets):
    assert split_symbol(symbol) == assets


def test_an_inactive_bot_has_no_next_run():
    assert next_run(BotConfig(pk=1, timeframe="1h"), NOW) is None


@pytest.mark.parametrize(("timeframe", "hour", "minute"), [("1h", 13, 0), ("15m", 12, 15), ("4h", 16, 0)])
def test_the_next_run_is_on_the_grid_plus_the_offset(timeframe, hour, minute):
    bot = BotConfig(pk=1, timeframe=timeframe, is_active=True)
    assert next_run(bot, NOW) == NOW.replace(hour=hour, minute=minute, second=0) + timedelta(seconds=2)
