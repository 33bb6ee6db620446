"""May this bot start? What is wrong with a configuration, in words, by field; and what else stands in the way.

The form shows these at the fields, `start` refuses with them. The database keeps the coarse ones as constraints.
"""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.core.exceptions import ValidationError

from bots.models import BotConfig, SizeModeChoice
from bots.settings import trading_hours
from bots.settings.engine import parameter_values, strategy_of, strategy_params
from bots.strategy import registry
from exchange.api.errors import ExchangeError
from exchange.api.types import SymbolRules
from exchange.models import Venue

Errors = dict[str, list[str]]


def configuration_errors(bot: BotConfig) -> Errors:
    """Everything that is wrong with the configuration itself, asking nobody."""
    errors: Errors = {}
    for found in (_strategy_errors(bot), _size_errors(bot), _exit_errors(bot), _hours_errors(bot)):
        for field, messages in found.items():
            errors.setdefault(field, []).extend(messages)
    return errors


def _strategy_errors(bot: BotConfig) -> Errors:
    if bot.strategy not in registry.STRATEGIES:
        known = ", ".join(sorted(registry.STRATEGIES))
        return {"strategy": [f"There is no strategy “{bot.strategy}”; there are {known}."]}
    errors: Errors = {}
    try:
        params = strategy_params(bot)
    except ValueError as error:
        return {_field_of(bot, getattr(error, "field", "strategy")): [str(error)]}
    for field, message in strategy_of(bot).check(params):
        errors.setdefault(_field_of(bot, field), []).append(message)
    unknown = sorted(set(bot.parameters) - set(parameter_values(bot)))
    if unknown:
        errors["parameters"] = [f"The strategy “{bot.strategy}” has no parameter {', '.join(unknown)}."]
    return errors


def _field_of(bot: BotConfig, name: str) -> str:
    return name if hasattr(bot, name) else "parameters"


def _size_errors(bot: BotConfig) -> Errors:
    mode = bot.position_size_mode
    if mode == SizeModeChoice.FIXED and not bot.position_size_fixed:
        return {"position_size_fixed": ["Say how much quote an entry takes, or choose another size mode."]}
    if mode == SizeModeChoice.PERCENT and not bot.position_size_perc:
        return {"position_size_perc": ["Say what share of the capital an entry takes, or choose another size mode."]}
    errors: Errors = {}
    if mode == SizeModeChoice.RISK and not bot.risk_per_trade:
        errors["risk_per_trade"] = ["Say what share of the capital a trade may lose, or choose another size mode."]
    if mode == SizeModeChoice.RISK and not bot.stop_loss:
        errors["stop_loss"] = ["Sizing by risk needs a stop-loss: the size is the risk divided by its distance."]
    return errors


def _exit_errors(bot: BotConfig) -> Errors:
    errors: Errors = {}
    if bot.position_size_fixed is not None and bot.position_size_fixed <= 0:
        errors["position_size_fixed"] = ["An amount of quote over zero, or empty."]
    return errors


def _hours_errors(bot: BotConfig) -> Errors:
    try:
        trading_hours.parse(bot.trading_hours)
    except trading_hours.HoursInvalid as error:
        return {"trading_hours": [str(error)]}
    return {}


def market_errors(bot: BotConfig, rules: SymbolRules) -> Errors:
    """What the symbol's own rules make impossible."""
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
    """Why a bot may not start, a sentence each; asks its exchange for the symbol's rules."""
    found = [message for messages in configuration_errors(bot).values() for message in messages]
    if bot.api_key.venue == Venue.LIVE and not settings.ALLOW_LIVE_TRADING:
        found.append("Real money is off on this site: set ALLOW_LIVE_TRADING=1 in its environment to turn it on.")
        return found
    try:
        found.extend(message for messages in market_errors(bot, _rules(bot)).values() for message in messages)
    except (ExchangeError, ValueError, LookupError) as error:
        found.append(f"The rules of {bot.symbol} could not be read from the exchange: {error}")
    return found


def _rules(bot: BotConfig) -> SymbolRules:
    from exchange.symbols.catalogue import rules_for

    return rules_for(bot.api_key, bot.symbol)


def check(bot: BotConfig) -> None:
    """Raise `ValidationError` by field for what `configuration_errors` finds."""
    errors = configuration_errors(bot)
    if errors:
        raise ValidationError(errors)
