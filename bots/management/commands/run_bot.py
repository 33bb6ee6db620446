"""`manage.py run_bot NAME [--dry-run]`: run one tick now, or show what it would do."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from bots.management.commands._bots import bot_named
from bots.models import BotConfig, BotRun
from bots.pages.preview import BotPreview, preview
from bots.trading import tick
from bots.trading.context import context_for_tick
from core.errors import UserError
from exchange.api.errors import ExchangeError

SIGNALS = {1: "BUY", -1: "SELL", 0: "none"}


class Command(BaseCommand):
    help = "Run one tick of a bot. With --dry-run: indicators, signal, gates, size and orders, sending nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--dry-run", action="store_true", help="send nothing and write nothing down")

    def handle(self, *args: Any, **options: Any) -> None:
        bot = bot_named(options["name"])
        if options["dry_run"]:
            self._dry_run(bot)
            return
        result = tick.run_bot(bot.pk, context_for_tick, even_if_stopped=True)
        if result.outcome == BotRun.Outcome.FAILED:
            raise CommandError(f"{bot.name}: {result.message}")
        self.stdout.write(f"{bot.name}: {result.outcome}. {result.message or 'No new bar since the last decision.'}")

    def _dry_run(self, bot: BotConfig) -> None:
        try:
            shown = preview(bot)
        except (ExchangeError, UserError) as error:
            raise CommandError(f"{bot.name}: {error}") from None
        console = Console(file=self.stdout, width=120 if not self.stdout.isatty() else None)  # type: ignore[arg-type]
        console.print(_table(bot, shown))
        for order in shown.orders or ({"orders": "none would be sent"},):
            console.print("  would send: " + ", ".join(f"{name} {value}" for name, value in order.items()))
        if shown.is_decided:
            console.print("  This bar is already decided; the next tick would only settle.")


def _table(bot: BotConfig, shown: BotPreview) -> Table:
    table = Table(title=f"{bot.name}: dry run on {bot.symbol} {bot.timeframe}", show_header=False)
    table.add_row("bar", f"{shown.bar:%Y-%m-%d %H:%M} UTC, close {shown.close:g}")
    for name, value in shown.values.items():
        table.add_row(name, "undefined yet" if value is None else f"{value:.8g}")
    table.add_row("signal", SIGNALS[shown.signal])
    for name, value in shown.facts.items():
        table.add_row(name.replace("_", " "), str(value))
    table.add_row("decision", shown.action + (f" ({shown.reason})" if shown.reason else ""))
    return table
