"""Live candles: one request a bar for everyone, nothing that is not closed, nothing stale, nothing lost."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest
import redis

from exchange.api.types import Klines
from exchange.klines.candles import MemoryCandles, SharedCandles, last_closed_open_ms

MINUTE = 60_000
NAMES = ("open", "high", "low", "close", "volume")


class CannedMarket:
    """Bars of one minute from `first` on, all of them, the forming one included; counts what it is asked."""

    def __init__(self, first: int = 0, delay_s: float = 0.0, missing: frozenset[int] = frozenset()) -> None:
        self.first, self.delay_s, self.missing = first, delay_s, missing
        self.asked: list[tuple[int | None, int | None, int]] = []
        self.level, self.now_bar = 100.0, 10**9

    def klines(
        self, symbol: str, interval: str, *, start_ms: int | None = None, end_ms: int | None = None, limit: int = 1000
    ) -> Klines:
        self.asked.append((start_ms, end_ms, limit))
        time.sleep(self.delay_s)
        last = self.now_bar if end_ms is None else min(end_ms // MINUTE, self.now_bar)
        low = self.first if start_ms is None else max(self.first, -(-start_ms // MINUTE))
        if start_ms is None:
            low = max(low, last - limit - len(self.missing))
        numbers = [n for n in range(low, min(last, low + limit + len(self.missing)) + 1) if n not in self.missing]
        numbers = numbers[-limit:] if start_ms is None else numbers[:limit]
        opens = np.array(numbers, dtype=np.int64) * MINUTE
        prices = self.level + np.array(numbers, dtype=np.float64)
        return Klines(interval, opens, prices, prices + 1, prices - 1, prices, prices)


@pytest.fixture
def cache(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url)


def bars(klines: Klines) -> list[int]:
    return (klines.open_time // MINUTE).tolist()


def shared(market: CannedMarket, cache: redis.Redis, scope: str = "host") -> SharedCandles:
    return SharedCandles(market, scope, cache)


def test_a_bar_is_closed_from_its_last_millisecond_on() -> None:
    assert last_closed_open_ms("1m", 10 * MINUTE - 1) == 8 * MINUTE
    assert last_closed_open_ms("1m", 10 * MINUTE) == 9 * MINUTE


def test_only_closed_bars_are_handed_out(cache: redis.Redis) -> None:
    found = shared(CannedMarket(), cache).closed("BTCUSDT", "1m", bars=3, now_ms=100 * MINUTE + 1)
    assert bars(found) == [97, 98, 99]
    assert found.close.tolist() == [197.0, 198.0, 199.0]


def test_a_hundred_bots_cost_one_request_a_bar(cache: redis.Redis) -> None:
    market = CannedMarket()
    for bar in (100, 101, 102):
        for _ in range(100):
            found = shared(market, cache).closed("BTCUSDT", "1m", bars=50, now_ms=bar * MINUTE + 2_000)
            assert bars(found) == list(range(bar - 50, bar))
    assert len(market.asked) == 3
    assert market.asked[1] == (99 * MINUTE, 100 * MINUTE, 1000)


def test_bots_that_ask_at_the_same_moment_wait_for_one_request(cache: redis.Redis) -> None:
    market = CannedMarket(delay_s=0.2)
    found: list[list[int]] = []

    def ask() -> None:
        klines = shared(market, cache).closed("BTCUSDT", "1m", bars=5, now_ms=100 * MINUTE + 1)
        found.append(bars(klines))

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[95, 96, 97, 98, 99]] * 12
    assert len(market.asked) == 1


def test_killed_fetcher_holds_others_up_for_seconds_alone(cache: redis.Redis) -> None:
    market = CannedMarket()
    cache.set("candles:host:BTCUSDT:1m:lock", "a dead process", px=60_000)
    began = time.monotonic()
    for _ in range(2):
        found = shared(market, cache).closed("BTCUSDT", "1m", bars=5, now_ms=100 * MINUTE + 1)
        assert bars(found) == [95, 96, 97, 98, 99]
    assert len(market.asked) == 1
    assert time.monotonic() - began < 10


def test_more_bars_than_a_request_gives_come_in_pages(cache: redis.Redis) -> None:
    market = CannedMarket()
    found = shared(market, cache).closed("BTCUSDT", "1m", bars=2500, now_ms=5000 * MINUTE + 1)
    assert bars(found) == list(range(2500, 5000))
    assert [limit for _, _, limit in market.asked] == [1000, 1000, 500]


def test_a_bot_that_needs_more_history_gets_it_and_others_keep_theirs(cache: redis.Redis) -> None:
    market = CannedMarket()
    for wanted in (10, 300, 10):
        found = shared(market, cache).closed("BTCUSDT", "1m", bars=wanted, now_ms=1000 * MINUTE + 1)
        assert bars(found) == list(range(1000 - wanted, 1000))
    assert len(market.asked) == 2


def test_a_young_symbol_is_not_asked_for_history_it_does_not_have(cache: redis.Redis) -> None:
    market = CannedMarket(first=90)
    for bar in (100, 100, 101, 102):
        for wanted in (500, 3):
            found = shared(market, cache).closed("BTCUSDT", "1m", bars=wanted, now_ms=bar * MINUTE + 1)
            assert bars(found) == list(range(max(90, bar - wanted), bar))
    assert len(market.asked) == 3


def test_after_a_long_silence_what_is_missing_is_fetched(cache: redis.Redis) -> None:
    market = CannedMarket()
    candles = shared(market, cache)
    candles.closed("BTCUSDT", "1m", bars=20, now_ms=100 * MINUTE + 1)
    assert bars(candles.closed("BTCUSDT", "1m", bars=20, now_ms=130 * MINUTE + 1)) == list(range(110, 130))
    assert bars(candles.closed("BTCUSDT", "1m", bars=20, now_ms=9000 * MINUTE + 1)) == list(range(8980, 9000))


def test_a_gap_is_no_bar_and_costs_no_storm_of_requests(cache: redis.Redis) -> None:
    market = CannedMarket(missing=frozenset({97, 99}))
    for _ in range(20):
        found = shared(market, cache).closed("BTCUSDT", "1m", bars=4, now_ms=100 * MINUTE + 1)
        assert bars(found) == [94, 95, 96, 98]
    assert len(market.asked) == 1


def test_a_corrected_bar_or_another_market_throws_the_old_bars_away(cache: redis.Redis) -> None:
    market = CannedMarket()
    candles = shared(market, cache)
    candles.closed("BTCUSDT", "1m", bars=5, now_ms=100 * MINUTE + 1)
    market.level = 500.0
    found = candles.closed("BTCUSDT", "1m", bars=5, now_ms=101 * MINUTE + 1)
    assert found.close.tolist() == [596.0, 597.0, 598.0, 599.0, 600.0]


def test_markets_and_intervals_do_not_mix(cache: redis.Redis) -> None:
    one, two = CannedMarket(), CannedMarket()
    two.level = 900.0
    shared(one, cache, "live").closed("BTCUSDT", "1m", bars=2, now_ms=100 * MINUTE)
    assert shared(two, cache, "paper").closed("BTCUSDT", "1m", bars=2, now_ms=100 * MINUTE).close.tolist() == [998, 999]


def test_worker_with_a_late_clock_does_not_see_the_newer_bar(cache: redis.Redis) -> None:
    market = CannedMarket()
    candles = shared(market, cache)
    candles.closed("BTCUSDT", "1m", bars=5, now_ms=101 * MINUTE)
    assert bars(candles.closed("BTCUSDT", "1m", bars=4, now_ms=101 * MINUTE - 1)) == [96, 97, 98, 99]
    assert bars(candles.closed("BTCUSDT", "1m", bars=5, now_ms=101 * MINUTE)) == [96, 97, 98, 99, 100]


def test_without_redis_the_exchange_is_asked_directly(caplog: pytest.LogCaptureFixture) -> None:
    away = redis.Redis.from_url("redis://127.0.0.1:9/0", socket_connect_timeout=0.2)
    assert bars(shared(CannedMarket(), away).closed("BTCUSDT", "1m", bars=2, now_ms=100 * MINUTE)) == [98, 99]
    assert "Redis is away" in caplog.text


# In memory


def test_memory_gives_every_bar_since_the_first_and_asks_for_each_once() -> None:
    market = CannedMarket(first=7)
    candles = MemoryCandles(market)
    assert bars(candles.closed("BTCUSDT", "1m", now_ms=2500 * MINUTE)) == list(range(7, 2500))
    market.asked.clear()
    assert bars(candles.closed("BTCUSDT", "1m", now_ms=2501 * MINUTE)) == list(range(7, 2501))
    candles.closed("BTCUSDT", "1m", now_ms=2501 * MINUTE + 500)
    assert market.asked == [(2499 * MINUTE + 1, 2500 * MINUTE, 1000)]


def test_what_memory_handed_out_does_not_change_and_cannot_be_changed() -> None:
    candles = MemoryCandles(CannedMarket())
    early = candles.closed("BTCUSDT", "1m", now_ms=4000 * MINUTE)
    before = early.close.copy()
    later = candles.closed("BTCUSDT", "1m", now_ms=20_000 * MINUTE)
    assert np.array_equal(early.close, before)
    assert bars(candles.closed("BTCUSDT", "1m", now_ms=4000 * MINUTE)) == bars(early)
    for name in NAMES:
        with pytest.raises(ValueError, match="read-only"):
            getattr(later, name)[0] = 1.0


def test_a_bar_more_costs_memory_candles_next_to_nothing() -> None:
    class Prepared(CannedMarket):
        def klines(self, symbol: str, interval: str, **asked: Any) -> Klines:
            start = -(-asked["start_ms"] // MINUTE)
            return ALL[start : min(start + 1000, asked["end_ms"] // MINUTE + 1)]

    ALL = CannedMarket().klines("BTCUSDT", "1m", start_ms=0, end_ms=18_001 * MINUTE, limit=18_001)
    candles = MemoryCandles(Prepared())
    candles.closed("BTCUSDT", "1m", now_ms=17_000 * MINUTE)
    started = time.perf_counter()
    for bar in range(17_001, 17_501):
        assert len(candles.closed("BTCUSDT", "1m", now_ms=bar * MINUTE)) == bar
    assert (time.perf_counter() - started) / 500 < 0.0003
