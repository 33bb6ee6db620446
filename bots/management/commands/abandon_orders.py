"""`manage.py forget_orders NAME --reason TEXT`: end a bot's wait for orders that its exchange has forgotten."""

from __future__ import annotations

import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bots.control.lifecycle import ActionRefused
from bots.control.lost_orders import forget
from bots.management.commands._bots import bot_named
from bots.trading.context import open_context
from exchange.api.errors import ExchangeError


class Command(BaseCommand):
    help = "Record as gone a bot's open orders that the exchange does not know, such as after a testnet's wipe."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--reason", required=True, help="why they are gone; it stays with each order")

    def handle(self, *args: Any, **options: Any) -> None:
        bot = bot_named(options["name"])
        try:
            gone = forget(bot, open_context(bot), by=getpass.getuser(), reason=options["reason"])
        except (ActionRefused, ExchangeError) as error:
            raise CommandError(str(error)) from error
        for order in gone:
            self.stdout.write(f"{order.client_order_id} ({order.purpose}, {order.side} {order.quantity}) is gone.")
        if not gone:
            self.stdout.write(f"The exchange knows every open order of {bot.name}; nothing was changed.")
