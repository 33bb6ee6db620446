"""Serve live candles to bots: each closed bar is requested once, however many bots want it.

`SharedCandles` keeps them in Redis for all processes, `MemoryCandles` in this one, from the first bar on (a replay).
What counts as closed is judged by the caller's `now_ms`. Stored history for backtests is in klines.py.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol
from uuid import uuid4

import numpy as np
import redis
from django.conf import settings

from exchange.api.types import INTERVAL_MS, Float64Array, Klines
from exchange.factory import market_scope
from exchange.klines.intervals import open_time_at
from exchange.models import ApiKey

logger = logging.getLogger(__name__)

PAGE = 1000
_COLUMNS = 6
_ROW_BYTES = 8 * _COLUMNS
_KEPT_S = 3 * 86_400
_MOST_KEPT_WHOLE = 20_000  # bars of a young symbol kept from its first one on
# A process that was killed while it fetched leaves its lock behind: nobody waits for it for long.
_LOCK_MS = 15_000
_WAIT_S = 3.0
_POLL_S = 0.03
# A bar that the exchange does not have yet, or never will (a gap), is not asked for again by everyone at once.
_ASK_AGAIN_MS = 1_500

# Delete the lock only while it is still ours.
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


class KlineSource(Protocol):
    """What is asked of an exchange here."""

    def klines(
        self, symbol: str, interval: str, *, start_ms: int | None = None, end_ms: int | None = None, limit: int = 1000
    ) -> Klines: ...


def last_closed_open_ms(interval: str, now_ms: int) -> int:
    """Open time of the newest bar that has closed: the one before the bar that `now_ms` lies in."""
    return open_time_at(interval, open_time_at(interval, now_ms) - 1)


# Asking the exchange


def fetch_newest(exchange: KlineSource, symbol: str, interval: str, *, last_open_ms: int, bars: int) -> Float64Array:
    """Return the newest `bars` rows that open at or before `last_open_ms`, or fewer if there are fewer."""
    pages: list[Float64Array] = []
    end_ms, left = last_open_ms, bars
    while left > 0:
        asked = min(PAGE, left)
        page = _rows(exchange.klines(symbol, interval, end_ms=end_ms, limit=asked))
        pages.insert(0, page)
        if len(page) < asked:
            break
        left -= len(page)
        end_ms = int(page[0, 0]) - 1
    return np.concatenate(pages) if pages else np.empty((0, _COLUMNS))


def fetch_since(exchange: KlineSource, symbol: str, interval: str, *, start_ms: int, last_open_ms: int) -> Float64Array:
    """Return every row that opens from `start_ms` to `last_open_ms`."""
    pages: list[Float64Array] = []
    while start_ms <= last_open_ms:
        page = _rows(exchange.klines(symbol, interval, start_ms=start_ms, end_ms=last_open_ms, limit=PAGE))
        pages.append(page)
        if len(page) < PAGE:
            break
        start_ms = int(page[-1, 0]) + 1
    return np.concatenate(pages) if pages else np.empty((0, _COLUMNS))


def _rows(klines: Klines) -> Float64Array:
    """Return one row a bar. A time in ms is exact in a float64 (under 2**53)."""
    columns = (klines.open_time, klines.open, klines.high, klines.low, klines.close, klines.volume)
    return np.column_stack([column.astype(np.float64) for column in columns]).reshape(-1, _COLUMNS)


def _klines(interval: str, rows: Float64Array) -> Klines:
    return Klines(
        interval, rows[:, 0].astype(np.int64), *(np.ascontiguousarray(rows[:, n]) for n in range(1, _COLUMNS))
    )


# For all processes


def shared_candles(exchange: KlineSource, api_key: ApiKey) -> SharedCandles:
    """Return the candles of a key's market, from the cache of the whole site."""
    return SharedCandles(exchange, market_scope(api_key), _redis(os.getpid()))


@lru_cache(maxsize=1)
def _redis(_process: int) -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5.0, socket_connect_timeout=1.0)


