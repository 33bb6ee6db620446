"""Validate a bot before it starts: its configuration, the symbol's rules, and live trading.

The bounds of each setting are in bots/settings; the database repeats the coarse ones as constraints.
"""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings

from bots.bot_settings import check_bot, parameter_values
from bots.models import BotConfig
from core.errors import UserError
from exchange.api.errors import ExchangeError
from exchange.api.types import SymbolRules
from exchange.models import Venue
from exchange.symbol_catalogue import rules_for

Errors = dict[str, list[str]]


def configuration_errors(bot: BotConfig) -> Errors:
    """Return the configuration's errors by field, without asking the exchange."""
    errors: Errors = {}
    for name, sentence in check_bot(bot).problems.items():
        errors.setdefault(name if hasattr(bot, name) else "parameters", []).append(sentence)
    if "strategy" not in errors:
        unknown = sorted(set(bot.parameters) - set(parameter_values(bot)))
        if unknown:
            errors["parameters"] = [f"The strategy “{bot.strategy}” has no parameter {', '.join(unknown)}."]
    return errors


def market_errors(bot: BotConfig, rules: SymbolRules) -> Errors:
    """Return what the symbol's rules make impossible, by field."""
    errors: Errors = {}
    if rules.status != "TRADING":
        errors["symbol"] = [f"{bot.symbol} is not trading at the moment: its status is {rules.status}."]
    least = rules.min_notional or Decimal(0)
    if bot.initial_capital and bot.initial_capital < least:
        errors["initial_capital"] = [
            f"The exchange takes no order on {bot.symbol} under {least.normalize():f} {rules.quote}; "
            "this capital could never buy."
        ]
    return errors


def problems(bot: BotConfig) -> list[str]:
    """Return why a bot cannot start, a sentence each. Asks its exchange for the symbol's rules."""
    sentences = [message for messages in configuration_errors(bot).values() for message in messages]
    if bot.api_key.venue == Venue.LIVE and not settings.ALLOW_LIVE_TRADING:
        sentences.append("Real money is off on this site: set ALLOW_LIVE_TRADING=1 in its environment to turn it on.")
        return sentences
    try:
        sentences.extend(message for messages in market_errors(bot, _rules(bot)).values() for message in messages)
    except (ExchangeError, UserError, LookupError) as error:
        sentences.append(f"The rules of {bot.symbol} could not be read from the exchange: {error}")
    return sentences


def _rules(bot: BotConfig) -> SymbolRules:
    return rules_for(bot.api_key, bot.symbol)
