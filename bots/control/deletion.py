"""Removing a bot with everything it recorded: refused while it holds something or an order of its is unsettled."""

from __future__ import annotations

from django.db import transaction

from bots.control import schedules
from bots.control.lifecycle import ActionRefused
from bots.models import BotConfig, BotConfigVersion, BotRun, BotState, Decision, Fill, Incident, Order, Trade
from bots.trading import leases
from bots.trading.orders import UNSETTLED

# Children before what they point to; each is one DELETE, however many rows.
RECORDS = (Fill, Order, Trade, Decision, BotRun, Incident, BotConfigVersion, BotState)


def problems(bot: BotConfig) -> list[str]:
    """Why a bot cannot be removed now; empty when it can."""
    found = []
    if bot.trades.filter(closed_at__isnull=True).exists():
        found.append(f"{bot.name} holds a position. Close it first.")
    elif bot.orders.filter(state__in=UNSETTLED).exists():
        found.append(f"{bot.name} has an order that is not settled yet. Wait for its next run, or stop it first.")
    elif bot.pk in leases.bots_with_active_run():
        found.append(f"{bot.name} is in the middle of a run. Try again in a moment.")
    return found


@transaction.atomic
def remove(bot: BotConfig) -> None:
    """Delete a bot, its records and its schedule. Raise `ActionRefused` while something of its is open."""
    BotState.objects.select_for_update().filter(bot=bot).first()  # no run begins, and none books
    if found := problems(bot):
        raise ActionRefused(found)
    for model in RECORDS:
        rows = model._default_manager.filter(bot=bot)
        rows._raw_delete(rows.db)
    schedules.remove(bot.pk)
    bot.delete()


def contents(bot: BotConfig) -> list[str]:
    """What goes with the bot, counted for the page that asks whether one is sure."""
    counted = (
        ("decision", Decision),
        ("order", Order),
        ("fill", Fill),
        ("trade", Trade),
        ("version", BotConfigVersion),
    )
    lines = []
    for name, model in counted:
        number = model._default_manager.filter(bot=bot)[:100_000].count()
        lines.append(f"{number:,}{'+' if number == 100_000 else ''} {name}{'' if number == 1 else 's'}")
    return lines
