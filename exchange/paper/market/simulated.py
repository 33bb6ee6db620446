"""Simulate a market: seeded, for any symbol, without an end, the same wherever reading begins.

How a price comes about is in simulation.py; this keeps days that were made and answers from them.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np

from core.times import DAY_MS
from exchange.api.types import INTERVAL_MS
from exchange.fills import UNITS, to_units
from exchange.klines import intervals
from exchange.klines.series import FullKlines, aggregate
from exchange.paper import errors
from exchange.paper.market.base import KlineQuery, KlineRow, MarketBars, SymbolInfo, check_interval
from exchange.paper.market.series import BarSeries
from exchange.paper.market.simulation import SimulatedPrice, day_number
from exchange.paper.market.symbol_info import SymbolTraits, entry_of, known_traits, traits_of

BASE = "1m"
_MINUTE_MS = 60_000
FIRST_MS = 1_483_228_800_000  # 2017-01-01: as far back as anything is invented
LAST_MS = 4_102_444_800_000 - 1  # the end of 2099
_DEFAULT_START_MS = 1_735_689_600_001  # 1 ms after the open of 2025-01-01
_MAX_DAYS = 400  # of minute bars, over all symbols: some 50 MB
_MAX_GROUPS = 20_000  # days of longer bars, over all symbols and intervals


class SymbolTable(dict[str, SymbolInfo]):
    """The known symbols, and on looking it up any other pair that could be one. Iteration lists what is known."""

    def __missing__(self, symbol: str) -> SymbolInfo:
        traits = traits_of(symbol)
        if traits is None:
            raise KeyError(symbol)
        return entry_of(traits)

    def get(self, symbol: str, default: Any = None) -> Any:
        try:
            return self[symbol]
        except KeyError:
            return default

    def __contains__(self, symbol: object) -> bool:
        return isinstance(symbol, str) and self.get(symbol) is not None


class SimulatedMarket:
    """Minute bars of any symbol under one seed; longer intervals are made of them."""

    name = "simulated"

    def __init__(self, seed: int, symbols: Mapping[str, SymbolInfo] | None = None) -> None:
        """Take a seed and, optionally, exchangeInfo entries, which are then the only symbols."""
        self.seed = seed
        self._symbols: dict[str, SymbolInfo] = (
            dict(symbols)
            if symbols is not None
            else SymbolTable({name: entry_of(traits) for name, traits in known_traits().items()})
        )
        self._prices: dict[str, SimulatedPrice] = {}
        self._days: OrderedDict[tuple[Any, ...], BarSeries] = OrderedDict()
        self._groups: OrderedDict[tuple[Any, ...], BarSeries] = OrderedDict()
        self._lock = threading.RLock()

    def symbols(self) -> dict[str, SymbolInfo]:
        return self._symbols

    def base_interval(self, symbol: str) -> str:
        self._price(symbol)
        return BASE

    def first_time_ms(self, symbol: str) -> int:
        self._price(symbol)
        return FIRST_MS

    def last_time_ms(self, symbol: str) -> None:
        """Return None: there is no end."""
        self._price(symbol)

    def default_start_ms(self) -> int:
        return _DEFAULT_START_MS

    def time_after_bars(self, now_ms: int, count: int) -> int:
        return max((now_ms // _MINUTE_MS + count) * _MINUTE_MS + 1, now_ms)

    def last_price(self, symbol: str, now_ms: int) -> int:
        now_ms = _bounded(now_ms)
        return int(self._day(symbol, day_number(now_ms)).bars.open[now_ms % DAY_MS // _MINUTE_MS])

    def bars(self, symbol: str, start_ms: int, end_ms: int) -> MarketBars:
        first, last = max(start_ms, FIRST_MS) // _MINUTE_MS, min(end_ms, LAST_MS) // _MINUTE_MS
        if last < first:
            return self._day(symbol, day_number(FIRST_MS)).slice_bars(0, 0)
        return self._minutes(symbol, first, last).bars

    def klines(self, symbol: str, query: KlineQuery, now_ms: int) -> list[KlineRow]:
        self._price(symbol)
        interval, start_ms, end_ms, limit = query.interval, query.start_ms, query.end_ms, query.limit
        check_interval(interval, BASE)
        offset_ms = intervals.useful_offset(interval, BASE, query.offset_ms)
        now_ms = _bounded(now_ms)
        first, newest = (self._number(interval, time, offset_ms) for time in (FIRST_MS, now_ms))
        if start_ms is not None and start_ms > FIRST_MS:
            first = self._number(interval, start_ms - 1, offset_ms) + 1
        last = newest if end_ms is None else min(newest, self._number(interval, max(end_ms, 0), offset_ms))
        if last < first:
            return []
        if last - first >= limit:
            first, last = (first, first + limit - 1) if start_ms is not None else (last - limit + 1, last)
        rows = self._rows(symbol, interval, first, min(last, newest - 1), offset_ms)
        if last == newest:
            rows.append(self._forming(symbol, interval, newest, now_ms, offset_ms))
        return rows

    def average_price(self, symbol: str, now_ms: int, minutes: int) -> int:
        now = _bounded(now_ms) // _MINUTE_MS
        first = max(now - minutes, FIRST_MS // _MINUTE_MS)
        if first >= now:
            return self.last_price(symbol, now_ms)
        window = self._minutes(symbol, first, now - 1)
        mean = window.mean_price(0, len(window))
        return self.last_price(symbol, now_ms) if mean is None else mean

    # Rows

    def _number(self, interval: str, time_ms: int, offset_ms: int) -> int:
        return int(intervals.bar_numbers(interval, np.array([time_ms], dtype=np.int64), offset_ms)[0])

    def _opens(self, interval: str, number: int, offset_ms: int) -> int:
        return int(intervals.open_times_of(interval, np.array([number], dtype=np.int64), offset_ms)[0])

    def _rows(self, symbol: str, interval: str, first: int, last: int, offset_ms: int) -> list[KlineRow]:
        """Return rows of whole bars by their numbers on the grid."""
        if last < first:
            return []
        start, end = self._opens(interval, first, offset_ms), self._opens(interval, last + 1, offset_ms)
        if offset_ms == 0 and interval in INTERVAL_MS and INTERVAL_MS[interval] <= DAY_MS:
            rows: list[KlineRow] = []
            for number in range(day_number(start), day_number(end - 1) + 1):
                group = self._group(symbol, interval, number)
                at, until = group.at_or_before(start - 1) + 1, group.at_or_before(end - 1)
                rows += group.rows(at, until)
            return rows
        return self._long_bars(symbol, interval, start, end, offset_ms)

    def _long_bars(self, symbol: str, interval: str, start: int, end: int, offset_ms: int) -> list[KlineRow]:
        """Return rows of bars longer than a day, or moved by a time zone: made of the longest cached bars that divide
        them.
        """
        pieces = next(i for i in ("1d", "1h", "15m", BASE) if offset_ms % INTERVAL_MS[i] == 0)
        if intervals.is_shorter(interval, pieces):
            pieces = BASE
        start = max(start, FIRST_MS)
        groups = [self._group(symbol, pieces, n) for n in range(day_number(start), day_number(end - 1) + 1)]
        joined = _klines_of(pieces, groups)
        inside = joined[int(joined.open_time.searchsorted(start)) : int(joined.open_time.searchsorted(end))]
        series = BarSeries.from_klines(aggregate(inside, interval, offset_ms), offset_ms)
        return series.rows(0, len(series) - 1)

    def _forming(self, symbol: str, interval: str, number: int, now_ms: int, offset_ms: int) -> KlineRow:
        """Return the bar in progress: its whole minutes, then the open of the present one."""
        opened, closes = (self._opens(interval, number + ahead, offset_ms) for ahead in (0, 1))
        now, first = now_ms // _MINUTE_MS, max(opened, FIRST_MS) // _MINUTE_MS
        whole_days = range(-(-first // 1440), now // 1440)
        if len(whole_days) < 2:
            minutes = self._minutes(symbol, first, max(now - 1, first))
            return minutes.forming_row(0, now - first, self.last_price(symbol, now_ms), (opened, closes - 1))
        parts = [self._minutes(symbol, first, whole_days[0] * 1440 - 1)] if first < whole_days[0] * 1440 else []
        parts += [self._group(symbol, "1d", day) for day in whole_days]
        if now > whole_days[-1] * 1440 + 1440:
            parts.append(self._minutes(symbol, whole_days[-1] * 1440 + 1440, now - 1))
        joined = BarSeries.from_klines(_klines_of("1d", parts))
        return joined.forming_row(0, len(joined), self.last_price(symbol, now_ms), (opened, closes - 1))

    # Days, made once and kept for a while

    def _minutes(self, symbol: str, first: int, last: int) -> BarSeries:
        """Return minute bars by their numbers since 1970, both included."""
        start, end = first // 1440, last // 1440
        days = [self._day(symbol, number) for number in range(start, end + 1)]
        series = days[0] if len(days) == 1 else _joined(days)
        at = slice(first - start * 1440, last - start * 1440 + 1)
        return BarSeries(
            BASE,
            series.slice_bars(at.start, at.stop),
            series.quote_volume[at],
            series.trades[at],
            series.taker_base[at],
            series.taker_quote[at],
        )

    def _group(self, symbol: str, interval: str, number: int) -> BarSeries:
        """Return a day's bars of an interval of up to a day."""
        if interval == BASE:
            return self._day(symbol, number)

        def make() -> BarSeries:
            return BarSeries.from_klines(aggregate(_klines_of(BASE, [self._day(symbol, number)]), interval))

        return self._cached(self._groups, (symbol, interval, number), _MAX_GROUPS, make)

    def _day(self, symbol: str, number: int) -> BarSeries:
        price = self._price(symbol)

        def make() -> BarSeries:
            day = price.day(number)
            closes = day.open_time + (_MINUTE_MS - 1)
            bars = MarketBars(day.open_time, closes, day.open, day.high, day.low, day.close, day.volume)
            return BarSeries(BASE, bars, day.quote_volume, day.trades, day.taker_base, day.taker_quote)

        return self._cached(self._days, (symbol, number), _MAX_DAYS, make)

    def _cached(
        self,
        cache: OrderedDict[tuple[Any, ...], BarSeries],
        key: tuple[Any, ...],
        most: int,
        make: Callable[[], BarSeries],
    ) -> BarSeries:
        with self._lock:
            series = cache.get(key)
            if series is None:
                series = cache[key] = make()
                if len(cache) > most:
                    cache.popitem(last=False)
            else:
                cache.move_to_end(key)
            return series

    def _price(self, symbol: str) -> SimulatedPrice:
        price = self._prices.get(symbol)
        if price is None:
            if symbol not in self._symbols:
                raise errors.bad_symbol()
            traits = traits_of(symbol) or _plain_traits(symbol, self._symbols[symbol])
            price = SimulatedPrice(self.seed, traits, to_units(_tick(self._symbols[symbol], traits)))
            price = self._prices.setdefault(symbol, price)
        return price


