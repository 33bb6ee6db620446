"""Open the market that a text names: `replay:FILE_OR_DATASET,…`, `simulated:SEED` or `mirror`.

A replay's part is a file (`BTCUSDT-1h-2024.csv.gz`, or `FILE@BTCUSDT:1h` where its name does not say), or a stored
dataset (`BTCUSDT:1h`).
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import UserError
from exchange.klines import intervals
from exchange.klines.series import FullKlines, KlinesInvalid
from exchange.paper.market.base import Market, SymbolInfo
from exchange.paper.market.replay import ReplayMarket

_SERIES = re.compile(r"^([A-Z0-9]{2,20}):(\d{1,2}[smhdwM])$")
_FORMS = "replay:FILE_OR_DATASET,… or simulated:SEED or mirror"
_opened: dict[str, Market] = {}
_lock = threading.Lock()

ExchangeInfo = Mapping[str, Any]


def market_from_spec(spec: str, exchange_info: ExchangeInfo | str | Path | None = None) -> Market:
    """Return the market that `spec` names, opened once per process (unless it comes with its own exchange info).

    `exchange_info` is an exchangeInfo answer, or the path of a file of one. Raises `UserError`, or `KlinesInvalid`
    for candles that cannot be meant, saying what to do.
    """
    if exchange_info is not None:
        return _open(spec, read_symbols(exchange_info))
    with _lock:
        market = _opened.get(spec)
        if market is None:
            market = _opened[spec] = _open(spec, None)
        return market


def check_spec(spec: str) -> None:
    """Raise `UserError` where `spec` is malformed; files and datasets are not opened."""
    kind, _, rest = spec.partition(":")
    if kind == "replay" and any(part.strip() for part in rest.split(",")):
        return
    if kind == "simulated":
        _seed(rest)
        return
    if spec != "mirror":
        raise UserError(f"{spec!r} names no market; write {_FORMS}")


def read_symbols(exchange_info: ExchangeInfo | str | Path) -> dict[str, SymbolInfo]:
    """Return the entries of an exchangeInfo answer by symbol."""
    if isinstance(exchange_info, str | Path):
        where, content = str(exchange_info), _read_json(Path(exchange_info))
    else:
        where, content = "the exchange info", exchange_info
    try:
        return {entry["symbol"]: _complete(entry) for entry in content["symbols"]}
    except (KeyError, TypeError, IndexError) as error:
        raise UserError(
            f"{where} is no answer of GET /api/v3/exchangeInfo ({error!r} is missing); save such an answer"
        ) from error


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); check the path") from error
    except ValueError as error:
        raise UserError(f"{path} is not JSON ({error}); save an answer of GET /api/v3/exchangeInfo") from error


def _complete(entry: SymbolInfo) -> SymbolInfo:
    """Return the entry, once its required fields are checked."""
    for name in ("status", "baseAsset", "quoteAsset", "orderTypes", "filters"):
        entry[name]
    return entry


def _open(spec: str, symbols: dict[str, SymbolInfo] | None) -> Market:
    check_spec(spec)
    kind, _, rest = spec.partition(":")
    if kind == "replay":
        return ReplayMarket(_candles(rest), symbols)
    if kind == "simulated":
        from exchange.paper.market.simulated import SimulatedMarket  # each market is imported when one is opened

        return SimulatedMarket(_seed(rest), symbols)
    from exchange.paper.market.mirror import MirrorMarket  # imports python-binance, which takes a second

    return MirrorMarket(symbols)


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise UserError(f"simulated:{text} needs a whole number as its seed, as in simulated:1")
    return int(text)


def _candles(rest: str) -> dict[str, FullKlines]:
    candles: dict[str, FullKlines] = {}
    for part in filter(None, (part.strip() for part in rest.split(","))):
        symbol, klines = _part(part)
        if symbol in candles:
            raise UserError(
                f"two of the replay's candles are of {symbol}; give each symbol once, longer intervals are made of it"
            )
        candles[symbol] = klines
    return candles


def _part(part: str) -> tuple[str, FullKlines]:
    """Return the symbol and candles of one part of a replay's spec."""
    stored = _SERIES.match(part)
    if stored and not Path(part).exists():
        from exchange.klines.store import load  # reads the database, which a market of a file does not need

        return stored[1], load(stored[1], stored[2])
    from exchange.klines.files import read_report  # imports pyarrow, which takes a while

    path, at, series = part.rpartition("@")
    named = _SERIES.match(series) if at else None
    if at and not Path(part).exists() and named is None:
        raise UserError(f"{part!r}: after @ comes SYMBOL:INTERVAL, as in {path}@BTCUSDT:1m")
    if named and intervals.is_interval(named[2]):
        report = read_report(path, named[1], named[2])
    elif named:
        raise KlinesInvalid(f"there is no interval {named[2]!r}; use one of {' '.join(intervals.INTERVALS)}")
    else:
        report = read_report(part)
    return report.symbol, report.klines
