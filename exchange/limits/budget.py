"""Keep requests within an exchange's rate limits: one budget a host, shared by every process and key.

The exchange reports its counts in the headers of each answer; they are remembered until their window ends. Request
weight counts by host, orders by key. From 80 % of a limit on, only exits and settling go out. After 429 or 418 no
request leaves until `Retry-After` is over. Where the counts are stored (Redis or this process) is in stores.py.
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

from core.times import DAY_MS
from exchange.api.errors import RateLimited
from exchange.limits.stores import MemoryStore, Store

RESERVED_FROM_PERCENT = 80  # beyond this share of a limit, only exits and settling go out
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": DAY_MS}
_HEADER = re.compile(r"x-mbx-(used-weight|order-count)-(\d+)([smhd])$", re.IGNORECASE)
_COUNT = re.compile(r"[0-9]{1,15}$")
_LIMITS_KEPT_MS = 7 * DAY_MS


class Priority(IntEnum):
    """How much a request matters when the budget runs short."""

    NORMAL = 0  # market data, entries, look-ups for pages
    EXIT = 1  # exits, protection, cancelling, finding out what became of an order


_priority: ContextVar[Priority] = ContextVar("priority", default=Priority.NORMAL)


@contextlib.contextmanager
def priority(level: Priority) -> Iterator[None]:
    """Give the requests made inside at least this priority."""
    token = _priority.set(max(level, _priority.get()))
    try:
        yield
    finally:
        _priority.reset(token)


@dataclass(frozen=True, slots=True)
class BudgetLimit:
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
        """Name the window that `now_ms` lies in: windows are fixed, as in the minute or the UTC day."""
        return f"{self.kind}-{self.count}{self.unit}-{now_ms // self.window_ms}"

    def left_ms(self, now_ms: int) -> int:
        return self.window_ms - now_ms % self.window_ms


DEFAULT_LIMITS = (
    BudgetLimit("weight", 1, "m", 6000),
    BudgetLimit("orders", 10, "s", 50),
    BudgetLimit("orders", 1, "d", 160_000),
)


@dataclass(frozen=True, slots=True)
class UsedLimit:
    """How much of one limit is used in its present window."""

    limit: BudgetLimit
    used: int


@dataclass(frozen=True, slots=True)
class BudgetState:
    blocked_until_ms: int
    orders_blocked_until_ms: int
    used: tuple[UsedLimit, ...]


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class Budget:
    """The budget of one key on one host. Safe to use from several threads.

    `now_ms` is the clock by which windows are counted: the wall clock, or market time where that is set by hand.
    """

    def __init__(
        self, base_url: str, key: str = "", *, store: Store | None = None, now_ms: Callable[[], int] = wall_clock_ms
    ) -> None:
        parts = urlsplit(base_url)
        self._host = f"{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
        self._key = f"{self._host}:{hashlib.sha256(key.encode()).hexdigest()[:16]}"
        self._store = store if store is not None else MemoryStore(now_ms)
        self._now_ms = now_ms
        self._default_limits: tuple[BudgetLimit, ...] = DEFAULT_LIMITS

    def priority(self, level: Priority) -> contextlib.AbstractContextManager[None]:
        """Give the requests made inside at least this priority."""
        return priority(level)

    def admit(self, level: Priority = Priority.NORMAL, *, orders: int = 0) -> None:
        """Raise `RateLimited` when a request of this priority, placing `orders` orders, must not go out now."""
        now = self._now_ms()
        state = self.state(now)
        self._refuse_while_blocked(state.blocked_until_ms, now)
        if orders:
            self._refuse_while_blocked(state.orders_blocked_until_ms, now)
        if max(level, _priority.get()) >= Priority.EXIT:
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
        """Remember the counts in the headers of an answer."""
        now = self._now_ms()
        counts: dict[str, tuple[int, int]] = {}
        for name, value in headers.items():
            header = _HEADER.match(name)
            if header and _COUNT.match(value.strip()):
                kind = "weight" if header[1].lower() == "used-weight" else "orders"
                limit = BudgetLimit(kind, int(header[2]), header[3].lower(), 0)
                counts[self._name(limit, now)] = (int(value), limit.window_ms)
        if counts:
            self._store.raise_to(counts)

    def stop_everyone(self, retry_after_s: float) -> None:
        """Stop all requests to this host, whatever key they carry, after 429 or 418."""
        self._block(f"{self._host}:blocked", retry_after_s)

    def stop_placing(self, retry_after_s: float) -> None:
        """Stop this account from placing orders after -1015; other requests go on."""
        self._block(f"{self._key}:orders-blocked", retry_after_s)

    def learn(self, rate_limits: Iterable[Mapping[str, Any]]) -> None:
        """Replace the limits by the `rateLimits` of exchangeInfo."""
        limits = tuple(limit for entry in rate_limits if (limit := _read_limit(entry)) is not None)
        if limits:
            listed = json.dumps([[limit.kind, limit.count, limit.unit, limit.most] for limit in limits])
            self._store.put(f"{self._host}:limits", listed, _LIMITS_KEPT_MS)

    def _name(self, limit: BudgetLimit, now_ms: int) -> str:
        """Name a count. The exchange counts request weight by address, so all keys share it, and orders by account."""
        return f"{self._host if limit.kind == 'weight' else self._key}:{limit.slot_name(now_ms)}"

    def _block(self, name: str, retry_after_s: float) -> None:
        wait_ms = int(retry_after_s * 1000)
        self._store.raise_to({name: (self._now_ms() + wait_ms, wait_ms)})

    def _refuse_while_blocked(self, until_ms: int, now_ms: int) -> None:
        if until_ms > now_ms:
            wait_s = (until_ms - now_ms) / 1000
            raise RateLimited(f"the exchange asked us to wait; {wait_s:.1f} s are left", retry_after_s=wait_s)

    def state(self, now_ms: int | None = None) -> BudgetState:
        """Return how long requests are blocked and what is used of each limit, now or at `now_ms`."""
        now_ms = self._now_ms() if now_ms is None else now_ms
        names = [f"{self._host}:blocked", f"{self._key}:orders-blocked", f"{self._host}:limits"]
        slots = [self._name(limit, now_ms) for limit in self._default_limits]
        blocked, orders_blocked, listed, *counts = self._store.read(names + slots)
        limits = _parse_limits(listed) if listed else self._default_limits
        if [limit.slot_name(0) for limit in limits] != [limit.slot_name(0) for limit in self._default_limits]:
            # The exchange has other windows than we asked for: ask again, and by these from now on.
            counts = self._store.read([self._name(limit, now_ms) for limit in limits])
        self._default_limits = limits
        used = tuple(UsedLimit(limit, int(count or 0)) for limit, count in zip(limits, counts, strict=True))
        return BudgetState(int(blocked or 0), int(orders_blocked or 0), used)


_KIND_WORDS = {"weight": "of request weight", "orders": "orders"}


def _read_limit(entry: Mapping[str, Any]) -> BudgetLimit | None:
    kind = {"REQUEST_WEIGHT": "weight", "ORDERS": "orders"}.get(str(entry.get("rateLimitType")))
    unit = str(entry.get("interval", ""))[:1].lower()
    try:
        count, most = int(entry.get("intervalNum", 0)), int(entry.get("limit", 0))
    except (TypeError, ValueError, OverflowError):
        return None
    return BudgetLimit(kind, count, unit, most) if kind and unit in _UNIT_MS and count > 0 and most > 0 else None


def _parse_limits(listed: str) -> tuple[BudgetLimit, ...]:
    entries: Sequence[Sequence[Any]] = json.loads(listed)
    return tuple(BudgetLimit(str(kind), int(count), str(unit), int(most)) for kind, count, unit, most in entries)
