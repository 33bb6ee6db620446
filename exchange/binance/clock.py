"""Measure the exchange's clock as an offset to ours, again when it is old or the wall clock was set."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

MAX_AGE_S = 600.0
_GOOD_ROUND_TRIP_S = 0.5
_TRIES = 3
_STEP_S = 0.2  # wall and monotonic clocks apart by more: one was set, or the machine slept


class ServerClock:
    """Shared by all clients of one host in a process."""

    def __init__(self, max_age_s: float = MAX_AGE_S) -> None:
        self._max_age_s = max_age_s
        self._lock = threading.Lock()
        self._measured: tuple[float, float, float] | None = None  # server, wall and monotonic time, in s

    def now_ms(self, ask_ms: Callable[[], int]) -> float:
        """Return the exchange's time. Ask again (`ask_ms` is one request) if the last answer is too old to trust."""
        with self._lock:
            if self._measured is None or self._is_stale(self._measured):
                self._measured = _measure(ask_ms)
            server, _, monotonic = self._measured
            return (server + time.monotonic() - monotonic) * 1000

    def forget(self) -> None:
        """Measure again before the next use: the exchange says that our clock is off."""
        with self._lock:
            self._measured = None

    def _is_stale(self, measured: tuple[float, float, float]) -> bool:
        _, wall, monotonic = measured
        age = time.monotonic() - monotonic
        return age > self._max_age_s or abs((time.time() - wall) - age) > _STEP_S


def _measure(ask_ms: Callable[[], int]) -> tuple[float, float, float]:
    """Return the exchange's time at the midpoint of the quickest of a few round trips."""
    best: tuple[float, tuple[float, float, float]] | None = None
    for _ in range(_TRIES):
        sent = time.monotonic()
        server = ask_ms() / 1000
        received = time.monotonic()
        took = received - sent
        if best is None or took < best[0]:
            best = (took, (server, time.time() - took / 2, received - took / 2))
        if took <= _GOOD_ROUND_TRIP_S:
            break
    assert best is not None  # noqa: S101  (_TRIES is not 0)
    return best[1]
