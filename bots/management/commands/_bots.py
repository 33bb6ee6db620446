"""Find bots by name, and name the person at the terminal."""

from __future__ import annotations

import getpass
from difflib import get_close_matches

from django.core.management.base import CommandError

from bots.models import BotConfig


def bot_named(name: str) -> BotConfig:
    """Return the bot of that name. Raise `CommandError` with near names where there is none."""
    bot = BotConfig.objects.select_related("api_key", "state").filter(name=name).first()
    if bot is not None:
        return bot
    names = list(BotConfig.objects.values_list("name", flat=True))
    near = get_close_matches(name, names, n=3)
    hint = f" Did you mean {' or '.join(near)}?" if near else f" There are: {', '.join(names) or 'none yet'}."
    raise CommandError(f"There is no bot called “{name}”.{hint}")


def operator_name() -> str:
    """Return the name that this machine knows its user by, for the log of actions."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "command line"
