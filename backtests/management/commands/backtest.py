"""`manage.py backtest`: run a bot's rules over historical candles."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from backtests.errors import BacktestError
from core.errors import UserError

if TYPE_CHECKING:
    from backtests.engine.run import EngineRun, MarketData
    from backtests.runs.inputs import RunRequest
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
            finished = _keep(options) if options["keep"] else _run(options)
            if options["json"]:
                finished.engine_run.result.write(options["json"])
        except (UserError, OSError) as error:
            raise CommandError(str(error)) from error
        self._print(finished.market, finished.engine_run, finished.seconds)
        self.stdout.write(finished.verdict)
        if finished.page:
            self.stdout.write(f"Its page: {finished.page}")

    def _print(self, market: MarketData, run: EngineRun, seconds: float) -> None:
        # `--help` and a refused option need none of these, and they are slow to load.
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


@dataclass(frozen=True, slots=True)
class _Finished:
    """A finished run, stored or not, and how long the engine took; `page` is empty for one that is not stored."""

    market: MarketData
    engine_run: EngineRun
    seconds: float
    verdict: str
    page: str = ""


def _run(options: dict[str, Any]) -> _Finished:
    """Run the engine without storing anything."""
    # The engine loads numba, which `--help` and a refused option do not wait for.
    from backtests.engine.metrics import daily_returns
    from backtests.engine.run import run_backtest
    from backtests.engine.timerange import parse_time_range
    from backtests.statistics.verdict import rate_run

    market, settings = _read(options)
    started = time.perf_counter()
    run = run_backtest(market, settings, parse_time_range(options["start"], options["end"]))
    seconds = time.perf_counter() - started
    daily = daily_returns(market.candles.open_time[run.first : run.end], run.equity)
    # Only stored runs count as trials: to this one it is as though nothing else had been tried on these candles.
    return _Finished(market, run, seconds, rate_run(run.result, daily, trials=1).sentence)


def _read(options: dict[str, Any]) -> tuple[MarketData, RunSettings]:
    """Return the market and the settings that the options ask for."""
    # The engine loads numba, which `--help` and a refused option do not wait for.
    from backtests.engine.run import prepare
    from bots.settings.parse import make_settings, parse_pairs
    from exchange.symbols.filters import parse_rules

    if options["klines"]:
        # Only a run over a file reads files.
        from backtests.runs.files import read_klines, read_symbol_info

        symbol, interval, info = options["symbol"], options["interval"], options["exchange_info"]
        if not (symbol and interval and info):
            raise BacktestError("--klines needs --symbol, --interval and --exchange-info")
        klines = read_klines(options["klines"], symbol, interval)
        market = prepare(klines, symbol, parse_rules(read_symbol_info(info, symbol)))
        return market, make_settings(parse_pairs(options["set"]), symbol=symbol, interval=interval)
    return _read_stored(options)


def _read_stored(options: dict[str, Any]) -> tuple[MarketData, RunSettings]:
    """Return stored candles with rules on record, or those of a file."""
    # These load the models, which a run over a file does without.
    from backtests.engine.run import prepare
    from backtests.management.commands._runs import read_request
    from backtests.runs.files import read_symbol_info
    from backtests.runs.inputs import rules_on_record
    from bots.settings.parse import make_settings
    from exchange.klines import store
    from exchange.symbols.filters import parse_rules

    request = read_request(options)
    _refuse_contradiction(options, request)
    symbol, info = request.symbol, options["exchange_info"]
    venue = request.bot.api_key.venue if request.bot else None
    rules = parse_rules(read_symbol_info(info, symbol)) if info else rules_on_record(symbol, venue)
    settings = make_settings(request.settings, symbol=symbol, interval=request.interval)
    return prepare(store.load(symbol, request.interval), symbol, rules), settings


def _keep(options: dict[str, Any]) -> _Finished:
    """Store the run and execute it; its verdict counts what was tried on these candles before."""
    # These load the models, which a run over a file does without.
    from backtests.management.commands._runs import read_request, require_result
    from backtests.runs import queue
    from backtests.runs.inputs import market_of

    if options["klines"] or options["exchange_info"]:
        raise BacktestError("--keep is for stored candles and filters on record: give --dataset or --bot alone")
    request = read_request(options)
    _refuse_contradiction(options, request)
    run = queue.new_backtest(request)
    started = time.perf_counter()
    engine_run = queue.execute_backtest(run)
    seconds = time.perf_counter() - started
    require_result(run)
    if engine_run is None:
        raise BacktestError(f"{run} was taken by a worker: see its page /backtests/backtest/{run.pk}/")
    verdict = (run.verdict or {})["sentence"]
    return _Finished(market_of(run), engine_run, seconds, verdict, f"/backtests/backtest/{run.pk}/")


def _refuse_contradiction(options: dict[str, Any], request: RunRequest) -> None:
    asked = (options["symbol"] or request.symbol, options["interval"] or request.interval)
    if asked != (request.symbol, request.interval):
        raise BacktestError(f"--symbol and --interval contradict {request.symbol}:{request.interval}")