class SharedCandles:
    """Closed bars through Redis. One process asks for a new bar while the others wait for it, a few seconds at most.

    Without Redis each caller asks the exchange itself: slower, and never wrong.
    """

    def __init__(self, exchange: KlineSource, scope: str, cache: redis.Redis) -> None:
        self._exchange = exchange
        self._scope = scope
        self._redis = cache

    def closed(self, symbol: str, interval: str, *, bars: int, now_ms: int) -> Klines:
        """Return the newest `bars` closed bars, ascending, or fewer if the exchange has fewer."""
        request = _CandleRequest(
            f"candles:{self._scope}:{symbol}:{interval}", bars, last_closed_open_ms(interval, now_ms)
        )

        def ask(known: Float64Array) -> Float64Array:
            return self._ask(symbol, interval, request, known)

        try:
            rows = self._cached(request)
            if rows is None:
                rows = self._fetch_once(request, ask)
        except redis.RedisError as error:
            logger.warning("candles not shared: Redis is away", extra={"error": type(error).__name__})
            rows = ask(np.empty((0, _COLUMNS)))
        return _klines(interval, rows[-bars:])

    def _cached(self, request: _CandleRequest) -> Float64Array | None:
        """Return the bars if the cache holds all that the exchange would give."""
        # A caller whose clock is a little behind wants a bar older than the newest one here: read two more.
        pipe = self._redis.pipeline(transaction=False)
        pipe.getrange(request.key, -(request.bars + 2) * _ROW_BYTES, -1)
        pipe.exists(f"{request.key}:all")
        pipe.exists(f"{request.key}:asked:{request.last_open_ms}")
        raw, is_all, asked = pipe.execute()
        rows = np.frombuffer(raw).reshape(-1, _COLUMNS)
        rows = rows[rows[:, 0] <= request.last_open_ms]
        if len(rows) == 0 or (len(rows) < request.bars and not is_all):
            return None
        return rows if asked or rows[-1, 0] == request.last_open_ms else None

    def _fetch_once(self, request: _CandleRequest, ask: Callable[[Float64Array], Float64Array]) -> Float64Array:
        token, give_up = uuid4().hex, time.monotonic() + _WAIT_S
        while not self._redis.set(f"{request.key}:lock", token, nx=True, px=_LOCK_MS):
            time.sleep(_POLL_S)
            rows = self._cached(request)
            if rows is not None:
                return rows
            if time.monotonic() > give_up:
                return self._fetch(request, ask)
        try:
            rows = self._cached(request)
            return rows if rows is not None else self._fetch(request, ask)
        finally:
            self._redis.eval(_RELEASE, 1, f"{request.key}:lock", token)

    def _fetch(self, request: _CandleRequest, ask: Callable[[Float64Array], Float64Array]) -> Float64Array:
        cached = np.frombuffer(_bytes(self._redis.get(request.key))).reshape(-1, _COLUMNS)
        rows = ask(cached)
        if len(rows) == 0 or (len(cached) and rows[-1, 0] < cached[-1, 0]):
            return rows  # nothing, or an older span than the others use: not worth keeping
        # Short of what was asked, or grown from all there was: then the exchange has nothing before the first row.
        is_all = len(rows) < request.bars or (self._is_all(request, cached) and len(rows) <= _MOST_KEPT_WHOLE)
        keep = len(rows) if is_all else max(request.bars, len(cached))
        pipe = self._redis.pipeline()
        pipe.set(request.key, rows[-keep:].tobytes(), ex=_KEPT_S)
        if is_all:
            pipe.set(f"{request.key}:all", 1, ex=_KEPT_S)
        else:
            pipe.delete(f"{request.key}:all")
        if rows[-1, 0] < request.last_open_ms:
            pipe.set(f"{request.key}:asked:{request.last_open_ms}", 1, px=_ASK_AGAIN_MS)
        pipe.execute()
        return rows

    def _ask(self, symbol: str, interval: str, request: _CandleRequest, known: Float64Array) -> Float64Array:
        """Return what is missing after `known`, or everything if `known` does not lead up to it."""
        known = known[known[:, 0] <= request.last_open_ms]
        reaches_back = len(known) >= request.bars or self._is_all(request, known)
        if len(known) and reaches_back:
            behind = (request.last_open_ms - int(known[-1, 0])) // INTERVAL_MS[interval]
            if behind < max(request.bars, PAGE):
                rows = self._continued(symbol, interval, request, known)
                if rows is not None:
                    return rows
        return fetch_newest(
            self._exchange, symbol, interval, last_open_ms=request.last_open_ms, bars=max(request.bars, len(known))
        )

    def _is_all(self, request: _CandleRequest, known: Float64Array) -> bool:
        return len(known) > 0 and bool(self._redis.exists(f"{request.key}:all"))

    def _continued(
        self, symbol: str, interval: str, request: _CandleRequest, known: Float64Array
    ) -> Float64Array | None:
        """Return `known` and the bars after it, or None if its last bar is not what the exchange gives now."""
        last_known = int(known[-1, 0])
        newer = fetch_since(self._exchange, symbol, interval, start_ms=last_known, last_open_ms=request.last_open_ms)
        # The overlap of one bar finds a market that was exchanged for another, or a bar corrected after its close.
        if len(newer) == 0 or not np.array_equal(newer[0], known[-1]):
            return None
        return np.concatenate([known, newer[1:]])


