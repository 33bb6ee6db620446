"""Keep a paper market's time: the wall clock's, or one that is set by hand.

The exchange's own `/time`, timestamps of requests and leases go by the wall clock and not by these.
"""

from __future__ import annotations

import threading
import time
from typing import Protocol

from core.errors import UserError


class Clock(Protocol):
    """Market time in Unix milliseconds; it never goes back."""

    @property
    def is_manual(self) -> bool:
        """Return True if time stands still until it is set."""

    def now_ms(self) -> int: ...


class WallClock:
    """Market time that runs with the wall clock, as many milliseconds ahead of it as `offset_ms` says."""

    is_manual = False

    def __init__(self, offset_ms: int = 0) -> None:
        self.offset_ms = offset_ms

    @classmethod
    def starting_at(cls, market_ms: int) -> WallClock:
        """Return a clock that shows `market_ms` now and runs on from there."""
        return cls(market_ms - time.time_ns() // 1_000_000)

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.offset_ms


class ManualClock:
    """Market time that stands until it is set. Safe to move and read from several threads."""

    is_manual = True

    def __init__(self, start_ms: int) -> None:
        self._now_ms = start_ms
        self._lock = threading.Lock()

    def now_ms(self) -> int:
        return self._now_ms

    def set(self, time_ms: int) -> int:
        """Go to `time_ms`; raise `UserError` if that is in the past. Answers the new time."""
        with self._lock:
            if time_ms < self._now_ms:
                raise UserError(f"the market stands at {self._now_ms} and cannot go back to {time_ms}")
            self._now_ms = time_ms
            return self._now_ms
