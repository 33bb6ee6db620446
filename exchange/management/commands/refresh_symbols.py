"""Read a venue's symbols and their filters from its exchange."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from exchange.api.errors import ExchangeError
from exchange.models import Venue
from exchange.symbol_catalogue import refresh
from exchange.symbols.filters import InvalidSymbolInfo


class Command(BaseCommand):
    help = "Read every symbol of a venue with its filters, in one request. No API key is needed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--venue", choices=Venue.values, default=Venue.LIVE, help="default: live")

    def handle(self, *args: Any, venue: str, **options: Any) -> None:
        try:
            stored, gone = refresh(venue)
        except (ExchangeError, InvalidSymbolInfo) as error:
            raise CommandError(f"Nothing was changed: {error}") from None
        summary = f"{stored} symbols of {Venue(venue).label} are on record."
        self.stdout.write(summary + (f" {gone} that it no longer lists are marked DELISTED." if gone else ""))
