"""How much we may still ask of an exchange: one budget per host and key, shared by every process.

The exchange counts and tells its counts in each answer's headers; we remember them until their window ends. From
80 % of a limit on, only exits and settling go out. After 429 or 418 nobody asks until `Retry-After` is over.
Where the counts are kept (Redis, or this process alone) is in stores.py.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from enum import IntEnum
from typing import Any
from urllib.parse import urlsplit

from exchange.api.errors import RateLimited
from exchange.limits.stores import MemoryStore, Store

RESERVED_FROM_PERCENT = 80  # beyond this share of a limit, only exits and settling go out
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_HEADER = re.compile(r"x-mbx-(used-weight|order-count)-(\d+)([smhd])$", re.IGNORECASE)
_COUNT = re.compile(r"[0-9]{1,15}$")
_LIMITS_KEPT_MS = 7 * 86_400_000


class Priority(IntEnum):
    """How much a request matters when the budget runs short."""

    NORMAL = 0  # market data, entries, look-ups for pages
    EXIT = 1  # exits, protection, cancelling, finding out what became of an order


_asked: ContextVar[Priority] = ContextVar("priority", default=Priority.NORMAL)


@contextlib.contextmanager
def priority(level: Priority) -> Iterator[None]:
    """Requests made inside matter at least this much."""
    token = _asked.set(max(level, _asked.get()))
    try:
        yield
    finally:
        _asked.reset(token)


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of an exchange: `kind` is `weight` or `orders`, the window `count` units of s, m, h or d."""

    kind: str
    count: int
    unit: str
    most: int

    @property
    def window_ms(self) -> int:
        return self.count * _UNIT_MS[self.unit]

    @property
    def reserved_from(self) -> int:
        return self.most * RESERVED_FROM_PERCENT // 100

    def slot_name(self, now_ms: int) -> str:
        """Windows are fixed slots: the minute, the ten seconds, the UTC day that `now_ms` lies in."""
        return f"{self.kind}-{self.count}{self.unit}-{now_ms // self.window_ms}"

    def left_ms(self, now_ms: int) -> int:
        return self.window_ms - now_ms % self.window_ms


DEFAULT_LIMITS = (
    Limit("weight", 1, "m", 6000),
    Limit("orders", 10, "s", 50),
    Limit("orders", 1, "d", 160_000),
)


