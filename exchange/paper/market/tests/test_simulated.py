"""The invented market looks like a market, and is the same from wherever one begins to read."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from exchange.fills import UNITS, to_units
from exchange.paper.errors import ApiError
from exchange.paper.market.base import KlineQuery, MarketBars
from exchange.paper.market.load import market_from_spec
from exchange.paper.market.simulated import FIRST_MS, SimulatedMarket
from exchange.paper.market.symbol_info import traits_of

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NOW = 1_750_000_123_456


@pytest.fixture(scope="module")
def sixty_days() -> MarketBars:
    return SimulatedMarket(7).bars("BTCUSDT", NOW - 60 * DAY, NOW)


def returns(bars: MarketBars) -> np.ndarray:
    return np.diff(np.log(bars.close / UNITS))


def autocorrelation(values: np.ndarray, lag: int) -> float:
    return float(np.corrcoef(values[:-lag], values[lag:])[0, 1])


def test_bars_are_consistent_on_the_tick_and_without_gaps(sixty_days: MarketBars) -> None:
    bars, tick = sixty_days, 1_000_000
    assert (np.diff(bars.open_time) == MINUTE).all()
    assert (bars.close_time - bars.open_time == MINUTE - 1).all()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert (bars.low > 0).all()
    assert (bars.volume > 0).all()
    assert all((column % tick == 0).all() for column in (bars.open, bars.high, bars.low, bars.close))
    # Also over midnight a minute begins within a tick of where the one before ended.
    assert np.abs(bars.open[1:] - bars.close[:-1]).max() <= tick


def test_returns_have_fat_tails_and_calm_and_wild_stretches(sixty_days: MarketBars) -> None:
    moves = returns(sixty_days)
    kurtosis = float(((moves - moves.mean()) ** 4).mean() / moves.var() ** 2)
    assert 6 < kurtosis < 150  # 3 would be the normal distribution's
    assert abs(autocorrelation(moves, 1)) < 0.03  # nothing to predict in the direction
    sizes = np.abs(moves)
    assert autocorrelation(sizes, 1) > 0.15
    assert autocorrelation(sizes, 60) > 0.08
    assert autocorrelation(np.minimum(moves**2, np.quantile(moves**2, 0.999)), 1) > 0.1
    assert 0.01 < moves.std() * np.sqrt(1440) < 0.05


def test_volume_follows_the_hours_and_the_movement(sixty_days: MarketBars) -> None:
    hour = sixty_days.open_time % DAY // HOUR
    by_hour = [sixty_days.volume[hour == number].mean() for number in range(24)]
    assert max(by_hour[13:17]) > 1.4 * min(by_hour[4:7])
    moved = np.abs(sixty_days.close - sixty_days.open)
    assert np.corrcoef(moved, sixty_days.volume)[0, 1] > 0.2


@pytest.mark.parametrize(
    ("symbol", "low", "high"), [("BTCUSDT", 40_000, 180_000), ("ETHUSDT", 1_200, 8_500), ("USDCUSDT", 0.99, 1.01)]
)
def test_the_price_stays_where_such_a_price_belongs(symbol: str, low: float, high: float) -> None:
    for seed in range(5):
        market = SimulatedMarket(seed)
        levels = [market._price(symbol)._day_ends(number)[0] for number in range(17_200, 36_500, 13)]
        assert low < np.exp(min(levels))
        assert np.exp(max(levels)) < high


def test_a_bar_is_the_same_from_any_entry_point(sixty_days: MarketBars) -> None:
    other = SimulatedMarket(7)
    later = other.bars("BTCUSDT", NOW - 3 * DAY, NOW - 2 * DAY)
    same = slice(int(sixty_days.open_time.searchsorted(later.open_time[0])), None)
    for name in ("open", "high", "low", "close", "volume"):
        assert np.array_equal(getattr(later, name), getattr(sixty_days, name)[same][: len(later)])
    single = other.bars("BTCUSDT", NOW, NOW)
    assert (len(single), single.open[0]) == (1, sixty_days.open[-1])
    assert other.last_price("BTCUSDT", NOW) == sixty_days.open[-1]


def test_seeds_and_symbols_differ_and_symbols_move_together(sixty_days: MarketBars) -> None:
    moves = returns(sixty_days)
    other_seed = returns(SimulatedMarket(8).bars("BTCUSDT", NOW - 60 * DAY, NOW))
    ether = returns(SimulatedMarket(7).bars("ETHUSDT", NOW - 60 * DAY, NOW))
    assert abs(np.corrcoef(moves, other_seed)[0, 1]) < 0.05
    assert 0.25 < np.corrcoef(moves, ether)[0, 1] < 0.9


@pytest.mark.parametrize("interval", ["5m", "1h", "12h", "1d", "3d", "1w", "1M"])
@pytest.mark.parametrize("offset", [0, 19_800_000])
def test_longer_rows_are_made_of_the_minutes(interval: str, offset: int, sixty_days: MarketBars) -> None:
    market = SimulatedMarket(7)
    rows = market.klines("BTCUSDT", KlineQuery(interval, NOW - 40 * DAY, None, 1000, offset), NOW)
    assert rows
    for row in rows:
        first, end = (int(sixty_days.open_time.searchsorted(time)) for time in (row[0], min(row[6], NOW - MINUTE) + 1))
        if first == 0 and sixty_days.open_time[0] > row[0]:
            continue  # begins before the sixty days
        high, low = sixty_days.high[first:end].max(initial=0), sixty_days.low[first:end].min(initial=10**18)
        if row[6] >= NOW:
            now = sixty_days.open[-1]
            high, low = max(high, now), min(low, now)
            assert to_units_of(row[4]) == now
        else:
            assert to_units_of(row[4]) == sixty_days.close[end - 1]
        assert [to_units_of(value) for value in row[1:4]] == [sixty_days.open[first], high, low]
        assert float(row[5]) == pytest.approx(float(sixty_days.volume[first:end].sum()) if end > first else 0, rel=1e-9)


def to_units_of(text: str) -> int:
    from decimal import Decimal

    return to_units(Decimal(text))


def test_bounds_and_limits_hold_without_end() -> None:
    market = SimulatedMarket(7)
    assert market.klines("BTCUSDT", KlineQuery("1h", 0, None, 1), NOW)[0][0] == FIRST_MS
    assert len(market.klines("BTCUSDT", KlineQuery("1m", None, None, 1000), NOW)) == 1000
    assert [r[0] for r in market.klines("BTCUSDT", KlineQuery("1d", NOW - 3 * DAY, NOW - DAY, 9), NOW)] == [
        NOW // DAY * DAY - 2 * DAY,
        NOW // DAY * DAY - DAY,
    ]
    assert market.klines("BTCUSDT", KlineQuery("1m", NOW + DAY, None, 5), NOW) == []
    for interval in ("1s", "1H"):
        with pytest.raises(ApiError, match="-1120"):
            market.klines("BTCUSDT", KlineQuery(interval, None, None, 5), NOW)


def test_any_plausible_pair_trades_and_others_do_not() -> None:
    market = market_from_spec("simulated:3")
    assert market is market_from_spec("simulated:3")
    assert "BTCUSDT" in list(market.symbols())
    for symbol in ("FOOUSDT", "PEPEBTC", "ABCEUR"):
        entry, traits = market.symbols()[symbol], traits_of(symbol)
        assert traits is not None
        assert entry["baseAsset"] + entry["quoteAsset"] == symbol
        price = market.last_price(symbol, NOW)
        assert price % to_units(traits.tick) == 0
        assert price >= 100 * to_units(traits.tick)
        # The smallest order is a small one, and a step is worth less than the least notional.
        assert float(traits.step) * price / UNITS < float(traits.min_notional)
    for symbol in ("NOSUCH", "USDT", "BTCXYZ", "btcusdt", ""):
        assert symbol not in market.symbols()
        with pytest.raises(ApiError, match="-1121"):
            market.last_price(symbol, NOW)


def test_sixty_days_of_five_symbols_take_a_moment() -> None:
    def timed(work: Callable[[], object]) -> float:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    symbols = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "FOOUSDT")
    market = SimulatedMarket(11)
    assert timed(lambda: [market.bars(symbol, NOW - 60 * DAY, NOW) for symbol in symbols]) < 3.0  # 0.6 s when idle
    market.klines("BTCUSDT", KlineQuery("1h", None, None, 500), NOW)
    assert timed(lambda: market.klines("BTCUSDT", KlineQuery("1h", None, None, 500), NOW)) < 0.05