def _bounded(time_ms: int) -> int:
    return min(max(time_ms, FIRST_MS), LAST_MS)


def _joined(days: list[BarSeries]) -> BarSeries:
    def whole(column: Callable[[BarSeries], Any]) -> Any:
        return np.concatenate([column(day) for day in days])

    return BarSeries(
        days[0].interval,
        MarketBars(
            whole(lambda day: day.bars.open_time),
            whole(lambda day: day.bars.close_time),
            whole(lambda day: day.bars.open),
            whole(lambda day: day.bars.high),
            whole(lambda day: day.bars.low),
            whole(lambda day: day.bars.close),
            whole(lambda day: day.bars.volume),
        ),
        whole(lambda day: day.quote_volume),
        whole(lambda day: day.trades),
        whole(lambda day: day.taker_base),
        whole(lambda day: day.taker_quote),
    )


def _klines_of(interval: str, series: list[BarSeries]) -> FullKlines:
    """Join consecutive series into one set of candles."""
    one = series[0] if len(series) == 1 else _joined(series)
    bars = one.bars
    return FullKlines(
        interval,
        bars.open_time,
        bars.open / UNITS,
        bars.high / UNITS,
        bars.low / UNITS,
        bars.close / UNITS,
        bars.volume,
        one.quote_volume,
        one.trades,
        one.taker_base,
        one.taker_quote,
    )


def _tick(entry: SymbolInfo, traits: SymbolTraits) -> Decimal:
    for rule in entry["filters"]:
        if rule["filterType"] == "PRICE_FILTER" and Decimal(rule["tickSize"]) > 0:
            return Decimal(rule["tickSize"])
    return traits.tick


def _plain_traits(symbol: str, entry: SymbolInfo) -> SymbolTraits:
    """Return the traits of a pair whose quote is not known, as if it were dollars."""
    like = traits_of(f"{entry['baseAsset']}USDT")
    if like is None:
        raise errors.bad_symbol()
    return replace(like, symbol=symbol, quote=entry["quoteAsset"])
