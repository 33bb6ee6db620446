"""What keeps a bot from starting."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from django.utils import timezone

from bots.control import validation
from bots.models import BotConfig
from bots.tests import builders
from exchange.models import Symbol, Venue
from exchange.symbols.filters import parse_rules

RULES = replace(parse_rules(builders.INFO), status="TRADING")


def test_a_default_bot_has_no_errors():
    assert validation.configuration_errors(BotConfig()) == {}


def test_an_error_is_named_by_its_field():
    assert list(validation.configuration_errors(BotConfig(stop_loss=Decimal(2)))) == ["stop_loss"]


def test_a_parameter_without_a_column_is_an_error_of_parameters():
    bot = BotConfig(strategy="donchian", parameters={"entry_period": 0})
    assert list(validation.configuration_errors(bot)) == ["parameters"]


def test_an_unknown_parameter_is_named():
    bot = BotConfig(strategy="donchian", parameters={"entry": 5})
    assert "has no parameter entry" in validation.configuration_errors(bot)["parameters"][0]


def test_an_unknown_strategy_is_an_error():
    assert list(validation.configuration_errors(BotConfig(strategy="martingale"))) == ["strategy"]


def test_a_symbol_that_does_not_trade_is_an_error():
    errors = validation.market_errors(BotConfig(symbol="BTCUSDT"), replace(RULES, status="BREAK"))
    assert "its status is BREAK" in errors["symbol"][0]


@pytest.mark.parametrize(("capital", "fields"), [("4.99", ["initial_capital"]), ("5", [])])
def test_a_capital_under_the_minimum_notional_is_an_error(capital, fields):
    bot = BotConfig(symbol="BTCUSDT", initial_capital=Decimal(capital))
    assert list(validation.market_errors(bot, RULES)) == fields


@pytest.mark.django_db
def test_real_money_must_be_allowed_on_the_site(settings):
    settings.ALLOW_LIVE_TRADING = False
    made = builders.bot(api_key=builders.paper_key("Live", Venue.LIVE))
    assert validation.problems(made) == [
        "Real money is off on this site: set ALLOW_LIVE_TRADING=1 in its environment to turn it on."
    ]


@pytest.mark.django_db
def test_a_bot_on_a_known_symbol_has_no_problems():
    builders.btcusdt()
    Symbol.objects.update(read_at=timezone.now())
    assert validation.problems(builders.bot()) == []


@pytest.mark.django_db
def test_rules_that_cannot_be_read_are_a_problem(settings):
    settings.PAPER_URL = "http://127.0.0.1:9"
    [problem] = validation.problems(builders.bot())
    assert problem.startswith("The rules of BTCUSDT could not be read from the exchange")
