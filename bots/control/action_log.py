"""Record who did what to which bot, and why."""

from __future__ import annotations

from django.contrib.auth.models import User

from bots.models import BotConfig, OperatorAction

Kind = OperatorAction.Kind


def log_action(kind: Kind, bot: BotConfig | None = None, *, by: User | None = None, reason: str = "") -> OperatorAction:
    """Put one action on record. `by` is None where the site itself acted, or a command on its machine."""
    return OperatorAction.objects.create(
        bot=bot,
        bot_name=bot.name if bot else "",
        kind=kind,
        reason=reason[:500],
        author=by,
        author_name=by.get_username() if by else "",
    )
