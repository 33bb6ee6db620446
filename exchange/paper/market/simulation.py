"""Simulate the price of one symbol: any day of minute bars, as a function of seed, symbol and day alone.

The logarithm of the price meets a level of its own every 64 days, and those levels scatter around the symbol's price,
so that it neither runs away nor dies. Between them it walks from day to day, and within a day from minute to minute,
each walk bent so that it arrives where the longer one is. Steps have fat tails, come in calm and wild stretches, follow
the hours of the day, and share a part with all other symbols of the seed. Which symbols there are is in symbol_info.py,
answers are made in simulated.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from core.noise import normals, smooth, stream, uniforms
from core.times import DAY_MS
from exchange.api.types import Float64Array, Int64Array
from exchange.fills import UNITS, to_units
from exchange.paper.market.symbol_info import SymbolTraits

MINUTES = 1440
_MINUTE_MS = 60_000
_ERA_DAYS = 64
_SHARED = 0.65  # correlation of two symbols' steps
_LEVEL_SPREAD = 0.66  # of the levels, in walks of 64 days: two levels are about as far apart as such a walk takes it
_DAY_PERIODS = (64.0, 21.0, 5.0)  # days over which daily volatility wanders
_MINUTE_PERIODS = (720.0, 240.0, 60.0, 12.0)  # minutes over which it does within a day
_DAY_UNREST, _MINUTE_UNREST, _TAIL = 0.3, 0.45, 0.33  # standard deviations of logarithms
_JUMP_CHANCE, _JUMP = 1 / 2500, 5.0
_ALL_MINUTES = np.arange(MINUTES, dtype=np.int64)


def _hours() -> Float64Array:
    """Return how busy each minute of a UTC day is, 1 on average: quiet in Asia's night, busiest as America opens."""
    hour = _ALL_MINUTES / 60.0
    day = 1.0 + 0.35 * np.exp(-(((hour - 14.5) / 3.0) ** 2)) + 0.15 * np.exp(-(((hour - 1.0) / 2.0) ** 2))
    day -= 0.25 * np.exp(-(((hour - 5.0) / 3.0) ** 2)) + 0.2 * np.exp(-(((hour - 22.0) / 2.5) ** 2))
    hourly = 1.0 + 0.25 * np.exp(-(_ALL_MINUTES % 60) / 3.0)  # the first minutes of each hour
    return day * hourly / float((day * hourly).mean())


_BUSY = _hours()


@dataclass(frozen=True, slots=True)
class Day:
    """1440 minute bars. Prices in units of 1e-8, amounts in base and quote."""

    open_time: Int64Array
    open: Int64Array
    high: Int64Array
    low: Int64Array
    close: Int64Array
    volume: Float64Array
    quote_volume: Float64Array
    trades: Int64Array
    taker_base: Float64Array
    taker_quote: Float64Array


