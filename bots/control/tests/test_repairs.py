"""Repairs of a bot's state."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bots.control import repairs
from bots.control.lifecycle import ActionRefused
from bots.models import BotConfig, BotState, Fill, OperatorAction
from bots.tests import builders
from bots.trading.leases import claim

pytestmark = pytest.mark.django_db

REPAIRS = [repairs.rebuild_ledger, repairs.restart_drawdown, repairs.clear_failures]


@pytest.fixture
def bot() -> BotConfig:
    """Store a bot that bought 0.00825 for 499.9995 and paid 0.00000825 of it as its fee."""
    builders.btcusdt()
    made = builders.bot("Alpha")
    builders.open_trade(made, builders.NOW)
    return made


def state(bot: BotConfig) -> BotState:
    return BotState.objects.get(bot=bot)


@pytest.mark.parametrize(
    ("asset", "quote", "base"),
    [
        ("BTC", "500.0005", "0.00824175"),
        ("USDT", "500.00049175", "0.00825"),
        ("BNB", "500.0005", "0.00825"),
    ],
)
def test_a_ledger_is_rebuilt_from_fills_and_their_fees(bot, asset, quote, base):
    Fill.objects.update(commission_asset=asset)
    repairs.rebuild_ledger(bot)
    assert (state(bot).quote, state(bot).base) == (Decimal(quote), Decimal(base))


def test_a_rebuilt_ledger_tells_what_it_was(bot):
    assert "it was 1000 quote and 0 base" in repairs.rebuild_ledger(bot)


def test_a_ledger_needs_its_symbols_assets(bot):
    bot.symbol = "NOPEUSDT"
    with pytest.raises(ActionRefused, match="not on record"):
        repairs.rebuild_ledger(bot)


def test_a_drawdown_is_measured_from_todays_equity(bot):
    BotState.objects.update(equity=900, peak_equity=1000, drawdown_reached_at=builders.NOW)
    repairs.restart_drawdown(bot)
    assert (state(bot).peak_equity, state(bot).drawdown_reached_at) == (900, None)


def test_failed_ticks_are_cleared(bot):
    BotState.objects.update(failures=5, last_error="No answer")
    repairs.clear_failures(bot)
    assert (state(bot).failures, state(bot).last_error) == (0, "")


@pytest.mark.parametrize("repair", REPAIRS)
def test_a_repair_is_logged_with_what_it_changed(bot, repair):
    sentence = repair(bot, by="root")
    logged = OperatorAction.objects.get(kind="repair")
    assert (logged.author_name, logged.reason) == ("root", sentence)


@pytest.mark.parametrize("repair", REPAIRS)
def test_a_repair_is_refused_in_the_middle_of_a_run(bot, repair):
    assert claim(bot.pk) is not None
    with pytest.raises(ActionRefused, match="in the middle of a run"):
        repair(bot)


@pytest.mark.parametrize("repair", REPAIRS)
def test_a_repair_leaves_the_bot_free(bot, repair):
    repair(bot)
    assert claim(bot.pk) is not None
