"""Test how the exchange's clock is measured."""

from __future__ import annotations

import time

import pytest

from exchange.binance.clock import ServerClock

AHEAD_MS = 5_000


class CountingServer:
    """A server's clock that counts how often it is read."""

    def __init__(self) -> None:
        self.requests = 0

    def __call__(self) -> int:
        self.requests += 1
        return time.time_ns() // 1_000_000 + AHEAD_MS


def offset_ms(clock: ServerClock, source: CountingServer) -> float:
    return clock.now_ms(source) - time.time() * 1000


def test_offset_to_our_clock_is_found() -> None:
    assert offset_ms(ServerClock(), CountingServer()) == pytest.approx(AHEAD_MS, abs=50)


def test_measurement_is_used_again() -> None:
    clock, source = ServerClock(), CountingServer()
    offset_ms(clock, source)
    offset_ms(clock, source)
    assert source.requests == 1


def test_old_measurement_is_repeated() -> None:
    clock, source = ServerClock(max_age_s=0), CountingServer()
    offset_ms(clock, source)
    offset_ms(clock, source)
    assert source.requests == 2


def test_forgotten_measurement_is_repeated() -> None:
    clock, source = ServerClock(), CountingServer()
    offset_ms(clock, source)
    clock.forget()
    offset_ms(clock, source)
    assert source.requests == 2


def test_step_of_the_wall_clock_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, source = ServerClock(), CountingServer()
    offset_ms(clock, source)
    wall = time.time
    monkeypatch.setattr("exchange.binance.clock.time.time", lambda: wall() + 60)
    clock.now_ms(source)
    assert source.requests == 2
