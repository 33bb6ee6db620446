"""`manage.py stop_bot NAME [--close]`: stop a bot. Its protective orders stay unless it sells."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bots.control import lifecycle
from bots.management.commands._bots import bot_named, operator_name
from bots.models import BotConfig, BotRun
from bots.trading import tick
from bots.trading.context import context_for_tick


class Command(BaseCommand):
    help = "Stop a bot. With --close, sell what it holds at market first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--close", action="store_true", help="sell the position at market first")

    def handle(self, *args: Any, **options: Any) -> None:
        bot = bot_named(options["name"])
        if options["close"]:
            self._close(bot)
        notice = lifecycle.stop(bot, by=operator_name())
        self.stdout.write(notice or f"{bot.name} is stopped and holds nothing.")

    def _close(self, bot: BotConfig) -> None:
        """Sell the position, or raise with the reason why not."""
        try:
            lifecycle.request_close(bot, by=operator_name())
        except lifecycle.ActionRefused:
            return
        result = tick.run_bot(bot.pk, context_for_tick)
        if result.outcome in (BotRun.Outcome.FAILED, BotRun.Outcome.SKIPPED):
            raise CommandError(f"{bot.name} still runs; its position could not be sold. {result.message}")
