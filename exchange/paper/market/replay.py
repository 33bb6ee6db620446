"""Serve recorded candles as a market: files or stored datasets, one symbol each, longer intervals made of them.

Reading and checking them is exchange/klines.py's; how a spec names them is in load.py.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from core.errors import UserError
from exchange.klines import intervals
from exchange.klines.series import FullKlines, aggregate
from exchange.paper import errors
from exchange.paper.market.base import EXTRA_ORDER_TYPES, KlineQuery, KlineRow, MarketBars, SymbolInfo, check_interval
from exchange.paper.market.series import BarSeries, pick
from exchange.paper.market.symbol_info import entry_for_candles

_START_BAR = 1000


class ReplayMarket:
    """Recorded candles by symbol, each at one base interval."""

    name = "replay"

    def __init__(self, klines: Mapping[str, FullKlines], symbols: Mapping[str, SymbolInfo] | None = None) -> None:
        """Take exchangeInfo entries, which must have every symbol with candles; without any they are made up from the
        candles.
        """
        if not klines or not all(len(bars) for bars in klines.values()):
            raise UserError("a replay needs candles: name at least one file or stored dataset that holds some")
        self._base = dict(klines)
        self._symbols = {symbol: _entry(symbol, bars, symbols) for symbol, bars in self._base.items()}
        self._series: dict[tuple[str, str, int], BarSeries] = {}
        self._lock = threading.Lock()

    def symbols(self) -> dict[str, SymbolInfo]:
        return self._symbols

    def base_interval(self, symbol: str) -> str:
        return self._klines(symbol).interval

    def first_time_ms(self, symbol: str) -> int:
        return int(self._klines(symbol).open_time[0])

    def last_time_ms(self, symbol: str) -> int:
        return self._klines(symbol).close_time_ms(-1)

    def default_start_ms(self) -> int:
        """Return 1 ms after the open of bar 1,000, or the middle bar of a shorter file; the latest of all symbols."""
        return max(
            int(bars.open_time[_START_BAR if len(bars) > _START_BAR else len(bars) // 2]) + 1
            for bars in self._base.values()
        )

    def time_after_bars(self, now_ms: int, count: int) -> int:
        """Return 1 ms after the open of the bar `count` bars after the one that contains `now_ms`, on the shortest base
        interval's own rows; past the last row, the grid goes on.
        """
        symbol = min(self._base, key=lambda name: (intervals.INTERVALS.index(self._base[name].interval), name))
        base = self._series_of(symbol, self._base[symbol].interval)
        target = base.at_or_before(now_ms) + count
        opens = base.bars.open_time
        if target < len(opens):
            return max(int(opens[max(target, 0)]) + 1, now_ms)
        end = int(opens[-1])
        for _ in range(target - len(opens) + 1):
            end = intervals.next_open_time(base.interval, end)
        return max(end + 1, now_ms)

    def last_price(self, symbol: str, now_ms: int) -> int:
        base, at, in_progress = self._position(symbol, now_ms)
        return int(base.bars.open[at] if in_progress else base.bars.close[at])

    def bars(self, symbol: str, start_ms: int, end_ms: int) -> MarketBars:
        base = self._series_of(symbol, self.base_interval(symbol))
        first = int(base.bars.close_time.searchsorted(start_ms, side="left"))
        return base.slice_bars(first, max(base.at_or_before(end_ms) + 1, first))

    def klines(self, symbol: str, query: KlineQuery, now_ms: int) -> list[KlineRow]:
        series = self._series_of(symbol, query.interval, query.offset_ms)
        start_ms = query.start_ms
        first = 0 if start_ms is None else int(series.bars.open_time.searchsorted(start_ms, side="left"))
        newest = series.at_or_before(now_ms)
        last = newest if query.end_ms is None else min(newest, series.at_or_before(query.end_ms))
        if last < first:
            return []
        first, last = pick(first, last, query.limit, from_start=start_ms is not None)
        if last < newest or int(series.bars.close_time[last]) < now_ms:
            return series.rows(first, last)
        rows = series.rows(first, last - 1) if last > first else []
        rows.append(self._forming(symbol, series, last, now_ms))
        return rows

    def average_price(self, symbol: str, now_ms: int, minutes: int) -> int:
        base, at, in_progress = self._position(symbol, now_ms)
        first = int(base.bars.open_time.searchsorted(now_ms - minutes * 60_000, side="left"))
        end = at if in_progress else at + 1
        mean = base.mean_price(first, end) if first < end else None
        return self.last_price(symbol, now_ms) if mean is None else mean

    def _forming(self, symbol: str, series: BarSeries, at: int, now_ms: int) -> KlineRow:
        """Return the row of the bar at `at`, which contains `now_ms`, as far as it has come."""
        base, now_at, in_progress = self._position(symbol, now_ms)
        opened, closes = int(series.bars.open_time[at]), int(series.bars.close_time[at])
        first = int(base.bars.open_time.searchsorted(opened, side="left"))
        if not in_progress:
            return base.forming_row(first, now_at + 1, None, (opened, closes))
        return base.forming_row(first, now_at, int(base.bars.open[now_at]), (opened, closes))

    def _position(self, symbol: str, now_ms: int) -> tuple[BarSeries, int, bool]:
        """Return the base series, the position of the newest bar at `now_ms`, and whether that one is still in
        progress.
        """
        base = self._series_of(symbol, self.base_interval(symbol))
        at = base.at_or_before(now_ms)
        if at < 0:
            raise errors.bad_symbol()  # not listed yet
        return base, at, now_ms <= int(base.bars.close_time[at])

    def _klines(self, symbol: str) -> FullKlines:
        try:
            return self._base[symbol]
        except KeyError:
            raise errors.bad_symbol() from None

    def _series_of(self, symbol: str, interval: str, offset_ms: int = 0) -> BarSeries:
        if offset_ms and intervals.is_interval(interval):
            offset_ms = intervals.useful_offset(interval, self.base_interval(symbol), offset_ms)
        series = self._series.get((symbol, interval, offset_ms))
        return series if series is not None else self._made(symbol, interval, offset_ms)

    def _made(self, symbol: str, interval: str, offset_ms: int) -> BarSeries:
        klines = self._klines(symbol)
        check_interval(interval, klines.interval)
        with self._lock:
            if len(self._series) > 500:  # time zones of a curious caller
                self._series = {key: series for key, series in self._series.items() if key[2] == 0}
            series = BarSeries.from_klines(aggregate(klines, interval, offset_ms), offset_ms)
            return self._series.setdefault((symbol, interval, offset_ms), series)


def _entry(symbol: str, klines: FullKlines, symbols: Mapping[str, SymbolInfo] | None) -> SymbolInfo:
    """Return the symbol's exchangeInfo entry with the order types that a replay always takes."""
    if symbols is None:
        entry: dict[str, Any] = entry_for_candles(symbol, klines)
    elif symbol in symbols:
        entry = dict(symbols[symbol])
    else:
        listed = ", ".join(sorted(symbols)) or "none"
        raise UserError(f"the exchange info has no {symbol} (it has: {listed}); give one that has, or leave it out")
    types = list(entry.get("orderTypes", []))
    entry["orderTypes"] = types + [extra for extra in EXTRA_ORDER_TYPES if extra not in types]
    entry["ocoAllowed"] = True
    return entry
