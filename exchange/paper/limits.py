"""How much a caller may ask: request weight per address, orders per account, in fixed slots of time.

Counts live in this process. Going on after a 429 bans the address, for two minutes at first and longer each time.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from exchange.paper import errors

_INTERVAL_MS = {"SECOND": 1_000, "MINUTE": 60_000, "HOUR": 3_600_000, "DAY": 86_400_000}
FIRST_BAN_MS = 120_000
LONGEST_BAN_MS = 3 * 86_400_000


@dataclass(frozen=True, slots=True)
class RateLimit:
    """One entry of exchangeInfo's `rateLimits`."""

    type: str
    interval: str
    interval_num: int
    limit: int

    @property
    def window_ms(self) -> int:
        return _INTERVAL_MS[self.interval] * self.interval_num

    @property
    def suffix(self) -> str:
        """As in the header X-MBX-ORDER-COUNT-10S."""
        return f"{self.interval_num}{self.interval[0]}"

    @property
    def words(self) -> str:
        return f"{self.interval_num} {self.interval}"

    def as_json(self) -> dict[str, Any]:
        return {
            "rateLimitType": self.type,
            "interval": self.interval,
            "intervalNum": self.interval_num,
            "limit": self.limit,
        }


DEFAULT_LIMITS = (
    RateLimit("REQUEST_WEIGHT", "MINUTE", 1, 6000),
    RateLimit("ORDERS", "SECOND", 10, 100),
    RateLimit("ORDERS", "DAY", 1, 200_000),
    RateLimit("RAW_REQUESTS", "MINUTE", 5, 300_000),
)


def read_limits(entries: list[dict[str, Any]]) -> tuple[RateLimit, ...]:
    """The `rateLimits` of an exchangeInfo answer. KeyError or ValueError when an entry is not one."""
    return tuple(
        RateLimit(str(e["rateLimitType"]), str(e["interval"]), int(e["intervalNum"]), int(e["limit"]))
        for e in entries
        if e["interval"] in _INTERVAL_MS
    )


@dataclass(slots=True)
class _Ban:
    until_ms: int = 0
    length_ms: int = 0
    warned_slot: int = -1
    strikes: int = 0


@dataclass(slots=True)
class Counters:
    """Counts of one process under one set of limits. Times are whatever clock the caller counts by."""

    limits: tuple[RateLimit, ...] = DEFAULT_LIMITS
    _counts: dict[tuple[str, str, str], tuple[int, int]] = field(default_factory=dict)
    _bans: dict[str, _Ban] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, kind: str) -> tuple[RateLimit, ...]:
        return tuple(limit for limit in self.limits if limit.type == kind)

    def _used(self, limit: RateLimit, who: str, now_ms: int) -> int:
        slot, used = self._counts.get((limit.type, limit.suffix, who), (-1, 0))
        return used if slot == now_ms // limit.window_ms else 0

    def _add(self, limit: RateLimit, who: str, now_ms: int, amount: int) -> int:
        used = self._used(limit, who, now_ms) + amount
        self._counts[(limit.type, limit.suffix, who)] = (now_ms // limit.window_ms, used)
        return used

    def admit(self, address: str, weight: int, now_ms: int) -> None:
        """Count a request and its weight. 429 when it is over a limit, 418 once the caller went on after a 429."""
        with self._lock:
            ban = self._bans.setdefault(address, _Ban())
            if now_ms < ban.until_ms:
                raise errors.banned(ban.until_ms, _seconds(ban.until_ms - now_ms))
            for kind, amount in (("RAW_REQUESTS", 1), ("REQUEST_WEIGHT", weight)):
                for limit in self.of(kind):
                    if self._add(limit, address, now_ms, amount) > limit.limit:
                        self._refuse(limit, ban, now_ms)

    def _refuse(self, limit: RateLimit, ban: _Ban, now_ms: int) -> None:
        slot = now_ms // limit.window_ms
        if ban.warned_slot == slot:  # it was told to wait and went on
            ban.length_ms = min(ban.length_ms * 2 or FIRST_BAN_MS, LONGEST_BAN_MS)
            ban.until_ms = now_ms + ban.length_ms
            ban.warned_slot = -1
            raise errors.banned(ban.until_ms, _seconds(ban.length_ms))
        ban.warned_slot = slot
        wait_ms = (slot + 1) * limit.window_ms - now_ms
        raise errors.too_much_weight(limit.limit, limit.words, _seconds(wait_ms))

    def give_back(self, address: str, weight: int, now_ms: int) -> None:
        """Placing and cancelling weigh nothing when they succeed."""
        with self._lock:
            for limit in self.of("REQUEST_WEIGHT"):
                self._add(limit, address, now_ms, -min(weight, self._used(limit, address, now_ms)))

    def admit_orders(self, account: str, orders: int, now_ms: int) -> None:
        """Count orders of an account before they are placed. -1015 (429) when they are over a limit."""
        with self._lock:
            for limit in self.of("ORDERS"):
                if self._used(limit, account, now_ms) + orders > limit.limit:
                    wait_ms = limit.window_ms - now_ms % limit.window_ms
                    raise errors.too_many_orders(limit.limit, limit.words, _seconds(wait_ms))
            for limit in self.of("ORDERS"):
                self._add(limit, account, now_ms, orders)

    def return_orders(self, account: str, orders: int, now_ms: int) -> None:
        """Orders that were refused, or filled, leave the count of unfilled orders."""
        with self._lock:
            for limit in self.of("ORDERS"):
                self._add(limit, account, now_ms, -min(orders, self._used(limit, account, now_ms)))

    def used_weight(self, address: str, now_ms: int) -> list[tuple[RateLimit, int]]:
        with self._lock:
            return [(limit, self._used(limit, address, now_ms)) for limit in self.of("REQUEST_WEIGHT")]

    def order_counts(self, account: str, now_ms: int) -> list[tuple[RateLimit, int]]:
        with self._lock:
            return [(limit, self._used(limit, account, now_ms)) for limit in self.of("ORDERS")]


def _seconds(ms: int) -> int:
    return max(1, -(-ms // 1000))