@dataclass(frozen=True, slots=True)
class Used:
    """What has been used of one limit in its present window."""

    limit: Limit
    used: int


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class Budget:
    """The budget of one key on one host. Safe to use from several threads.

    `now_ms` is the clock by which windows are counted: the wall's, or the market's where a hand moves that.
    """

    def __init__(
        self, base_url: str, key: str = "", *, store: Store | None = None, now_ms: Callable[[], int] = wall_clock_ms
    ) -> None:
        parts = urlsplit(base_url)
        self._host = f"{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
        self._key = f"{self._host}:{hashlib.sha256(key.encode()).hexdigest()[:16]}"
        self._store = store if store is not None else MemoryStore(now_ms)
        self._now_ms = now_ms
        self._default_limits: tuple[Limit, ...] = DEFAULT_LIMITS

    def priority(self, level: Priority) -> contextlib.AbstractContextManager[None]:
        """Requests made inside matter at least this much."""
        return priority(level)

    def admit(self, level: Priority = Priority.NORMAL, *, orders: int = 0) -> None:
        """Raise `RateLimited` when a request of this priority, placing `orders` orders, must not go out now."""
        now = self._now_ms()
        state = self._read(now)
        self._refuse_while_blocked(state.blocked_until_ms, now)
        if orders:
            self._refuse_while_blocked(state.orders_blocked_until_ms, now)
        if max(level, _asked.get()) >= Priority.EXIT:
            return
        for used in state.used:
            concerns_us = used.limit.kind == "weight" or orders > 0
            if concerns_us and used.used >= used.limit.reserved_from:
                raise RateLimited(
                    f"{used.used} of {used.limit.most} {_KIND_WORDS[used.limit.kind]} are used in this window of "
                    f"{used.limit.count} {used.limit.unit}; the rest is kept for exits",
                    retry_after_s=used.limit.left_ms(now) / 1000,
                )

    def observe(self, headers: Mapping[str, str]) -> None:
        """Remember the counts that an answer told."""
        now = self._now_ms()
        counts: dict[str, tuple[int, int]] = {}
        for name, value in headers.items():
            found = _HEADER.match(name)
            if found and _COUNT.match(value.strip()):
                kind = "weight" if found[1].lower() == "used-weight" else "orders"
                limit = Limit(kind, int(found[2]), found[3].lower(), 0)
                counts[f"{self._key}:{limit.slot_name(now)}"] = (int(value), limit.window_ms)
        if counts:
            self._store.raise_to(counts)

    def stop_everyone(self, retry_after_s: float) -> None:
        """After 429 or 418: no request leaves for this host, whatever key it carries, for so long."""
        self._block(f"{self._host}:blocked", retry_after_s)

    def stop_placing(self, retry_after_s: float) -> None:
        """After -1015: this account places no order for so long; other requests go on."""
        self._block(f"{self._key}:orders-blocked", retry_after_s)

    def learn(self, rate_limits: Iterable[Mapping[str, Any]]) -> None:
        """Take the limits over from exchangeInfo's `rateLimits`."""
        limits = tuple(limit for entry in rate_limits if (limit := _read_limit(entry)) is not None)
        if limits:
            listed = json.dumps([[limit.kind, limit.count, limit.unit, limit.most] for limit in limits])
            self._store.put(f"{self._host}:limits", listed, _LIMITS_KEPT_MS)

    def usage(self) -> tuple[Used, ...]:
        """What is used at this moment, for a page."""
        return self._read(self._now_ms()).used

    def _block(self, name: str, retry_after_s: float) -> None:
        wait_ms = int(retry_after_s * 1000)
        self._store.raise_to({name: (self._now_ms() + wait_ms, wait_ms)})

    def _refuse_while_blocked(self, until_ms: int, now_ms: int) -> None:
        if until_ms > now_ms:
            wait_s = (until_ms - now_ms) / 1000
            raise RateLimited(f"the exchange told us to wait; {wait_s:.1f} s are left", retry_after_s=wait_s)

    def _read(self, now_ms: int) -> _State:
        names = [f"{self._host}:blocked", f"{self._key}:orders-blocked", f"{self._host}:limits"]
        slots = [f"{self._key}:{limit.slot_name(now_ms)}" for limit in self._default_limits]
        blocked, orders_blocked, listed, *counts = self._store.read(names + slots)
        limits = _parse_limits(listed) if listed else self._default_limits
        if [limit.slot_name(0) for limit in limits] != [limit.slot_name(0) for limit in self._default_limits]:
            # The exchange has other windows than we asked for: ask again, and by these from now on.
            counts = self._store.read([f"{self._key}:{limit.slot_name(now_ms)}" for limit in limits])
        self._default_limits = limits
        used = tuple(Used(limit, int(count or 0)) for limit, count in zip(limits, counts, strict=True))
        return _State(int(blocked or 0), int(orders_blocked or 0), used)


_KIND_WORDS = {"weight": "of request weight", "orders": "orders"}


@dataclass(frozen=True, slots=True)
class _State:
    blocked_until_ms: int
    orders_blocked_until_ms: int
    used: tuple[Used, ...]


def _read_limit(entry: Mapping[str, Any]) -> Limit | None:
    kind = {"REQUEST_WEIGHT": "weight", "ORDERS": "orders"}.get(str(entry.get("rateLimitType")))
    unit = str(entry.get("interval", ""))[:1].lower()
    try:
        count, most = int(entry.get("intervalNum", 0)), int(entry.get("limit", 0))
    except (TypeError, ValueError, OverflowError):
        return None
    return Limit(kind, count, unit, most) if kind and unit in _UNIT_MS and count > 0 and most > 0 else None


def _parse_limits(listed: str) -> tuple[Limit, ...]:
    entries: Sequence[Sequence[Any]] = json.loads(listed)
    return tuple(Limit(str(kind), int(count), str(unit), int(most)) for kind, count, unit, most in entries)
