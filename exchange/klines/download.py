"""Candles from an exchange's public endpoint into the store: only what is missing, in portions, safe to interrupt.

Storing is store.py's, the terminal is the command's (management/commands/download_klines.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import requests
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from exchange.binance.client import Refused, RestClient, Unreadable
from exchange.klines import intervals
from exchange.klines.checks import first_bad_row, utc
from exchange.klines.series import COLUMNS, FullKlines, KlinesInvalid
from exchange.klines.store import MergeReport, merge
from exchange.models import Dataset

logger = logging.getLogger(__name__)

ROWS_PER_REQUEST = 1000
ROWS_PER_PORTION = 20_000
_PATIENCE_S = 60.0


class DownloadFailed(Exception):
    """The exchange did not answer, or said no; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Span:
    """Open times from `start_ms` on and before `end_ms`."""

    start_ms: int
    end_ms: int


class KlineSource:
    """The public candles of one exchange. Use it from one thread, and close it."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")
        self._session = requests.Session()
        self._client = RestClient(self.base_url, "", "", self._session, observe=lambda headers: None)

    def close(self) -> None:
        self._session.close()

    def rows(self, symbol: str, interval: str, **bounds: int) -> list[list[Any]]:
        """One request, repeated where that is worth it. Raises `DownloadFailed`."""
        try:
            for attempt in Retrying(
                retry=retry_if_exception(_is_worth_repeating),
                stop=stop_after_attempt(5),
                wait=_wait_s,
                reraise=True,
            ):
                with attempt:
                    return list(self._client.get_klines(symbol=symbol, interval=interval, **bounds))
        except Refused as refusal:
            answer = refusal.answer
            raise DownloadFailed(
                f"{self.base_url} refused candles of {symbol} {interval}: {answer.message or 'no reason'} "
                f"(HTTP {answer.status}, code {answer.code}); check symbol and interval"
            ) from refusal
        except (Unreadable, requests.RequestException) as error:
            raise DownloadFailed(
                f"{self.base_url} does not answer ({type(error).__name__}); check the network and --base-url, then run "
                f"the same command again"
            ) from error
        raise AssertionError("unreachable")

    def open_time(self, symbol: str, interval: str, **bounds: int) -> int:
        """The open time of the one row that a request for one gives: the newest, or the first with startTime=0."""
        rows = self.rows(symbol, interval, limit=1, **bounds)
        if not rows:
            raise DownloadFailed(f"{self.base_url} has no candles of {symbol} {interval}; check symbol and interval")
        return int(rows[0][0])


def missing_spans(symbol: str, interval: str, start_ms: int, end_ms: int) -> list[Span]:
    """What of a span is not stored: before, after and between the stored bars."""
    dataset = Dataset.objects.filter(symbol=symbol, interval=interval).first()
    if dataset is None:
        return [Span(start_ms, end_ms)]
    first = int(dataset.first_open_time.timestamp() * 1000)
    after = intervals.next_open_time(interval, int(dataset.last_open_time.timestamp() * 1000))
    inner = [(gap[0], intervals.next_open_time(interval, gap[1])) for gap in dataset.gaps]
    spans = [(start_ms, first), *inner, (after, end_ms)]
    bounded = (Span(max(start, start_ms), min(end, end_ms)) for start, end in spans)
    return [span for span in bounded if span.start_ms < span.end_ms]


def fetch(source: KlineSource, symbol: str, interval: str, span: Span) -> Iterator[FullKlines]:
    """The bars of a span, a request at a time."""
    start = span.start_ms
    while start < span.end_ms:
        rows = source.rows(symbol, interval, startTime=start, endTime=span.end_ms - 1, limit=ROWS_PER_REQUEST)
        if not rows:
            return
        klines = klines_from_rows(rows, interval, f"the answer of {source.base_url}")
        yield klines
        start = intervals.next_open_time(interval, int(klines.open_time[-1]))


def download(
    source: KlineSource, symbol: str, interval: str, span: Span, progress: Callable[[int], None]
) -> MergeReport | None:
    """Store what is missing of a span, some 20,000 bars at a time; `progress` is told how far time has come.

    What was fetched is stored also when this is interrupted. The bar in progress is left out: `span` must end before
    it. None when nothing was missing. Raises `DownloadFailed` or `KlinesInvalid`.
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
    """The exchange's rows, checked as those of a file are."""
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
        raise KlinesInvalid(f"{origin}: rows repeat at {utc(int(open_time[repeats][0]))}; try again")
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
    """Portions of several spans as one ascending series."""
    order = np.argsort(np.concatenate([part.open_time for part in parts]), kind="stable")
    columns = [np.concatenate([getattr(part, name) for part in parts])[order] for name in COLUMNS]
    return FullKlines(parts[0].interval, *columns)


def _is_worth_repeating(error: BaseException) -> bool:
    if isinstance(error, Refused):
        return error.answer.status == 429 or error.answer.status >= 500
    return isinstance(error, Unreadable | requests.ConnectionError | requests.Timeout)


def _wait_s(state: RetryCallState) -> float:
    """As long as a 429 asks for, else longer each time."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Refused) and error.answer.retry_after:
        return min(float(error.answer.retry_after), _PATIENCE_S)
    return float(wait_random_exponential(multiplier=0.5, max=20)(state))
