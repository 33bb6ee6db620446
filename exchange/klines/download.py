"""Download candles from an exchange's public endpoint into the store: only what is missing, safe to interrupt.

Requests go through the one public client (exchange/binance/public.py) and its budget. store.py stores; the command
management/commands/download_klines.py talks to the person.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import UserError
from core.times import format_utc, to_datetime, to_ms
from exchange.api.errors import ExchangeError, ExchangeUnavailable, RateLimited
from exchange.factory import public_client
from exchange.klines import intervals
from exchange.klines.checks import first_bad_row
from exchange.klines.series import COLUMNS, FullKlines, KlinesInvalid
from exchange.klines.store import MergeReport, merge
from exchange.models import Dataset

ROWS_PER_REQUEST = 1000
ROWS_PER_PORTION = 20_000
LONGEST_WAIT_S = 600.0  # how long one request may be put off by the exchange's rate limit


@dataclass(frozen=True, slots=True)
class KlineSpan:
    """Open times from `start_ms` on and before `end_ms`."""

    start_ms: int
    end_ms: int


class PublicKlines:
    """Request the public candles of one exchange. Use it from one thread. `options` are fields of `Connection`."""

    def __init__(self, base_url: str, **options: Any) -> None:
        self._client = public_client(base_url, **options)
        self.base_url = self._client.base_url

    def rows(self, symbol: str, interval: str, **bounds: int) -> list[list[Any]]:
        """Return the rows of one request, waiting as long as a rate limit asks for. Raise `UserError`."""
        waited_s = 0.0
        while True:
            try:
                return self._client.kline_rows(symbol, interval, **bounds)
            except RateLimited as limit:
                waited_s += limit.retry_after_s
                if waited_s > LONGEST_WAIT_S:
                    raise UserError(
                        f"{self.base_url} asks to wait for {limit.retry_after_s:.0f} s; run the same command again then"
                    ) from limit
                time.sleep(limit.retry_after_s)
            except ExchangeUnavailable as error:
                raise UserError(
                    f"{self.base_url} does not answer: {error}; check the network and --base-url, then run the same "
                    f"command again"
                ) from error
            except ExchangeError as error:
                raise UserError(
                    f"{self.base_url} refused candles of {symbol} {interval}: {error}; check symbol and interval"
                ) from error

    def open_time(self, symbol: str, interval: str, **bounds: int) -> int:
        """Return the open time of the one row that a request gives: the newest, or the first with startTime=0."""
        rows = self.rows(symbol, interval, limit=1, **bounds)
        if not rows:
            raise UserError(f"{self.base_url} has no candles of {symbol} {interval}; check symbol and interval")
        return int(rows[0][0])


def missing_spans(symbol: str, interval: str, start_ms: int, end_ms: int) -> list[KlineSpan]:
    """Return the parts of a span that are not stored: before, after and between the stored bars."""
    dataset = Dataset.objects.filter(symbol=symbol, interval=interval).first()
    if dataset is None:
        return [KlineSpan(start_ms, end_ms)]
    first = to_ms(dataset.first_open_time)
    after = intervals.next_open_time(interval, to_ms(dataset.last_open_time))
    inner = [(gap[0], intervals.next_open_time(interval, gap[1])) for gap in dataset.gaps]
    spans = [(start_ms, first), *inner, (after, end_ms)]
    bounded = (KlineSpan(max(start, start_ms), min(end, end_ms)) for start, end in spans)
    return [span for span in bounded if span.start_ms < span.end_ms]


def fetch(source: PublicKlines, symbol: str, interval: str, span: KlineSpan) -> Iterator[FullKlines]:
    """Yield the bars of a span, a request at a time."""
    start = span.start_ms
    while start < span.end_ms:
        rows = source.rows(symbol, interval, startTime=start, endTime=span.end_ms - 1, limit=ROWS_PER_REQUEST)
        if not rows:
            return
        klines = klines_from_rows(rows, interval, f"the answer of {source.base_url}")
        yield klines
        start = intervals.next_open_time(interval, int(klines.open_time[-1]))


def download(
    source: PublicKlines, symbol: str, interval: str, span: KlineSpan, progress: Callable[[int], None]
) -> MergeReport | None:
    """Store what is missing of a span, some 20,000 bars at a time. Return None if nothing was missing.

    `progress` is called with the open time reached. Fetched bars are stored also when this is interrupted. `span` must
    end before the bar in progress. Raise `UserError`.
    """
    report: MergeReport | None = None
    waiting: list[FullKlines] = []
    try:
        for missing in missing_spans(symbol, interval, span.start_ms, span.end_ms):
            for klines in fetch(source, symbol, interval, missing):
                waiting.append(klines)
                progress(int(klines.open_time[-1]))
                if sum(map(len, waiting)) >= ROWS_PER_PORTION:
                    portion, waiting = waiting, []
                    report = merge(symbol, _joined(portion))
    finally:
        if waiting:
            report = merge(symbol, _joined(waiting))
    return report


def klines_from_rows(rows: list[list[Any]], interval: str, origin: str) -> FullKlines:
    """Return the exchange's rows as klines, checked as those of a file are."""
    try:
        numbers = [np.array([row[column] for row in rows], dtype=kind) for column, kind in _ROW_COLUMNS]
    except (TypeError, ValueError, IndexError) as error:
        raise KlinesInvalid(f"{origin} holds no candles ({error}); check the address") from error
    open_time, close_time = numbers[0], numbers[6]
    klines = FullKlines(interval, open_time, *numbers[1:6], *numbers[7:])
    repeats, bad = first_bad_row(klines, close_time, np.zeros(len(rows), dtype=bool))
    if bad is not None:
        raise KlinesInvalid(f"{origin}: row {bad.number + 1}: {bad.problem.what}; nothing of it was stored, try again")
    if repeats.any():
        raise KlinesInvalid(f"{origin}: rows repeat at {format_utc(to_datetime(open_time[repeats][0]))}; try again")
    return klines


_ROW_COLUMNS: list[tuple[int, Any]] = [
    (0, np.int64),
    *((column, np.float64) for column in range(1, 6)),
    (6, np.int64),
    (7, np.float64),
    (8, np.int64),
    (9, np.float64),
    (10, np.float64),
]


def _joined(parts: list[FullKlines]) -> FullKlines:
    """Join portions of several spans into one ascending series."""
    order = np.argsort(np.concatenate([part.open_time for part in parts]), kind="stable")
    columns = [np.concatenate([getattr(part, name) for part in parts])[order] for name in COLUMNS]
    return FullKlines(parts[0].interval, *columns)
