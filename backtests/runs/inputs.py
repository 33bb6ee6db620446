"""What a run is made on: stored candles and a symbol's filters, read and checked before a run is put on record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from backtests.engine import run as engine
from backtests.engine.jit_cache import FOLDER
from backtests.engine.timerange import Span, SpanError, parse_span
from backtests.models import Run
from bots.models import BotConfig
from bots.settings.parse import make_settings
from bots.settings.run_settings import RunSettings
from bots.settings.schema import SettingError
from exchange.api.errors import ExchangeError
from exchange.api.types import INTERVAL_MS, Klines
from exchange.klines import store
from exchange.klines.series import data_hash, gaps
from exchange.models import Dataset, Symbol, Venue
from exchange.symbols import catalogue
from exchange.symbols.filters import parse_rules


class RunError(ValueError):
    """A run that cannot be made, or moved on, as asked; the message says why and what would do.

    `field` names what was asked for wrongly, as a form calls it; empty where it is no one thing.
    """

    def __init__(self, message: str, field: str = "") -> None:
        is_name = "_" in message.partition(" ")[0]
        text = message if is_name else message[:1].upper() + message[1:]
        super().__init__(text if text.endswith((".", "?", "!")) else f"{text}.")
        self.field = field


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks for: a market, settings as text by their names, and a span (ISO dates; None: all there is)."""

    symbol: str
    interval: str
    settings: Mapping[str, Any]
    start: str | None = None
    end: str | None = None
    bot: BotConfig | None = None
    user: Any = None
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Ground:
    """A request that was found good: its settings, its candles up to the span's end, and the span's rows."""

    parameters: RunSettings
    klines: Klines
    first: int
    end: int
    symbol: Symbol


def utc(time_ms: int) -> datetime:
    return datetime.fromtimestamp(int(time_ms) / 1000, tz=UTC)


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def read(request: Request) -> Ground:
    """Check a request against the data. Raise `RunError` with a sentence for whatever is in the way."""
    try:
        parameters = make_settings(request.settings, symbol=request.symbol, interval=request.interval)
        span = parse_span(request.start, request.end)
        klines = store.load(request.symbol, request.interval, end_ms=span.end_ms)
        first, end = span.rows(klines)
        symbol = symbol_row(request.symbol, request.bot)
        market = engine.prepare(klines, request.symbol, parse_rules(symbol.info))
        engine.rows_of(market, parameters, span)
    except RunError:
        raise
    except SettingError as error:
        raise RunError(error.sentence, error.field) from error
    except (ValueError, ExchangeError) as error:
        raise RunError(str(error), _field_of(error)) from error
    return Ground(parameters, klines, first, end, symbol)


def _field_of(error: Exception) -> str:
    """What a refusal is about: a setting, the span, or the candles."""
    if isinstance(error, SpanError | engine.BacktestError):
        return "start"
    return str(getattr(error, "field", "dataset"))


def symbol_row(name: str, bot: BotConfig | None) -> Symbol:
    """The symbol as the bot's venue describes it; else as live, testnet or paper does, whichever is on record."""
    venues = [bot.api_key.venue] if bot else [Venue.LIVE, Venue.TESTNET, Venue.PAPER]
    for venue in venues:
        row = Symbol.objects.filter(venue=venue, name=name).first()
        if row is not None:
            return row
    venue = venues[-1]
    try:
        catalogue.rules_for(venue, name)
    except ExchangeError as error:
        raise RunError(f"The filters of {name} are not on record and could not be read: {error}") from error
    return Symbol.objects.get(venue=venue, name=name)


def fields(request: Request, ground: Ground, end: int | None = None) -> dict[str, Any]:
    """The columns that every run has. `end` cuts the span short: rows from there on are held out."""
    stop = ground.end if end is None else end
    read_bars = ground.klines[slice(0, stop)]
    inside = ground.klines[slice(ground.first, stop)]
    length = INTERVAL_MS[request.interval]
    return {
        "bot": request.bot,
        "symbol": request.symbol,
        "interval": request.interval,
        "strategy": ground.parameters.strategy,
        "settings": ground.parameters.to_json(),
        "symbol_info": ground.symbol.info,
        "filters_at": ground.symbol.read_at,
        "start_at": utc(int(inside.open_time[0])),
        "end_at": utc(int(inside.open_time[-1]) + length),
        "bars": len(inside),
        "gaps": [[gap.first_ms, gap.last_ms] for gap in gaps(inside)],
        "data_hash": data_hash(request.symbol, read_bars),
        "code_version": FOLDER.name,
        "seed": request.seed,
        "created_by": request.user,
    }


def market_of(run: Run) -> engine.Market:
    """The candles and rules that a run on record was asked to use. Raise `RunError` where the data has changed."""
    stored = (
        Dataset.objects.filter(symbol=run.symbol, interval=run.interval).values_list("data_hash", flat=True).first()
    )
    info = json.dumps(run.symbol_info, sort_keys=True)
    return _market(run.symbol, run.interval, milliseconds(run.end_at), run.data_hash, info, stored)


@lru_cache(maxsize=2)  # a worker makes one chunk of a search after another on the same candles, a page asks for more
def _market(
    symbol: str, interval: str, end_ms: int, wanted_hash: str, info: str, _stored_hash: str | None
) -> engine.Market:
    """Candles that were verified once. `_stored_hash` names the stored series as it is: a change of it asks anew."""
    try:
        klines = store.load(symbol, interval, end_ms=end_ms)
        market = engine.prepare(klines, symbol, parse_rules(json.loads(info)))
    except ValueError as error:
        raise RunError(str(error)) from error
    if data_hash(symbol, klines) != wanted_hash:
        raise RunError(
            f"The stored {symbol} {interval} candles changed since this run was made: "
            "start it again, or bring the old candles back."
        )
    return market


def span_of(run: Run) -> Span:
    return Span(milliseconds(run.start_at), milliseconds(run.end_at))