@dataclass(slots=True)
class SimulatedPrice:
    """One symbol's price under one seed. Days are counted from 1970-01-01."""

    seed: int
    traits: SymbolTraits
    tick: int  # in units
    _eras: dict[int, Float64Array] = field(default_factory=dict)

    def day(self, number: int) -> Day:
        """Return the minute bars of one day."""
        start, end = self._day_ends(number)
        path, spread = self._minutes(number, start, end)
        return self._with_volume(number, spread, self._bars(number, path, spread))

    def _stream(self, use: str) -> int:
        return stream(self.seed, self.traits.symbol, use)

    def _mixed(self, use: str, indexes: Int64Array) -> Float64Array:
        """Return normals of which a part is the same for all symbols of the seed."""
        own, shared = normals(self._stream(use), indexes), normals(stream(self.seed, use), indexes)
        return np.sqrt(1.0 - _SHARED) * own + np.sqrt(_SHARED) * shared

    def _day_ends(self, number: int) -> tuple[float, float]:
        """Return the logarithms of the price at the beginning and the end of a day."""
        era, at = divmod(number, _ERA_DAYS)
        levels = self._era(era)
        return float(levels[at]), float(levels[at + 1])

    def _era(self, era: int) -> Float64Array:
        """Return the logarithms of the price at the beginnings of 64 days, and of the day after them."""
        levels = self._eras.get(era)
        if levels is None:
            days = np.arange(era * _ERA_DAYS, (era + 1) * _ERA_DAYS, dtype=np.int64)
            steps = self._mixed("day", days) * self._daily_spread(days)
            path = np.concatenate(([0.0], np.cumsum(steps)))
            here, there = self._level(era), self._level(era + 1)
            bend = np.linspace(0.0, 1.0, _ERA_DAYS + 1) * (there - here - path[-1])
            levels = self._eras.setdefault(era, here + path + bend)
        return levels

    def _level(self, era: int) -> float:
        spread = _LEVEL_SPREAD * self.traits.daily_volatility * np.sqrt(_ERA_DAYS)
        drawn = float(self._mixed("level", np.array([era], dtype=np.int64))[0])
        return float(np.log(self.traits.price)) + float(spread) * max(-2.0, min(2.0, drawn))

    def _daily_spread(self, days: Int64Array) -> Float64Array:
        """Return the standard deviation of each day's step."""
        unrest = smooth(stream(self.seed, "unrest"), days.astype(np.float64), _DAY_PERIODS)
        return self.traits.daily_volatility * np.exp(_DAY_UNREST * unrest - _DAY_UNREST**2)

    def _minutes(self, number: int, start: float, end: float) -> tuple[Float64Array, Float64Array]:
        """Return the logarithms of the price at the 1441 ends of minutes, and each minute's standard deviation."""
        minutes = number * MINUTES + _ALL_MINUTES
        unrest = smooth(self._stream("minute unrest"), minutes.astype(np.float64), _MINUTE_PERIODS)
        shape = np.sqrt(_BUSY) * np.exp(_MINUTE_UNREST * unrest)
        daily = float(self._daily_spread(np.array([number], dtype=np.int64))[0])
        spread = daily / np.sqrt(MINUTES) * shape / np.exp(_MINUTE_UNREST**2)
        tails = np.exp(_TAIL * normals(self._stream("tail"), minutes) - _TAIL**2)
        jumps = np.where(uniforms(self._stream("jump"), minutes) < _JUMP_CHANCE, _JUMP, 1.0)
        steps = self._mixed("minute", minutes) * spread * tails * jumps
        variance = spread * spread
        steps += (end - start - steps.sum()) * variance / variance.sum()
        path = np.empty(MINUTES + 1)
        path[0], path[1:] = start, start + np.cumsum(steps)
        path[-1] = end
        return path, spread

    def _bars(
        self, number: int, path: Float64Array, spread: Float64Array
    ) -> tuple[Int64Array, Int64Array, Int64Array, Int64Array]:
        """Open, high, low and close of each minute, in units; high and low as of a walk between two known ends."""
        minutes = number * MINUTES + _ALL_MINUTES
        before, after = path[:-1], path[1:]
        middle, apart = (before + after) / 2.0, (after - before) ** 2
        variance = 2.0 * spread * spread
        up = np.sqrt(apart - variance * np.log(uniforms(self._stream("high"), minutes))) / 2.0
        down = np.sqrt(apart - variance * np.log(uniforms(self._stream("low"), minutes))) / 2.0
        ticks = [
            np.maximum(np.rint(np.exp(line) * UNITS / self.tick), 1.0).astype(np.int64)
            for line in (before, middle + up, middle - down, after)
        ]
        # The first trade of a minute is often a tick beside the last one of the minute before.
        beside = np.floor(3.0 * uniforms(self._stream("open"), minutes)).astype(np.int64) - 1
        opened, closed = np.maximum(ticks[0] + beside, 1), ticks[3]
        high = np.maximum(np.maximum(ticks[1], opened), closed)
        low = np.minimum(np.minimum(ticks[2], opened), closed)
        return opened * self.tick, high * self.tick, low * self.tick, closed * self.tick

    def _with_volume(self, number: int, spread: Float64Array, prices: tuple[Int64Array, ...]) -> Day:
        """Add what changed hands: more where the price moves, never nothing."""
        opened, high, low, closed = prices
        minutes = number * MINUTES + _ALL_MINUTES
        usual = self.traits.daily_volatility / np.sqrt(MINUTES)
        scatter = np.exp(0.7 * normals(self._stream("volume"), minutes) - 0.245)
        moved = np.abs(closed - opened) / opened
        typical = (high + low + closed) / (3.0 * UNITS)
        worth = self.traits.minute_volume * _BUSY * (spread / usual) * scatter * (0.6 + 0.5 * moved / usual)
        step = to_units(self.traits.step) / UNITS
        volume = np.round(np.maximum(np.rint(worth / typical / step), 1.0) * step, 8)
        quote = np.round(volume * typical, 8)
        share = 0.2 + 0.6 * uniforms(self._stream("taker"), minutes)
        taker = np.round(np.floor(volume * share / step) * step, 8)
        trades = 1 + np.floor(np.sqrt(volume / step)).astype(np.int64)
        return Day(
            minutes * _MINUTE_MS, opened, high, low, closed, volume, quote, trades, taker, np.round(taker * typical, 8)
        )


def day_number(time_ms: int) -> int:
    return time_ms // DAY_MS
