"""Serve Binance's own prices, read from its public market data.

If the source does not answer, callers get a server's error (`errors.market_unavailable`), never an old or invented
price. Minute bars that have closed do not change and are cached; the newest are requested again after a moment.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from exchange.api.errors import ExchangeError, RequestRejected
from exchange.binance.public import PublicClient
from exchange.factory import public_client
from exchange.fills import UNITS
from exchange.klines import intervals
from exchange.klines.series import FullKlines
from exchange.paper import errors
from exchange.paper.errors import ApiError
from exchange.paper.market.base import KlineQuery, KlineRow, MarketBars, SymbolInfo, check_interval
from exchange.paper.market.series import BarSeries

T = TypeVar("T")

HOST = "https://data-api.binance.vision"
BASE = "1m"
_MINUTE_MS = 60_000
_PAGE = 1000
# A bot waits 15 s for the paper exchange, which waits for this source.
_CONNECTION = {"timeouts_s": (3.05, 8.0), "longest_read_s": 3.0}
_FRESH_S = 1.0  # how old an answer about the newest bars may be
_SYMBOLS_FRESH_S = 3600.0
_FAILURE_S = 2.0  # how long a failure is reported without asking again
_PAGES_KEPT = 500
_ANSWERS_KEPT = 2000


class MirrorMarket:
    """Market data of `host` as it stands, in minute bars. Its time is the wall's: it has no bars of the future."""

    name = "mirror"

    def __init__(
        self,
        symbols: Mapping[str, SymbolInfo] | None = None,
        host: str = HOST,
        **connection: Any,
    ) -> None:
        """Read from `host`. `connection` holds fields of `Connection` that differ from `_CONNECTION`."""
        self.host = host.rstrip("/")
        self._own_symbols = dict(symbols) if symbols is not None else None
        self._connection = {**_CONNECTION, **connection}
        self._lock = threading.Lock()
        self._symbols: tuple[float, dict[str, SymbolInfo]] | None = None
        self._pages: OrderedDict[tuple[str, int], BarSeries] = OrderedDict()
        self._answers: OrderedDict[tuple[Any, ...], tuple[float, list[KlineRow]]] = OrderedDict()
        self._failed: tuple[float, str] | None = None

    def symbols(self) -> dict[str, SymbolInfo]:
        if self._own_symbols is not None:
            return self._own_symbols
        symbols = self._symbols
        if symbols is None or time.monotonic() - symbols[0] > _SYMBOLS_FRESH_S:
            entries = self._request(lambda client: client.all_symbols(permissions="SPOT"))
            symbols = time.monotonic(), {entry["symbol"]: dict(entry) for entry in entries}
            self._symbols = symbols
        return symbols[1]

    def base_interval(self, symbol: str) -> str:
        self._check(symbol)
        return BASE

    def first_time_ms(self, symbol: str) -> int:
        self._check(symbol)
        rows = self._rows(symbol, BASE, startTime=0, limit=1)
        if not rows:
            raise errors.bad_symbol()
        return int(rows[0][0])

    def last_time_ms(self, symbol: str) -> None:
        """Return None: there is no end."""
        self._check(symbol)

    def default_start_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def time_after_bars(self, now_ms: int, count: int) -> int:
        return max((now_ms // _MINUTE_MS + count) * _MINUTE_MS + 1, now_ms)

    def last_price(self, symbol: str, now_ms: int) -> int:
        rows = self.klines(symbol, KlineQuery(BASE, None, now_ms, 1), now_ms)
        if not rows:
            raise errors.bad_symbol()
        return _units(rows[-1][4])

    def bars(self, symbol: str, start_ms: int, end_ms: int) -> MarketBars:
        self._check(symbol)
        first, last = start_ms // _MINUTE_MS, end_ms // _MINUTE_MS
        if last < first:
            return _series([]).bars
        pages = [self._page(symbol, number) for number in range(first // _PAGE, last // _PAGE + 1)]
        parts = [page.slice_bars(*_range(page, first * _MINUTE_MS, last * _MINUTE_MS)) for page in pages]
        return parts[0] if len(parts) == 1 else _joined(parts)

    def klines(self, symbol: str, query: KlineQuery, now_ms: int) -> list[KlineRow]:
        self._check(symbol)
        interval, start_ms, offset_ms = query.interval, query.start_ms, query.offset_ms
        check_interval(interval, BASE)
        end_ms = now_ms if query.end_ms is None else min(query.end_ms, now_ms)
        if start_ms is not None and start_ms > end_ms:
            return []
        # The newest rows are asked for without an end, so that all who ask within a moment share one answer.
        bounds: dict[str, Any] = {"limit": min(query.limit, _PAGE)}
        if end_ms < intervals.open_time_at(interval, now_ms, offset_ms):
            bounds["endTime"] = end_ms
        if start_ms is not None:
            bounds["startTime"] = start_ms
        if offset_ms:
            bounds["timeZone"] = _zone(offset_ms)
        rows = self._rows(symbol, interval, **bounds)
        rows = [row for row in rows if row[0] <= end_ms]
        if rows and rows[-1][6] >= now_ms:
            rows = [*rows[:-1], self._as_far_as_known(symbol, interval, rows[-1], now_ms)]
        return rows

    def average_price(self, symbol: str, now_ms: int, minutes: int) -> int:
        now = now_ms // _MINUTE_MS * _MINUTE_MS
        rows = self.klines(symbol, KlineQuery(BASE, now - minutes * _MINUTE_MS, now - 1, max(minutes, 1)), now_ms)
        series = _series(rows)
        mean = series.mean_price(0, len(series)) if rows else None
        return self.last_price(symbol, now_ms) if mean is None else mean

    def _as_far_as_known(self, symbol: str, interval: str, row: KlineRow, now_ms: int) -> KlineRow:
        """Return a forming row without the trades of the minute in progress, of which only the open counts as known.

        A minute's own row is its open; a longer one keeps the exchange's figures, which may hold some seconds more.
        """
        if interval != BASE:
            return row
        return (row[0], row[1], row[1], row[1], row[1], "0.00000000", row[6], "0.00000000", 0, *["0.00000000"] * 2, "0")

    # What was asked before

    def _page(self, symbol: str, number: int) -> BarSeries:
        """Return a thousand minutes of the grid. Complete ones are cached, the newest is requested again."""
        page = self._pages.get((symbol, number))
        if page is None:
            start, end = number * _PAGE * _MINUTE_MS, (number + 1) * _PAGE * _MINUTE_MS
            page = _series(self._rows(symbol, BASE, startTime=start, endTime=end - 1, limit=_PAGE))
            if time.time_ns() // 1_000_000 > end + _MINUTE_MS:
                with self._lock:
                    self._pages[symbol, number] = page
                    if len(self._pages) > _PAGES_KEPT:
                        self._pages.popitem(last=False)
        return page

    def _rows(self, symbol: str, interval: str, **bounds: Any) -> list[KlineRow]:
        """Return the exchange's rows, shared by all who ask the same within a moment."""
        key = (symbol, interval, *sorted(bounds.items()))
        cached = self._answers.get(key)
        if cached is not None and time.monotonic() - cached[0] < _FRESH_S:
            return cached[1]
        answer = self._request(lambda client: client.kline_rows(symbol, interval, **bounds))
        rows = [tuple(row) for row in answer]
        with self._lock:
            self._answers[key] = (time.monotonic(), rows)
            if len(self._answers) > _ANSWERS_KEPT:
                self._answers.popitem(last=False)
        return rows

    def _check(self, symbol: str) -> None:
        if symbol not in self.symbols():
            raise errors.bad_symbol()

    def _request(self, ask: Callable[[PublicClient], T]) -> T:
        """Send one request. Raise -1001, or the refusal that the source gave."""
        failed = self._failed
        if failed is not None and time.monotonic() - failed[0] < _FAILURE_S:
            raise errors.market_unavailable(failed[1])
        try:
            return ask(public_client(self.host, **self._connection))
        except RequestRejected as refusal:
            if refusal.code is not None and refusal.code <= -1100:
                raise ApiError(refusal.code, str(refusal).removesuffix(f" (code {refusal.code})")) from refusal
            raise self._unavailable(refusal) from refusal
        except ExchangeError as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: ExchangeError) -> ApiError:
        reason = f"{self.host} gives no market data: {error}"
        self._failed = time.monotonic(), reason
        return errors.market_unavailable(reason)


def _units(text: str) -> int:
    return int(np.rint(float(text) * UNITS))


def _zone(offset_ms: int) -> str:
    minutes = abs(offset_ms) // _MINUTE_MS
    return f"{'-' if offset_ms < 0 else ''}{minutes // 60}:{minutes % 60:02d}"


def _series(rows: list[KlineRow]) -> BarSeries:
    def column(position: int, kind: Any = np.float64) -> Any:
        return np.array([row[position] for row in rows], dtype=kind)

    return BarSeries.from_klines(
        FullKlines(
            BASE,
            column(0, np.int64),
            column(1),
            column(2),
            column(3),
            column(4),
            column(5),
            column(7),
            column(8, np.int64),
            column(9),
            column(10),
        )
    )


def _range(series: BarSeries, first_ms: int, last_ms: int) -> tuple[int, int]:
    opens = series.bars.open_time
    return int(opens.searchsorted(first_ms)), int(opens.searchsorted(last_ms, side="right"))


def _joined(parts: list[MarketBars]) -> MarketBars:
    def whole(name: str) -> Any:
        return np.concatenate([getattr(part, name) for part in parts])

    names = ("open_time", "close_time", "open", "high", "low", "close", "volume")
    open_time, close_time, opened, high, low, closed, volume = map(whole, names)
    return MarketBars(open_time, close_time, opened, high, low, closed, volume)
