"""`manage.py abandon_orders NAME --reason TEXT`: mark orders that the exchange no longer knows as lost."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bots.control.abandon_orders import abandon
from bots.control.lifecycle import ActionRefused
from bots.management.commands._bots import bot_named, operator_name
from bots.trading.context import open_context
from exchange.api.errors import ExchangeError


class Command(BaseCommand):
    help = "Mark a bot's open orders that the exchange does not know as lost, for example after a testnet reset."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--reason", required=True, help="why they are lost; it is stored with each order")

    def handle(self, *args: Any, **options: Any) -> None:
        bot = bot_named(options["name"])
        try:
            lost = abandon(bot, open_context(bot), by=operator_name(), reason=options["reason"])
        except (ActionRefused, ExchangeError) as error:
            raise CommandError(str(error)) from error
        for order in lost:
            self.stdout.write(
                f"{order.client_order_id} ({order.purpose}, {order.side} {order.quantity}) is marked as lost."
            )
        if not lost:
            self.stdout.write(f"The exchange knows every open order of {bot.name}; nothing was changed.")
