"""Read a bot's configuration as settings: by name, for a run, and for its strategy."""

from __future__ import annotations

from typing import Any

from bots.models import BotConfig
from bots.settings.schema import BOT_SETTINGS, RUN_SETTINGS, SettingError
from bots.settings.strategies import strategy_named, strategy_settings
from bots.settings.validate import Checked, check


def parameter_values(bot: BotConfig) -> dict[str, Any]:
    """Return the strategy's parameters by name, from the bot's columns or its `parameters`."""
    values: dict[str, Any] = {}
    for name in strategy_settings(bot.strategy):
        if hasattr(bot, name):
            values[name] = getattr(bot, name)
        elif name in bot.parameters:
            values[name] = bot.parameters[name]
    return values


def check_bot(bot: BotConfig) -> Checked:
    """Check the bot's configuration without asking the exchange."""
    own = parameter_values(bot) if _is_known(bot.strategy) else {}
    return check(
        bot.strategy, {setting.name: getattr(bot, setting.name) for setting in BOT_SETTINGS} | own, BOT_SETTINGS
    )


def _is_known(strategy: str) -> bool:
    try:
        strategy_named(strategy)
    except SettingError:
        return False
    return True


def strategy_params(bot: BotConfig) -> Any:
    """Return the strategy's frozen parameters. Raise `SettingError`, naming the field, where one is out of bounds."""
    checked = check(bot.strategy, parameter_values(bot), ())
    for name, sentence in checked.problems.items():
        raise SettingError(name, sentence)
    return checked.strategy_params


def run_values(bot: BotConfig) -> dict[str, object]:
    """Return the bot's settings for `make_settings`, without costs: those are the account's."""
    values: dict[str, object] = {setting.name: getattr(bot, setting.name) for setting in RUN_SETTINGS if setting.of_bot}
    return values | parameter_values(bot) | {"strategy": bot.strategy}
