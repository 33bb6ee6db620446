"""Store the request budget's counts: in Redis for all processes, or in this process alone.

What the counts mean is in budget.py. Names are opaque here; every value has a life in ms.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from exchange.limits.shared_redis import SharedRedis

_PREFIX = "budget:"
# Answers of several workers can arrive out of order; within a window counts only grow, so the larger one is the newer.
_RAISE_TO = """
for i, name in ipairs(KEYS) do
    local new = tonumber(ARGV[2 * i - 1])
    if new > tonumber(redis.call('GET', name) or -1) then
        redis.call('SET', name, ARGV[2 * i - 1], 'PX', math.max(1, tonumber(ARGV[2 * i])))
    end
end
"""


class Store(Protocol):
    """Small named values that expire."""

    def read(self, names: Sequence[str]) -> list[str | None]: ...

    def raise_to(self, values: Mapping[str, tuple[int, int]]) -> None:
        """Set each name to (value, life in ms) unless it holds a larger value."""

    def put(self, name: str, value: str, life_ms: int) -> None: ...


class MemoryStore:
    """Values of this process, by the clock it is given."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._values: dict[str, tuple[str, int]] = {}
        self._lock = threading.Lock()
        self._swept_ms = 0

    def read(self, names: Sequence[str]) -> list[str | None]:
        now = self._now_ms()
        with self._lock:
            return [self._live(name, now) for name in names]

    def raise_to(self, values: Mapping[str, tuple[int, int]]) -> None:
        now = self._now_ms()
        with self._lock:
            self._sweep(now)
            for name, (value, life_ms) in values.items():
                if value > int(self._live(name, now) or -1):
                    self._values[name] = (str(value), now + life_ms)

    def put(self, name: str, value: str, life_ms: int) -> None:
        with self._lock:
            self._values[name] = (value, self._now_ms() + life_ms)

    def _live(self, name: str, now_ms: int) -> str | None:
        value, until_ms = self._values.get(name, ("", 0))
        return value if until_ms > now_ms else None

    def _sweep(self, now_ms: int) -> None:
        """Drop the windows that ended: they would pile up in a process that runs for months."""
        if now_ms - self._swept_ms >= 60_000:
            self._swept_ms = now_ms
            self._values = {name: entry for name, entry in self._values.items() if entry[1] > now_ms}


class RedisStore:
    """Values shared through Redis. While it is away this process goes by its own, and says so."""

    def __init__(self, url: str, now_ms: Callable[[], int]) -> None:
        self._shared = SharedRedis(url, "request budget not shared: Redis is away, this process counts alone")
        self._redis = self._shared.client
        self._raise_to = self._redis.register_script(_RAISE_TO)
        self._own = MemoryStore(now_ms)

    def read(self, names: Sequence[str]) -> list[str | None]:
        shared: list[str | None] | None = self._ask(lambda: self._redis.mget([_PREFIX + name for name in names]))
        own = self._own.read(names)
        if shared is None:
            return own
        # What Redis lost (it was away, or started anew) this process may still know.
        return [theirs if theirs is not None else ours for theirs, ours in zip(shared, own, strict=True)]

    def raise_to(self, values: Mapping[str, tuple[int, int]]) -> None:
        self._own.raise_to(values)
        arguments = [number for pair in values.values() for number in pair]
        self._ask(lambda: self._raise_to(keys=[_PREFIX + name for name in values], args=arguments))

    def put(self, name: str, value: str, life_ms: int) -> None:
        self._own.put(name, value, life_ms)
        self._ask(lambda: self._redis.set(_PREFIX + name, value, px=life_ms))

    def _ask(self, command: Callable[[], Any]) -> Any:
        """Return the command's answer, or None while Redis is away."""
        return self._shared.ask(command, lambda: None)
