"""Serve the public endpoints: time, symbols, candles, tickers, the book. Each is a function of a request.

What trades and the book are made of is in public_data.py, candles are the market's, parameters' shapes parameters.py's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from exchange.fills import from_units
from exchange.paper import errors
from exchange.paper.endpoints.public_data import book_side, day_statistics, quote_of, recent_trades
from exchange.paper.market.base import KlineQuery, KlineRow, SymbolInfo
from exchange.paper.market.series import units_text
from exchange.paper.market.symbol_rules import SymbolListing, listing_of
from exchange.paper.protocol.endpoint import ApiRequest, Endpoint, EndpointTable
from exchange.paper.protocol.parameters import Parameters

Json = dict[str, Any]

_STATUSES = ("TRADING", "END_OF_DAY", "HALT", "BREAK", "CANCEL_ONLY")
_TICKER_STATUSES = ("TRADING", "HALT", "BREAK", "CANCEL_ONLY")
_TIME_ZONE = re.compile(r"^([+-]?)(\d{1,2})(?::(\d{2}))?$", re.ASCII)
_WEST_MS, _EAST_MS = -12 * 3_600_000, 14 * 3_600_000


# The exchange itself


def ping(request: ApiRequest) -> Json:
    return {}


def server_time(request: ApiRequest) -> Json:
    """Return the wall clock, by which requests are timed; market time shows in candles, trades and orders."""
    return {"serverTime": request.stamp(request.wall_ms)}


def exchange_info(request: ApiRequest) -> Json:
    params = request.params
    entries = _asked_entries(request)
    if not params.flag("showPermissionSets", default=True):
        entries = [{name: value for name, value in entry.items() if name != "permissionSets"} for entry in entries]
    return {
        "timezone": "UTC",
        "serverTime": request.stamp(request.wall_ms),
        "rateLimits": [limit.as_json() for limit in request.rate_limits],
        "exchangeFilters": [],
        "symbols": entries,
    }


def _asked_entries(request: ApiRequest) -> list[SymbolInfo]:
    """Return the entries by symbol, symbols, or permissions and status; only one of the three at a time."""
    params, listed = request.params, request.market.symbols()
    named = _named_symbols(params)
    status = params.choice("symbolStatus", _STATUSES, errors.bad_symbol_status)
    if named is not None and (status or params.has("permissions")):
        raise errors.bad_combination()
    if named is not None:
        return [_entry(listed, symbol) for symbol in named]
    permissions = _permissions(params)
    entries = [entry for entry in listed.values() if status is None or entry["status"] == status]
    return [entry for entry in entries if permissions is None or permissions & _permissions_of(entry)]


def _entry(known: dict[str, SymbolInfo], symbol: str) -> SymbolInfo:
    entry = known.get(symbol)
    if entry is None:
        raise errors.bad_symbol()
    return entry


def _permissions(params: Parameters) -> set[str] | None:
    text = params.raw("permissions")
    if text is None:
        return None
    names = re.findall(r"[A-Z0-9_]+", text)
    if not names or re.sub(r'[A-Z0-9_",\[\] ]', "", text):
        raise errors.invalid("permissions")
    return set(names)


def _permissions_of(entry: SymbolInfo) -> set[str]:
    return set(entry.get("permissions", ())) | {name for group in entry.get("permissionSets", ()) for name in group}


# Candles


def klines(request: ApiRequest) -> list[Any]:
    params = request.params
    symbol = params.symbol()
    interval = params.require("interval")
    start, end = params.time_ms("startTime"), params.time_ms("endTime")
    offset = _time_zone_ms(params)
    rows = request.market.klines(
        symbol, KlineQuery(interval, start, end, params.limit(500, 1000), offset), request.now_ms
    )
    return [_in_unit(row, request) for row in rows] if request.time_unit.value != 1 else rows


def _in_unit(row: KlineRow, request: ApiRequest) -> list[Any]:
    """Return a row with its times in the requested unit. A close in microseconds is the bar's last microsecond."""
    stamped = list(row)
    stamped[0] = request.stamp(row[0])
    stamped[6] = request.stamp(row[6] + 1) - 1
    return stamped


