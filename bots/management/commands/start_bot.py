"""`manage.py start_bot NAME`: start a bot."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bots.control import lifecycle
from bots.management.commands._bots import bot_named, operator_name


class Command(BaseCommand):
    help = "Start a bot: its schedule ticks from its next candle on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")

    def handle(self, *args: Any, **options: Any) -> None:
        bot = bot_named(options["name"])
        try:
            lifecycle.start(bot, by=operator_name())
        except lifecycle.ActionRefused as refused:
            raise CommandError(f"{bot.name} cannot start. " + " ".join(refused.problems)) from None
        self.stdout.write(f"{bot.name} is running: it decides after each {bot.timeframe} candle of {bot.symbol}.")
