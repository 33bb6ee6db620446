"""Limit what a caller may ask: request weight per address, orders per account, in fixed windows of time.

Where the counts are kept (this process, or Redis for all of them) is in rate_counters.py. Going on after a 429 bans the
address, for two minutes at first and longer each time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from core.times import DAY_MS
from exchange.paper import errors
from exchange.paper.rate_limits.counters import Counts, CountSlot, OwnCounts

_INTERVAL_MS = {"SECOND": 1_000, "MINUTE": 60_000, "HOUR": 3_600_000, "DAY": DAY_MS}
FIRST_BAN_MS = 120_000
LONGEST_BAN_MS = 3 * DAY_MS


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
        """Return the name as in the header X-MBX-ORDER-COUNT-10S."""
        return f"{self.interval_num}{self.interval[0]}"

    @property
    def words(self) -> str:
        return f"{self.interval_num} {self.interval}"

    def slot(self, who: str, now_ms: int, amount: int) -> CountSlot:
        """Return the count of `who` in the window that `now_ms` lies in, and what is to be added to it."""
        return CountSlot(
            f"{self.type}:{self.suffix}:{who}:{now_ms // self.window_ms}", amount, self.limit, self.window_ms
        )

    def left_ms(self, now_ms: int) -> int:
        return self.window_ms - now_ms % self.window_ms

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
    """Read the `rateLimits` of an exchangeInfo answer. Raise KeyError or ValueError for an invalid one."""
    return tuple(
        RateLimit(str(e["rateLimitType"]), str(e["interval"]), int(e["intervalNum"]), int(e["limit"]))
        for e in entries
        if e["interval"] in _INTERVAL_MS
    )


Used = list[tuple[RateLimit, int]]


@dataclass(slots=True)
class Counters:
    """One set of limits and the counts under it. Times are whatever clock the caller counts by."""

    limits: tuple[RateLimit, ...] = DEFAULT_LIMITS
    counts: Counts = field(default_factory=OwnCounts)

    def of(self, kind: str) -> tuple[RateLimit, ...]:
        return tuple(limit for limit in self.limits if limit.type == kind)

    def admit(self, address: str, weight: int, now_ms: int) -> Used:
        """Count a request and its weight, and say what weight is used now. 429 when it is over a limit, 418 once the
        caller went on after a 429."""
        limits = [*self.of("RAW_REQUESTS"), *self.of("REQUEST_WEIGHT")]
        slots = [limit.slot(address, now_ms, weight if limit.type == "REQUEST_WEIGHT" else 1) for limit in limits]
        banned_until_ms, used = self.counts.count(f"ban:{address}", slots)
        if now_ms < banned_until_ms:
            raise errors.banned(banned_until_ms, _seconds(banned_until_ms - now_ms))
        for limit, slot, count in zip(limits, slots, used, strict=True):
            if count > limit.limit:
                self._refuse(limit, slot, address, now_ms)
        return [(limit, count) for limit, count in zip(limits, used, strict=True) if limit.type == "REQUEST_WEIGHT"]

    def _refuse(self, limit: RateLimit, slot: CountSlot, address: str, now_ms: int) -> None:
        if self.counts.first(f"warned:{slot.name}", limit.window_ms):
            raise errors.too_much_weight(limit.limit, limit.words, _seconds(limit.left_ms(now_ms)))
        # It was told to wait and went on.
        times = self.counts.ban(f"ban:{address}", now_ms, FIRST_BAN_MS, LONGEST_BAN_MS)
        raise errors.banned(now_ms + times, _seconds(times))

    def give_back(self, address: str, weight: int, now_ms: int) -> Used:
        """Take back the weight of placing and cancelling that succeeded."""
        return self._change("REQUEST_WEIGHT", address, -weight, now_ms)

    def admit_orders(self, account: str, orders: int, now_ms: int) -> Used:
        """Count orders of an account before they are placed. -1015 (429) when they are over a limit."""
        limits = self.of("ORDERS")
        full, used = self.counts.take([limit.slot(account, now_ms, orders) for limit in limits])
        if full is not None:
            limit = limits[full]
            raise errors.too_many_orders(limit.limit, limit.words, _seconds(limit.left_ms(now_ms)))
        return list(zip(limits, used, strict=True))

    def return_orders(self, account: str, orders: int, now_ms: int) -> None:
        """Take orders that were refused, or filled, from the count of unfilled orders."""
        if orders:
            self._change("ORDERS", account, -orders, now_ms)

    def used_weight(self, address: str, now_ms: int) -> Used:
        return self._change("REQUEST_WEIGHT", address, 0, now_ms)

    def order_counts(self, account: str, now_ms: int) -> Used:
        return self._change("ORDERS", account, 0, now_ms)

    def _change(self, kind: str, who: str, amount: int, now_ms: int) -> Used:
        limits = self.of(kind)
        slots = [limit.slot(who, now_ms, amount) for limit in limits]
        return list(zip(limits, self.counts.add(slots), strict=True))


def _seconds(ms: int) -> int:
    return max(1, -(-ms // 1000))