def _time_zone_ms(params: Parameters) -> int:
    """Read `timeZone` as hours, or hours and minutes, from -12:00 to +14:00."""
    text = params.raw("timeZone")
    if text is None:
        return 0
    match = _TIME_ZONE.match(text.strip())  # a plus sign sent as it is arrives as a space
    if not match or int(match[3] or 0) > 59:
        raise errors.invalid("timeZone")
    offset = (int(match[2]) * 60 + int(match[3] or 0)) * 60_000 * (-1 if match[1] == "-" else 1)
    if not _WEST_MS <= offset <= _EAST_MS:
        raise errors.invalid("timeZone")
    return offset


# Tickers


def ticker_price(request: ApiRequest) -> Any:
    def answer(listing: SymbolListing) -> Json:
        last = request.market.last_price(listing.symbol, request.now_ms)
        return {"symbol": listing.symbol, "price": units_text(last)}

    return _one_or_many(request, answer)


def book_ticker(request: ApiRequest) -> Any:
    def answer(listing: SymbolListing) -> Json:
        quote = quote_of(request, listing)
        size = f"{quote.size:.8f}"
        return {
            "symbol": listing.symbol,
            "bidPrice": units_text(quote.bid),
            "bidQty": size,
            "askPrice": units_text(quote.ask),
            "askQty": size,
        }

    return _one_or_many(request, answer)


def ticker_24hr(request: ApiRequest) -> Any:
    kind = request.params.choice("type", ("FULL", "MINI"), errors.bad_ticker_type) or "FULL"

    def answer(listing: SymbolListing) -> Json:
        return _full_ticker(request, listing) if kind == "FULL" else _mini_ticker(request, listing)

    return _one_or_many(request, answer)


def _mini_ticker(request: ApiRequest, listing: SymbolListing) -> Json:
    day = day_statistics(request, listing.symbol)
    return {
        "symbol": listing.symbol,
        "openPrice": units_text(day.open),
        "highPrice": units_text(day.high),
        "lowPrice": units_text(day.low),
        "lastPrice": units_text(day.last),
        "volume": f"{day.volume:.8f}",
        "quoteVolume": f"{day.quote_volume:.8f}",
        "openTime": request.stamp(day.open_time_ms),
        "closeTime": request.stamp(day.close_time_ms),
        "firstId": day.first_trade,
        "lastId": day.last_trade,
        "count": day.trades,
    }


def _full_ticker(request: ApiRequest, listing: SymbolListing) -> Json:
    mini = _mini_ticker(request, listing)
    quote = quote_of(request, listing)
    opened, last = Decimal(mini["openPrice"]), Decimal(mini["lastPrice"])
    volume, worth = Decimal(mini["volume"]), Decimal(mini["quoteVolume"])
    return {
        "symbol": listing.symbol,
        "priceChange": f"{last - opened:.8f}",
        "priceChangePercent": f"{(last / opened - 1) * 100:.3f}",
        "weightedAvgPrice": f"{worth / volume if volume else last:.8f}",
        "prevClosePrice": mini["openPrice"],
        "lastPrice": mini["lastPrice"],
        "lastQty": f"{from_units(listing.step):.8f}",
        "bidPrice": units_text(quote.bid),
        "bidQty": f"{quote.size:.8f}",
        "askPrice": units_text(quote.ask),
        "askQty": f"{quote.size:.8f}",
        **{name: mini[name] for name in ("openPrice", "highPrice", "lowPrice", "volume", "quoteVolume")},
        **{name: mini[name] for name in ("openTime", "closeTime", "firstId", "lastId", "count")},
    }


def _one_or_many(request: ApiRequest, answer: Callable[[SymbolListing], Json]) -> Any:
    """Return an object for `symbol`, a list for `symbols` or for all."""
    params, market = request.params, request.market
    named = _named_symbols(params)
    status = params.choice("symbolStatus", _TICKER_STATUSES, errors.bad_symbol_status)
    listings = [listing_of(market, symbol) for symbol in (market.symbols() if named is None else named)]
    if status is not None:
        fitting = [listing for listing in listings if listing.info["status"] == status]
        if named is not None and len(fitting) < len(listings):
            raise errors.symbol_has_other_status()
        listings = fitting
    if params.has("symbol"):
        return answer(listings[0])
    return [answer(listing) for listing in listings if named is not None or _is_listed(request, listing)]


