"""Promote a result's parameters to a bot's new version, and revert that."""

from __future__ import annotations

from typing import Any, cast

from django.db import transaction
from django.db.models import Field

from backtests.errors import RunError
from backtests.models import Application, Run
from bots.control import lifecycle
from bots.models import BotConfig, BotConfigVersion
from bots.settings.schema import BY_NAME
from bots.settings.strategies import strategy_settings
from bots.strategy import registry

NOT_REVERTED = ("api_key", "symbol", "timeframe", "initial_capital")


def apply_settings(bot: BotConfig, settings: dict[str, str]) -> list[dict[str, Any]]:
    """Set parameters on a bot, unsaved and validated; return what changes, a row each."""
    strategy_fields = {described.name: described for described in registry.get(bot.strategy).FIELDS}
    changes = []
    for name, text in settings.items():
        if name not in strategy_fields and name not in BY_NAME:
            raise RunError(
                f"{bot} trades by {bot.strategy}, which has no parameter {name}: choose a bot of that strategy."
            )
        # Read first: text that is no number of this setting is refused by name.
        value = (BY_NAME.get(name) or strategy_settings(bot.strategy)[name]).read(text)
        if hasattr(bot, name):
            before = getattr(bot, name)
            setattr(bot, name, value)
        else:
            before = bot.parameters.get(name)
            bot.parameters = {**bot.parameters, name: int(text) if strategy_fields[name].is_integer else float(text)}
        changes.append(
            {"name": name, "before": _plain(before), "after": _plain(text), "changes": _plain(before) != _plain(text)}
        )
    lifecycle.validate(bot)
    return changes


def _plain(value: Any) -> str:
    text = "off" if value is None or value == "none" else str(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


@transaction.atomic
def apply(bot: BotConfig, run: Run, *, reason: str, user: Any) -> BotConfigVersion:
    """Save a bot whose parameters were changed as its new version, with where they came from."""
    version = lifecycle.save(bot, author=user, reason=f"{reason} ({run})")
    Application.objects.get_or_create(version=version, defaults={"kind": run.kind, "run_id": run.pk})
    return version


@transaction.atomic
def revert(application: Application, *, user: Any) -> BotConfigVersion:
    """Restore what a bot was before a result was applied. Raise `RunError` if it was changed again since."""
    applied = application.version
    bot = BotConfig.objects.select_for_update().get(pk=applied.bot_id)
    newest = bot.versions.order_by("-number").first()
    if newest != applied:
        raise RunError(f"{bot} was changed again since version {applied.number}: its versions say how.")
    before = bot.versions.filter(number__lt=applied.number).order_by("-number").first()
    if before is None:
        raise RunError(f"{bot} has no version before {applied.number}.")
    for name, value in before.values.items():
        if name not in NOT_REVERTED and hasattr(bot, name):
            setattr(bot, name, cast(Field, bot._meta.get_field(name)).to_python(value))
    lifecycle.validate(bot)
    return lifecycle.save(bot, author=user, reason=f"Back to version {before.number}")
