"""A bot's settings as the settings of a run."""

from __future__ import annotations

from typing import Any

from backtests.settings.fields import FIELDS
from bots.models import BotConfig
from bots.settings.engine import parameter_values


def settings_of(bot: BotConfig) -> dict[str, str]:
    """A bot's settings as a run takes them, decimals as text, unset ones left out."""
    values = {name: getattr(bot, name) for name in FIELDS if hasattr(bot, name)} | parameter_values(bot)
    texts = {name: _text(value) for name, value in values.items() if value is not None and value != ""}
    return {"strategy": bot.strategy, **texts}


def _text(value: Any) -> str:
    text = str(value)
    return text.rstrip("0").rstrip(".") if "." in text else text
