"""A bot's configuration as the pure strategy code takes it: Decimals and empty fields become floats and `OFF`.

This is one of the places where money meets decisions; how much an order carries goes back through whole lots.
"""

from __future__ import annotations

from decimal import Decimal
from types import ModuleType
from typing import Any

from bots.models import BotConfig, SizeModeChoice
from bots.strategy import registry
from bots.strategy.types import OFF, ExitParams, RiskParams, RuleSettings, SizeMode, SizeParams

SIZE_MODES = {
    SizeModeChoice.FIXED: SizeMode.FIXED,
    SizeModeChoice.PERCENT: SizeMode.PERCENT,
    SizeModeChoice.RISK: SizeMode.RISK,
}


def number(value: Decimal | int | None) -> float:
    """A float, NaN where nothing is set."""
    return OFF if value is None else float(value)


def size_params(bot: BotConfig) -> SizeParams:
    return SizeParams(
        mode=SIZE_MODES[SizeModeChoice(bot.position_size_mode)],
        fixed=number(bot.position_size_fixed),
        percent=number(bot.position_size_perc),
        risk_per_trade=number(bot.risk_per_trade),
        stop_loss=number(bot.stop_loss),
    )


def exit_params(bot: BotConfig) -> ExitParams:
    return ExitParams(number(bot.stop_loss), number(bot.take_profit), number(bot.trailing_stop))


def risk_params(bot: BotConfig) -> RiskParams:
    return RiskParams(
        cooldown_bars=bot.cooldown_bars,
        max_daily_trades=number(bot.max_daily_trades),
        max_daily_loss=number(bot.max_daily_loss),
        daily_profit_target=number(bot.daily_profit_target),
        max_drawdown=number(bot.max_drawdown),
    )


def rule_settings(bot: BotConfig) -> RuleSettings:
    """Return the bot's settings as the steps take them."""
    return RuleSettings(size_params(bot), exit_params(bot), risk_params(bot))


def strategy_of(bot: BotConfig) -> Any:
    """The strategy's module (bots/strategy/registry.py)."""
    return registry.get(bot.strategy)


def parameter_values(bot: BotConfig) -> dict[str, Any]:
    """The strategy's parameters by name: columns of the bot where there are such, else its `parameters`."""
    strategy: ModuleType = strategy_of(bot)
    values: dict[str, Any] = {}
    for field in strategy.FIELDS:
        if hasattr(bot, field.name):
            values[field.name] = getattr(bot, field.name)
        elif field.name in bot.parameters:
            values[field.name] = bot.parameters[field.name]
    return values


def strategy_params(bot: BotConfig) -> Any:
    """The strategy's frozen parameters; raise a `ValueError` that names the field where one is out of bounds."""
    return registry.make_params(bot.strategy, parameter_values(bot))