def _bytes(value: object) -> bytes:
    """Return what Redis holds under a key, or nothing."""
    return value if isinstance(value, bytes) else b""


class _CandleRequest:
    """A request for candles: the cache's key, how many, and the open time of the newest that may be among them."""

    __slots__ = ("bars", "key", "last_open_ms")

    def __init__(self, key: str, bars: int, last_open_ms: int) -> None:
        self.key, self.bars, self.last_open_ms = key, bars, last_open_ms


# For one process


class MemoryCandles:
    """Every closed bar since the exchange's first, or since `start_ms`, in arrays that grow; each is asked for once.

    What it hands out are read-only views that stay as they are while the arrays grow.
    """

    def __init__(self, exchange: KlineSource, *, start_ms: int = 0) -> None:
        self._exchange = exchange
        self._start_ms = start_ms
        self._series: dict[tuple[str, str], _Series] = {}

    def closed(self, symbol: str, interval: str, *, bars: int = 0, now_ms: int) -> Klines:
        """Return all closed bars, ascending. The caller needs at least `bars`; history is not cut to it."""
        series = self._series.setdefault((symbol, interval), _Series(interval))
        last_open_ms = last_closed_open_ms(interval, now_ms)
        if series.last_open_ms < last_open_ms:
            start_ms = max(series.last_open_ms + 1, self._start_ms)
            newer = fetch_since(self._exchange, symbol, interval, start_ms=start_ms, last_open_ms=last_open_ms)
            series.append(newer)
        return series.up_to(last_open_ms)


class _Series:
    """Columns with room to grow; doubling makes an append cheap however long they are."""

    def __init__(self, interval: str, room: int = 4096) -> None:
        self._interval = interval
        self._length = 0
        self._open_time = np.empty(room, dtype=np.int64)
        self._columns = np.empty((_COLUMNS - 1, room))

    @property
    def last_open_ms(self) -> int:
        return int(self._open_time[self._length - 1]) if self._length else -1

    def append(self, rows: Float64Array) -> None:
        end = self._length + len(rows)
        if end > len(self._open_time):
            self._grow(max(end, 2 * len(self._open_time)))
        self._open_time[self._length : end] = rows[:, 0].astype(np.int64)
        self._columns[:, self._length : end] = rows[:, 1:].T
        self._length = end

    def _grow(self, room: int) -> None:
        open_time, columns = np.empty(room, dtype=np.int64), np.empty((_COLUMNS - 1, room))
        open_time[: self._length] = self._open_time[: self._length]
        columns[:, : self._length] = self._columns[:, : self._length]
        self._open_time, self._columns = open_time, columns

    def up_to(self, last_open_ms: int) -> Klines:
        end = self._length
        if end and self._open_time[end - 1] > last_open_ms:
            end = int(np.searchsorted(self._open_time[:end], last_open_ms, side="right"))
        open_time, columns = self._open_time[:end], self._columns[:, :end]
        open_time.flags.writeable = columns.flags.writeable = False
        return Klines(self._interval, open_time, *columns)
