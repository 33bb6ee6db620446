"""`manage.py backtest`: run a bot's rules over historical candles."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.errors import UserError

if TYPE_CHECKING:
    from backtests.engine.run import EngineRun, MarketData
    from bots.settings.run_settings import RunSettings


class Command(BaseCommand):
    help = "Run a bot's rules over candles of the past: the trades that the bot itself would take."
    no_database_with = ("--klines",)
    requires_system_checks: list[str] = []  # a run over a file needs nothing that they look at

    def add_arguments(self, parser: CommandParser) -> None:
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("--klines", type=Path, metavar="FILE", help="Binance's CSV, gz, zip, or Parquet")
        source.add_argument("--dataset", metavar="SYMBOL:INTERVAL", help="stored candles")
        source.add_argument("--bot", metavar="NAME", help="a bot's settings, on the stored candles that it trades")
        parser.add_argument("--symbol", help="as in BTCUSDT; needed with --klines")
        parser.add_argument("--interval", help="length of a bar, as in 1h; needed with --klines")
        parser.add_argument("--exchange-info", type=Path, metavar="FILE", help="for the filters; needed with --klines")
        parser.add_argument(
            "--set", action="append", nargs="+", default=[], metavar="key=value", help="a setting; none is off"
        )
        parser.add_argument("--from", dest="start", metavar="TIME", help="first bar, ISO date or time, UTC")
        parser.add_argument("--to", dest="end", metavar="TIME", help="end, excluded")
        parser.add_argument("--json", type=Path, metavar="OUT", help="write the result here")
        parser.add_argument("--keep", action="store_true", help="put it on record, with a page; not with --klines")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            market, parameters = _read(options)
            started = time.perf_counter()
            run = _run(market, parameters, options)
            seconds = time.perf_counter() - started
            if options["json"]:
                run.result.write(options["json"])
            sentence, page = _keep(options) if options["keep"] else (_verdict(market, run), "")
        except (UserError, ValueError, LookupError, OSError) as error:
            raise CommandError(str(error)) from error
        self._print(market, run, seconds)
        self.stdout.write(sentence)
        if page:
            self.stdout.write(f"Its page: {page}")

    def _print(self, market: MarketData, run: EngineRun, seconds: float) -> None:
        from rich.console import Console

        from backtests.terminal_report import result_table
        from exchange.api.types import Klines
        from exchange.klines.series import gaps

        Console(file=self.stdout).print(result_table(run.result))  # type: ignore[arg-type]
        holes = gaps(Klines(market.interval, *market.candles)[run.first : run.end])
        missing = sum(hole.missing for hole in holes)
        if holes:
            self.stdout.write(f"The data has {len(holes)} gap(s), {missing} missing bar(s); a gap is not a bar.")
        self.stdout.write(f"{run.end - run.first} bars in {seconds:.3f} s.")


def _read(options: dict[str, Any]) -> tuple[MarketData, RunSettings]:
    """Return the market and the settings that the options ask for."""
    from backtests.engine.run import BacktestError, prepare
    from backtests.runs import data
    from bots.settings.parse import make_settings, parse_pairs

    settings: dict[str, object] = dict(parse_pairs(options["set"]))
    symbol, interval, venue = options["symbol"], options["interval"], None
    if options["keep"] and (options["klines"] or options["exchange_info"]):
        raise BacktestError("--keep is for stored candles and filters on record: give --dataset or --bot alone")
    if options["klines"]:
        if not (symbol and interval and options["exchange_info"]):
            raise BacktestError("--klines needs --symbol, --interval and --exchange-info")
        klines = data.klines_of_file(options["klines"], symbol, interval)
    else:
        dataset = options["dataset"]
        if options["bot"]:
            bot = _bot(options["bot"])
            settings = data.settings_of_bot(bot) | settings
            dataset, venue = f"{bot.symbol}:{bot.timeframe}", bot.api_key.venue
        stored_symbol, stored_interval, klines = data.klines_of_store(dataset)
        if (symbol or stored_symbol, interval or stored_interval) != (stored_symbol, stored_interval):
            raise BacktestError(f"--symbol and --interval contradict {dataset}")
        symbol, interval = stored_symbol, stored_interval
    info = options["exchange_info"]
    rules = data.rules_of_file(info, symbol) if info else data.rules_on_record(symbol, venue)
    return prepare(klines, symbol, rules), make_settings(settings, symbol=symbol, interval=interval)


def _run(market: MarketData, parameters: RunSettings, options: dict[str, Any]) -> EngineRun:
    from backtests.engine.run import run_backtest
    from backtests.engine.timerange import parse_time_range

    return run_backtest(market, parameters, parse_time_range(options["start"], options["end"]))


def _verdict(market: MarketData, run: EngineRun) -> str:
    """How likely the result is to be luck, had nothing else been tried on these candles: only a kept one is counted."""
    from backtests.engine.metrics import daily_returns
    from backtests.statistics.run_verdict import judge

    daily = daily_returns(market.candles.open_time[run.first : run.end], run.equity)
    return judge(run.result, daily, trials=1).sentence


def _keep(options: dict[str, Any]) -> tuple[str, str]:
    """Make the run again on record; its verdict, which counts what was tried on these candles before, and its page."""

    from backtests.management.commands._runs import read_request, require_result
    from backtests.runs import queue

    run = queue.new_backtest(read_request({**options, "seed": 1}))
    queue.execute_backtest(run)
    require_result(run)
    return (run.verdict or {})["sentence"], f"/backtests/backtest/{run.pk}/"


def _bot(name: str) -> Any:
    from bots.models import BotConfig

    bot = BotConfig.objects.select_related("api_key").filter(name=name).first()
    if bot is None:
        names = ", ".join(BotConfig.objects.values_list("name", flat=True)[:10])
        raise LookupError(f"there is no bot called {name!r}; there are: {names or 'none'}")
    return bot
