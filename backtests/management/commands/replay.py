"""`manage.py replay`: run the live bot code over recorded candles, in a throw-away database."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from backtests.engine.timerange import parse_time_range
from backtests.replay import ReplayRun, replay
from backtests.runs.files import read_klines, read_symbol_info
from backtests.terminal_report import result_table
from bots.settings.parse import make_settings, parse_pairs
from core.errors import UserError
from core.progress import progress_bar
from exchange.klines.series import with_all_columns


class Command(BaseCommand):
    help = "Run the live runner, client and paper exchange over recorded candles, bar by bar."
    scratch_database = True  # its runs must not touch the site's books

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--klines", required=True, type=Path, metavar="FILE", help="Binance's CSV, zip or Parquet")
        parser.add_argument("--symbol", required=True, help="as in BTCUSDT")
        parser.add_argument(
            "--interval", required=True, help="length of a bar, as in 1h; made of shorter ones if need be"
        )
        parser.add_argument(
            "--exchange-info", required=True, type=Path, metavar="FILE", help="for the symbol's filters"
        )
        parser.add_argument(
            "--set", action="append", nargs="+", default=[], metavar="key=value", help="a setting; none is off"
        )
        parser.add_argument("--from", dest="start", metavar="TIME", help="first bar, ISO date or time, UTC")
        parser.add_argument("--to", dest="end", metavar="TIME", help="end, excluded")
        parser.add_argument("--json", type=Path, metavar="OUT", help="write the result here")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run = _read(options)
            first, end = run.time_range.rows(run.klines)
            started = time.monotonic()
            bars = itertools.count(1)
            with progress_bar("replay", "bars", end - first) as show:
                result = replay(run, progress=lambda: show(next(bars)))
        except UserError as error:
            raise CommandError(str(error)) from None
        seconds = time.monotonic() - started
        if options["json"]:
            result.write(options["json"])
        Console(file=self.stdout).print(result_table(result))  # type: ignore[arg-type]
        self.stdout.write(f"{end - first} bars in {seconds:.1f} s, {(end - first) / seconds:.0f} a second.")


def _read(options: dict[str, Any]) -> ReplayRun:
    symbol, interval = options["symbol"], options["interval"]
    return ReplayRun(
        symbol=symbol,
        klines=with_all_columns(read_klines(options["klines"], symbol, interval)),
        symbol_info=read_symbol_info(options["exchange_info"], symbol),
        parameters=make_settings(parse_pairs(options["set"]), symbol=symbol, interval=interval),
        time_range=parse_time_range(options["start"], options["end"]),
    )
