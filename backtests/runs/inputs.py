"""The inputs of a run: stored candles and a symbol's filters, checked before the run is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from backtests.engine import run as engine
from backtests.engine.jit_cache import FOLDER
from backtests.engine.timerange import TimeRange, parse_time_range
from backtests.errors import BacktestError, RunError
from backtests.models import Run
from backtests.runs.files import check_interval
from bots.models import BotConfig
from bots.settings.parse import make_settings
from bots.settings.run_settings import RunSettings
from bots.settings.schema import SettingError
from core.errors import UserError
from core.times import to_datetime, to_ms
from exchange import symbol_catalogue
from exchange.api.errors import ExchangeError
from exchange.api.types import INTERVAL_MS, Klines, SymbolRules
from exchange.klines import store
from exchange.klines.series import data_hash, gaps
from exchange.models import Dataset, Symbol, Venue
from exchange.symbols.filters import parse_rules


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A request for a run: market, settings as text by name, and ISO dates (None: all the data there is)."""

    symbol: str
    interval: str
    settings: Mapping[str, Any]
    start: str | None = None
    end: str | None = None
    bot: BotConfig | None = None
    user: Any = None
    seed: int = 1


@dataclass(frozen=True, slots=True)
class RunInputs:
    """The checked inputs of a run: settings, candles up to the range's end, and the range's rows."""

    parameters: RunSettings
    klines: Klines
    first: int
    end: int
    symbol: Symbol


@contextmanager
def reject_as(field: str) -> Iterator[None]:
    """Turn an error that may be shown into a `RunError` about a form field."""
    try:
        yield
    except UserError as error:
        raise RunError(str(error), field) from error


def parse_dataset(text: str) -> tuple[str, str]:
    """Return symbol and interval of a dataset named SYMBOL:INTERVAL. Raise `BacktestError` for other text."""
    symbol, colon, interval = text.partition(":")
    if not colon or not symbol:
        raise BacktestError(f"{text!r} is not SYMBOL:INTERVAL, for example BTCUSDT:1h")
    return symbol, check_interval(interval)


def rules_on_record(symbol: str, venue: str | None = None) -> SymbolRules:
    """Return the newest stored rules of a symbol, of one venue or any. Raise `BacktestError` if there are none."""
    row = Symbol.objects.filter(name=symbol, **({"venue": venue} if venue else {})).order_by("-read_at").first()
    if row is None:
        raise BacktestError(f"no rules of {symbol} are on record: give --exchange-info FILE or run refresh_symbols")
    return parse_rules(row.info)


def read(request: RunRequest) -> RunInputs:
    """Check a request against the data. Raise `RunError` with a sentence for whatever is wrong."""
    try:
        parameters = make_settings(request.settings, symbol=request.symbol, interval=request.interval)
        time_range = parse_time_range(request.start, request.end)
        klines = store.load(request.symbol, request.interval, end_ms=time_range.end_ms)
        first, end = time_range.rows(klines)
        symbol = find_symbol_row(request.symbol, request.bot)
        market = engine.prepare(klines, request.symbol, parse_rules(symbol.info))
        engine.row_range(market, parameters, time_range)
    except RunError:
        raise
    except SettingError as error:
        raise RunError(error.sentence, error.field) from error
    except (UserError, ExchangeError) as error:
        raise RunError(str(error), "start" if isinstance(error, BacktestError) else "dataset") from error
    return RunInputs(parameters, klines, first, end, symbol)


def find_symbol_row(name: str, bot: BotConfig | None) -> Symbol:
    """Return the symbol of the bot's venue; without a bot that of live, testnet or paper."""
    venues = [bot.api_key.venue] if bot else [Venue.LIVE, Venue.TESTNET, Venue.PAPER]
    for venue in venues:
        row = Symbol.objects.filter(venue=venue, name=name).first()
        if row is not None:
            return row
    venue = venues[-1]
    try:
        symbol_catalogue.rules_for(venue, name)
    except ExchangeError as error:
        raise RunError(f"The filters of {name} are not on record and could not be read: {error}") from error
    return Symbol.objects.get(venue=venue, name=name)


def fields(request: RunRequest, inputs: RunInputs, end: int | None = None) -> dict[str, Any]:
    """Return the columns that every run has. `end` cuts the range: rows from there on are held out."""
    stop = inputs.end if end is None else end
    read_bars = inputs.klines[slice(0, stop)]
    in_range = inputs.klines[slice(inputs.first, stop)]
    length = INTERVAL_MS[request.interval]
    return {
        "bot": request.bot,
        "symbol": request.symbol,
        "interval": request.interval,
        "strategy": inputs.parameters.strategy,
        "settings": inputs.parameters.to_json(),
        "symbol_info": inputs.symbol.info,
        "filters_at": inputs.symbol.read_at,
        "start_at": to_datetime(int(in_range.open_time[0])),
        "end_at": to_datetime(int(in_range.open_time[-1]) + length),
        "bars": len(in_range),
        "gaps": [[gap.first_ms, gap.last_ms] for gap in gaps(in_range)],
        "data_hash": data_hash(request.symbol, read_bars),
        "code_version": FOLDER.name,
        "seed": request.seed,
        "created_by": request.user,
    }


def market_of(run: Run) -> engine.MarketData:
    """Return the candles and rules of a stored run. Raise `RunError` if the data has changed."""
    stored = (
        Dataset.objects.filter(symbol=run.symbol, interval=run.interval).values_list("data_hash", flat=True).first()
    )
    info = json.dumps(run.symbol_info, sort_keys=True)
    return _market(run.symbol, run.interval, to_ms(run.end_at), run.data_hash, info, stored)


@lru_cache(maxsize=2)  # a worker makes one chunk of a search after another on the same candles, a page asks for more
def _market(
    symbol: str, interval: str, end_ms: int, expected_hash: str, info: str, _stored_hash: str | None
) -> engine.MarketData:
    """Load and verify candles once. `_stored_hash` names the stored series: a change of it loads again."""
    with reject_as(""):
        klines = store.load(symbol, interval, end_ms=end_ms)
        market = engine.prepare(klines, symbol, parse_rules(json.loads(info)))
    if data_hash(symbol, klines) != expected_hash:
        raise RunError(
            f"The stored {symbol} {interval} candles changed since this run was made: "
            "start it again, or bring the old candles back."
        )
    return market


def time_range_of(run: Run) -> TimeRange:
    return TimeRange(to_ms(run.start_at), to_ms(run.end_at))
