"""Keep the paper exchange's counts of requests and orders: in this process, or in Redis for all processes.

What they are held to is in limits.py. A slot is one count in one window of time; it never goes under zero.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from core.times import DAY_MS
from exchange.limits.shared_redis import SharedRedis

_PREFIX = "paper:"
_FORGET_BANS_MS = 7 * DAY_MS  # after so long without a ban the next one is short again


@dataclass(frozen=True, slots=True)
class CountSlot:
    """A count by name, what to add to it, the most it may come to, and how long it lives."""

    name: str
    amount: int
    limit: int
    window_ms: int


class Counts(Protocol):
    def count(self, ban: str, slots: Sequence[CountSlot]) -> tuple[int, list[int]]:
        """Return when the ban by that name ends (0: there is none), and each count with its amount added."""

    def add(self, slots: Sequence[CountSlot]) -> list[int]:
        """Return each count with its amount added."""

    def take(self, slots: Sequence[CountSlot]) -> tuple[int | None, list[int]]:
        """Add to all, or to none: then the index of the slot that is full comes first."""

    def first(self, name: str, life_ms: int) -> bool:
        """Return True for the first to use this name, once per life."""

    def ban(self, name: str, now_ms: int, shortest_ms: int, longest_ms: int) -> int:
        """Ban from now on; its length in ms, doubled each time."""


@dataclass(slots=True)
class OwnCounts:
    """Counts of this process. Old windows are thrown away as new ones begin."""

    _counts: dict[str, int] = field(default_factory=dict)
    _bans: dict[str, tuple[int, int]] = field(default_factory=dict)  # until, length
    _said: set[str] = field(default_factory=set)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def count(self, ban: str, slots: Sequence[CountSlot]) -> tuple[int, list[int]]:
        with self._lock:
            return self._bans.get(ban, (0, 0))[0], self.add(slots)

    def add(self, slots: Sequence[CountSlot]) -> list[int]:
        with self._lock:
            return [self._add(slot) for slot in slots]

    def take(self, slots: Sequence[CountSlot]) -> tuple[int | None, list[int]]:
        with self._lock:
            for index, slot in enumerate(slots):
                if self._counts.get(slot.name, 0) + slot.amount > slot.limit:
                    return index, []
            return None, self.add(slots)

    def first(self, name: str, life_ms: int) -> bool:
        with self._lock:
            is_first = name not in self._said
            self._said.add(name)
            return is_first

    def ban(self, name: str, now_ms: int, shortest_ms: int, longest_ms: int) -> int:
        with self._lock:
            _, length = self._bans.get(name, (0, 0))
            length = min(length * 2 or shortest_ms, longest_ms)
            self._bans[name] = (now_ms + length, length)
            return length

    def _add(self, slot: CountSlot) -> int:
        count = self._counts.get(slot.name)
        if count is None:
            if not slot.amount:
                return 0
            self._begin(slot.name)
        total = max(0, (count or 0) + slot.amount)
        self._counts[slot.name] = total
        return total

    def _begin(self, name: str) -> None:
        """Begin a new window: the same caller's older ones are over."""
        whose = name.rpartition(":")[0] + ":"
        for counted in (self._counts, self._said):
            for old in [key for key in counted if whose in key]:
                counted.pop(old) if isinstance(counted, dict) else counted.discard(old)


# KEYS are names of counts, ARGV amount, limit and life of each. ARGV[1] is "add" or "take".
_ADD = """
local out, take = {}, ARGV[1] == 'take'
if take then
    for i, name in ipairs(KEYS) do
        local base = 3 * i - 1
        if tonumber(redis.call('GET', name) or 0) + tonumber(ARGV[base]) > tonumber(ARGV[base + 1]) then
            return {-i}
        end
    end
end
for i, name in ipairs(KEYS) do
    local base = 3 * i - 1
    local used = math.max(0, tonumber(redis.call('GET', name) or 0) + tonumber(ARGV[base]))
    if tonumber(ARGV[base]) ~= 0 then
        redis.call('SET', name, used, 'PX', ARGV[base + 2])
    end
    out[i] = used
end
return out
"""
_BAN = """
local length = tonumber(redis.call('HGET', KEYS[1], 'length') or 0)
length = length == 0 and tonumber(ARGV[2]) or math.min(2 * length, tonumber(ARGV[3]))
redis.call('HSET', KEYS[1], 'length', length, 'until', string.format('%d', tonumber(ARGV[1]) + length))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return length
"""


class SharedCounts:
    """Counts in Redis, for every process of the site. While it is away this process counts alone, and says so."""

    def __init__(self, url: str) -> None:
        shared = SharedRedis(url, "paper limits not shared: Redis is away, this process counts alone")
        self._redis, self._ask = shared.client, shared.ask
        self._add = self._redis.register_script(_ADD)
        self._ban = self._redis.register_script(_BAN)
        self._own = OwnCounts()

    def count(self, ban: str, slots: Sequence[CountSlot]) -> tuple[int, list[int]]:
        def ask() -> tuple[int, list[int]]:
            pipe = self._redis.pipeline(transaction=False)
            pipe.hget(_PREFIX + ban, "until")
            self._add(*self._arguments("add", slots), client=pipe)
            until_ms, used = pipe.execute()
            return int(until_ms or 0), list(used)

        return self._ask(ask, lambda: self._own.count(ban, slots))

    def add(self, slots: Sequence[CountSlot]) -> list[int]:
        return self._ask(lambda: list(self._add(*self._arguments("add", slots))), lambda: self._own.add(slots))

    def take(self, slots: Sequence[CountSlot]) -> tuple[int | None, list[int]]:
        def ask() -> tuple[int | None, list[int]]:
            used = list(self._add(*self._arguments("take", slots)))
            return (-used[0] - 1, []) if used and used[0] < 0 else (None, used)

        return self._ask(ask, lambda: self._own.take(slots))

    def first(self, name: str, life_ms: int) -> bool:
        return self._ask(
            lambda: bool(self._redis.set(_PREFIX + name, 1, px=life_ms, nx=True)),
            lambda: self._own.first(name, life_ms),
        )

    def ban(self, name: str, now_ms: int, shortest_ms: int, longest_ms: int) -> int:
        return self._ask(
            lambda: int(self._ban([_PREFIX + name], [now_ms, shortest_ms, longest_ms, _FORGET_BANS_MS])),
            lambda: self._own.ban(name, now_ms, shortest_ms, longest_ms),
        )

    def _arguments(self, how: str, slots: Sequence[CountSlot]) -> tuple[list[str], list[str | int]]:
        numbers = [number for slot in slots for number in (slot.amount, slot.limit, slot.window_ms)]
        return [_PREFIX + slot.name for slot in slots], [how, *numbers]
