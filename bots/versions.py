"""Record the versions of a bot's configuration, with author and reason."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.contrib.auth.models import User
from django.core.serializers.json import DjangoJSONEncoder
from django.forms.models import model_to_dict

from bots.models import BotConfig, BotConfigVersion

NOT_VERSIONED = {"id", "name", "is_active"}


def configuration(bot: BotConfig) -> dict[str, Any]:
    """Return every configurable field as JSON values, decimals as plain strings."""
    values = model_to_dict(bot)
    return {name: _as_json(value) for name, value in values.items() if name not in NOT_VERSIONED}


def _as_json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value if isinstance(value, str | int | bool | dict | None) else DjangoJSONEncoder().default(value)


def latest(bot: BotConfig) -> BotConfigVersion | None:
    """Return the newest version on record."""
    return bot.versions.order_by("-number").first()


def record(bot: BotConfig, *, author: User | None = None, reason: str = "") -> BotConfigVersion:
    """Record the bot's configuration as a new version, unless nothing has changed."""
    newest, values = latest(bot), configuration(bot)
    if newest is not None and newest.values == values:
        return newest
    number = newest.number + 1 if newest else 1
    return BotConfigVersion.objects.create(
        bot=bot, number=number, values=values, author=author, reason=reason or ("Created" if number == 1 else "")
    )


def current_version(bot: BotConfig) -> BotConfigVersion:
    """Return the version of the current configuration; record one if the bot has none."""
    return _version_of(bot.pk, bot.updated_at) or record(bot)


@lru_cache(maxsize=10_000)
def _version_of(bot_id: int, _updated_at: datetime) -> BotConfigVersion | None:
    """Return the newest version, cached: it changes only when the bot does."""
    return BotConfigVersion.objects.filter(bot_id=bot_id).order_by("-number").first()
