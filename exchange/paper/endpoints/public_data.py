"""Compute what the public endpoints show beyond candles: book, trades and the last 24 hours.

A market knows bars alone, so all of this is made of them, the same each time it is asked at the same time: four trades
a bar, along the way its price must have gone, and a book whose best prices are those of a market order. Parameters and
answers' shapes are in public.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from core.times import DAY_MS
from exchange.api.types import INTERVAL_MS
from exchange.fills import UNITS, ask_price, bid_price, from_units, mul_units, to_units
from exchange.klines import intervals
from exchange.paper.market.base import KlineQuery
from exchange.paper.market.series import units_text
from exchange.paper.market.symbol_rules import SymbolListing
from exchange.paper.protocol.endpoint import ApiRequest

TRADES_PER_BAR = 4
_DAY_PIECES = "5m"


@dataclass(frozen=True, slots=True)
class PaperQuote:
    """Best prices and the last one, in units; `size` is what either side takes, in base."""

    bid: int
    ask: int
    last: int
    size: Decimal


@dataclass(frozen=True, slots=True)
class PublicTrade:
    """A trade made of a bar. Price and quantity in units."""

    number: int
    price: int
    quantity: int
    time_ms: int
    is_buyer_maker: bool

    @property
    def quote_quantity(self) -> int:
        return int(mul_units(self.price, self.quantity))


@dataclass(frozen=True, slots=True)
class DayStatistics:
    """The last 24 hours: prices in units, amounts in base and quote."""

    open_time_ms: int
    close_time_ms: int
    open: int
    high: int
    low: int
    last: int
    volume: Decimal
    quote_volume: Decimal
    first_trade: int
    last_trade: int

    @property
    def trades(self) -> int:
        return self.last_trade - self.first_trade + 1 if self.last_trade >= 0 else 0

    @property
    def mean_price(self) -> Decimal:
        return self.quote_volume / self.volume if self.volume else Decimal(0)


def quote_of(request: ApiRequest, listing: SymbolListing) -> PaperQuote:
    """Return what a market order would trade at now, with the account's slippage."""
    last = request.market.last_price(listing.symbol, request.now_ms)
    bid = max(int(bid_price(last, request.slippage, listing.tick)), listing.tick)
    ask = int(ask_price(last, request.slippage, listing.tick))
    return PaperQuote(bid, ask, last, _size(listing))


def book_side(quote: PaperQuote, listing: SymbolListing, limit: int, *, is_bid: bool) -> list[tuple[str, str]]:
    """Return levels from the best price on, a tick apart. The best one takes any order in full."""
    best, step = (quote.bid, -listing.tick) if is_bid else (quote.ask, listing.tick)
    count = min(limit, best // listing.tick) if is_bid else limit
    sizes = [f"{quote.size / share:.8f}" for share in (1, 20, 12, 30, 8, 25, 16, 40)]
    return [(units_text(best + level * step), sizes[level % len(sizes)]) for level in range(count)]


def recent_trades(request: ApiRequest, listing: SymbolListing, limit: int) -> list[PublicTrade]:
    """Return the newest trades, ascending: those of whole bars, then one at the open of the bar in progress."""
    market, symbol, now_ms = request.market, listing.symbol, request.now_ms
    interval = market.base_interval(symbol)
    length = INTERVAL_MS.get(interval, 31 * DAY_MS)
    span = (limit // TRADES_PER_BAR + 2) * length
    bars = market.bars(symbol, now_ms - span, now_ms)
    numbers = intervals.bar_numbers(interval, bars.open_time) * TRADES_PER_BAR
    columns = (bars.open_time, bars.close_time, bars.open, bars.high, bars.low, bars.close)
    rows = zip(numbers.tolist(), *(column.tolist() for column in columns), bars.volume.tolist(), strict=True)
    trades: list[PublicTrade] = []
    for number, opens, closes, opened, high, low, closed, volume in rows:
        if closes < now_ms:
            trades += _bar_trades(number, (opens, closes), (opened, high, low, closed), volume, listing.step)
        else:
            trades.append(PublicTrade(number, opened, listing.step, opens, is_buyer_maker=False))
    return trades[-limit:]


def _bar_trades(
    number: int, times: tuple[int, int], prices: tuple[int, int, int, int], volume: float, step: int
) -> list[PublicTrade]:
    """Return a bar's trades: a rising bar goes open, low, high, close; a falling one open, high, low, close; an empty
    one has none.
    """
    quantity = to_units(Decimal(volume)) // TRADES_PER_BAR // step * step
    if quantity <= 0:
        return []
    opened, high, low, closed = prices
    way = (opened, low, high, closed) if closed >= opened else (opened, high, low, closed)
    third = (times[1] - times[0]) // 3
    at = (times[0], times[0] + third, times[0] + 2 * third, times[1])
    fell = (False, way[1] < way[0], way[2] < way[1], way[3] < way[2])
    return [PublicTrade(number + k, way[k], quantity, at[k], fell[k]) for k in range(TRADES_PER_BAR)]


def day_statistics(request: ApiRequest, symbol: str) -> DayStatistics:
    """Return the 24 hours up to now, from bars of five minutes, or the market's own if those are longer."""
    market, now_ms = request.market, request.now_ms
    base = market.base_interval(symbol)
    pieces = base if intervals.is_shorter(_DAY_PIECES, base) else _DAY_PIECES
    rows = market.klines(symbol, KlineQuery(pieces, now_ms - DAY_MS, None, DAY_MS // INTERVAL_MS["5m"] + 1), now_ms)
    last = market.last_price(symbol, now_ms)
    if not rows:
        return DayStatistics(now_ms - DAY_MS, now_ms, last, last, last, last, Decimal(0), Decimal(0), -1, -1)
    volume = sum((Decimal(row[5]) for row in rows), Decimal(0))
    quote_volume = sum((Decimal(row[7]) for row in rows), Decimal(0))
    if volume and not quote_volume:  # candles that came without this column
        quote_volume = sum((_typical(row[2], row[3], row[4]) * Decimal(row[5]) for row in rows), Decimal(0))
    return DayStatistics(
        open_time_ms=now_ms - DAY_MS,
        close_time_ms=now_ms,
        open=to_units(Decimal(rows[0][1])),
        high=max(to_units(Decimal(row[2])) for row in rows),
        low=min(to_units(Decimal(row[3])) for row in rows),
        last=last,
        volume=volume,
        quote_volume=quote_volume,
        first_trade=_trade_number(base, rows[0][0]),
        last_trade=_trade_number(base, now_ms),
    )


def _typical(high: str, low: str, close: str) -> Decimal:
    return (Decimal(high) + Decimal(low) + Decimal(close)) / 3


def _trade_number(interval: str, time_ms: int) -> int:
    """Return the number of the first trade of the base bar that contains a time."""
    opened = intervals.open_time_at(interval, time_ms)
    length = INTERVAL_MS.get(interval, 30 * DAY_MS)
    return (opened - intervals.anchor_ms(interval)) // length * TRADES_PER_BAR


def _size(listing: SymbolListing) -> Decimal:
    """Return the most that one market order may ask for."""
    most = [size for size in (listing.rules.market_max_quantity, listing.rules.max_quantity) if size]
    return min(most) if most else from_units(UNITS * 1_000_000)
