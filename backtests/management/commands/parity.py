"""`manage.py parity --bot NAME`: compare what a bot did with the engine; each difference with its cause."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from backtests.errors import NothingToCompare
from backtests.parity.check import ParityResult, check
from backtests.parity.store import difference_json, store_result
from bots.management.commands._bots import bot_named
from bots.models import BotConfig
from core.formats import plain
from core.times import parse_utc, to_datetime
from exchange.api.errors import ExchangeError

SHOWN = 200


class Command(BaseCommand):
    help = (
        "Run a bot's recorded period through the backtest engine and list each signal, fill and cost that differs, "
        "with its cause. Exit status 1 where there is drift: something unexplained, or costs out of bounds."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--bot", required=True, metavar="NAME")
        parser.add_argument("--since", metavar="TIME", help="ISO date or time, UTC; default: its last two weeks")
        parser.add_argument("--slippage-bps", metavar="BPS", help="of the engine's fills; default: half the spread now")
        parser.add_argument("--json", type=Path, metavar="OUT", help="write the result here")

    def handle(self, *args: Any, **options: Any) -> None:
        bot = bot_named(options["bot"])
        since, slippage = _time(options["since"]), _slippage(options["slippage_bps"])
        try:
            parity = check(bot, since=since, slippage_bps=slippage)
            if options["json"]:
                options["json"].write_text(json.dumps(as_json(bot, parity), indent=1) + "\n")
        except NothingToCompare as error:
            raise CommandError(f"{error}.") from None
        except ExchangeError as error:
            hint = " A paper key needs the site running (manage.py up)." if bot.api_key.is_simulated else ""
            raise CommandError(f"{bot.name}: the exchange did not answer: {error}.{hint}") from None
        except OSError as error:
            raise CommandError(f"{options['json']} cannot be written: {error}") from None
        store_result(bot, parity)
        self._print(bot, parity)
        if parity.drift:
            sys.exit(1)

    def _print(self, bot: BotConfig, parity: ParityResult) -> None:
        console = Console(file=self.stdout, width=170 if not self.stdout.isatty() else None)  # type: ignore[arg-type]
        if parity.differences:
            console.print(_table(bot, parity))
        if len(parity.differences) > SHOWN:
            console.print(f"The first {SHOWN} of {len(parity.differences)}; --json has all of them.")
        for cause, count in parity.counts.most_common():
            console.print(f"  {count} × {cause}")
        for note in parity.notes:
            console.print(f"  {note}", style="dim")
        cost = "" if parity.cost_bps is None else f", fills and fees {_cost(parity)}"
        console.print(
            f"{bot.name}: {parity.bars} bars and {parity.trades} trades compared, {parity.first_bar:%Y-%m-%d %H:%M} to "
            f"{parity.last_bar:%Y-%m-%d %H:%M} UTC; {len(parity.differences) or 'no'} difference(s){cost}."
        )
        clean = "every difference has its cause" if parity.differences else "the bot did as the engine does"
        console.print(f"Drift: {parity.drift}." if parity.drift else f"No drift: {clean}.")


def _cost(parity: ParityResult) -> str:
    word = "dearer" if parity.cost > 0 else "cheaper"
    return f"{abs(parity.cost_bps or 0):.2f} bps {word} than the engine's" if parity.cost else "as the engine's"


def _table(bot: BotConfig, parity: ParityResult) -> Table:
    table = Table("bar (UTC)", "what", "bot", "engine", "cause", title=f"{bot.name} and the engine")
    table.add_column("impact", justify="right")
    for difference in parity.differences[:SHOWN]:
        impact = "" if difference.impact is None else f"{difference.impact:+.4f}"
        table.add_row(
            f"{to_datetime(difference.bar_ms):%Y-%m-%d %H:%M}",
            difference.what,
            difference.live,
            difference.engine,
            str(difference.cause),
            impact,
        )
    return table


def as_json(bot: BotConfig, parity: ParityResult) -> dict[str, Any]:
    """Return the result as JSON values."""
    return {
        "bot": bot.name,
        "symbol": bot.symbol,
        "interval": bot.timeframe,
        "first_bar": parity.first_bar.isoformat(),
        "last_bar": parity.last_bar.isoformat(),
        "bars": parity.bars,
        "trades": parity.trades,
        "causes": {str(cause): count for cause, count in parity.counts.most_common()},
        "cost": plain(parity.cost),
        "cost_bps": parity.cost_bps,
        "drift": parity.drift,
        "differences": [difference_json(difference) for difference in parity.differences],
        "notes": list(parity.notes),
    }


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return parse_utc(text)
    except ValueError:
        raise CommandError(
            f"--since {text!r} is no ISO date or time, for example 2024-01-31 or 2024-01-31T12:00"
        ) from None


def _slippage(text: str | None) -> Decimal | None:
    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise CommandError(f"--slippage-bps {text!r} is no number, for example 2.5") from None
    if not value.is_finite() or not 0 <= value < 10_000:
        raise CommandError(f"--slippage-bps {text} is not from 0 to under 10000 basis points")
    return value