def _is_listed(request: ApiRequest, listing: SymbolListing) -> bool:
    """Return True if the symbol has a price yet: a replay's symbols may begin at different times."""
    return request.market.first_time_ms(listing.symbol) <= request.now_ms


def _named_symbols(params: Parameters) -> Iterable[str] | None:
    one, many = params.optional_symbol(), params.symbols()
    if one is not None and many is not None:
        raise errors.bad_combination()
    return (one,) if one is not None else many


# Book and trades


def depth(request: ApiRequest) -> Json:
    listing = listing_of(request.market, request.params.symbol())
    limit = request.params.limit(100, 5000)
    quote = quote_of(request, listing)
    return {
        "lastUpdateId": request.now_ms,
        "bids": book_side(quote, listing, limit, is_bid=True),
        "asks": book_side(quote, listing, limit, is_bid=False),
    }


def average_price(request: ApiRequest) -> Json:
    listing = listing_of(request.market, request.params.symbol())
    minutes = listing.rules.average_price_minutes
    mean = request.market.average_price(listing.symbol, request.now_ms, minutes)
    return {"mins": minutes, "price": units_text(mean), "closeTime": request.stamp(request.now_ms)}


def trades(request: ApiRequest) -> list[Json]:
    listing = listing_of(request.market, request.params.symbol())
    limit = request.params.limit(500, 1000)
    return [
        {
            "id": trade.number,
            "price": units_text(trade.price),
            "qty": units_text(trade.quantity),
            "quoteQty": units_text(trade.quote_quantity),
            "time": request.stamp(trade.time_ms),
            "isBuyerMaker": trade.is_buyer_maker,
            "isBestMatch": True,
        }
        for trade in recent_trades(request, listing, limit)
    ]


# What they cost and read


def _price_weight(params: Parameters) -> int:
    return 2 if params.has("symbol") else 4


def _day_weight(params: Parameters) -> int:
    if params.has("symbol"):
        return 2
    named = params.symbols()
    if named is None or len(named) > 100:
        return 80
    return 2 if len(named) <= 20 else 40


def _depth_weight(params: Parameters) -> int:
    limit = params.limit(100, 5000)
    return next(weight for most, weight in ((100, 5), (500, 25), (1000, 50), (5000, 250)) if limit <= most)


_KLINE_NAMES = frozenset({"symbol", "interval", "startTime", "endTime", "timeZone", "limit"})
_TICKER_NAMES = frozenset({"symbol", "symbols", "symbolStatus"})
_INFO_NAMES = _TICKER_NAMES | {"permissions", "showPermissionSets"}
_LIMIT_NAMES = frozenset({"symbol", "limit"})

ENDPOINTS: EndpointTable = {
    ("GET", "ping"): Endpoint(ping),
    ("GET", "time"): Endpoint(server_time),
    ("GET", "exchangeInfo"): Endpoint(exchange_info, 20, parameters=_INFO_NAMES),
    ("GET", "klines"): Endpoint(klines, 2, parameters=_KLINE_NAMES),
    ("GET", "uiKlines"): Endpoint(klines, 2, parameters=_KLINE_NAMES),
    ("GET", "ticker/price"): Endpoint(ticker_price, _price_weight, parameters=_TICKER_NAMES),
    ("GET", "ticker/bookTicker"): Endpoint(book_ticker, _price_weight, parameters=_TICKER_NAMES),
    ("GET", "ticker/24hr"): Endpoint(ticker_24hr, _day_weight, parameters=_TICKER_NAMES | {"type"}),
    ("GET", "depth"): Endpoint(depth, _depth_weight, parameters=_LIMIT_NAMES),
    ("GET", "avgPrice"): Endpoint(average_price, 2, parameters=frozenset({"symbol"})),
    ("GET", "trades"): Endpoint(trades, 25, parameters=_LIMIT_NAMES),
}
