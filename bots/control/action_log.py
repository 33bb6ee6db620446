"""Record who did what to which bot, and why."""

from __future__ import annotations

from django.contrib.auth.models import User

from bots.models import BotConfig, OperatorAction

ActionKind = OperatorAction.ActionKind
Actor = User | str | None  # a user of the site, the name of whoever ran a command, or the site itself


def log_action(kind: ActionKind, bot: BotConfig | None = None, *, by: Actor = None, reason: str = "") -> OperatorAction:
    """Record one action with its author."""
    return OperatorAction.objects.create(
        bot=bot,
        bot_name=bot.name if bot else "",
        kind=kind,
        reason=reason[:500],
        author=by if isinstance(by, User) else None,
        author_name=actor_name(by)[:150],
    )


def actor_name(by: Actor) -> str:
    """Return the name of whoever acted; empty for the site itself."""
    return by.get_username() if isinstance(by, User) else by or ""
