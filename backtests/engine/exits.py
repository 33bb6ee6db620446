"""Exits of a position within the bar loop: at a stop, a target or a trailing stop, or on a SELL signal (rule 8).

Only bars near a level are put to the exact rules; bars far from all of them are skipped by comparing floats.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from backtests.engine.buffers import UNIT, EngineSettings, PriceArrays, price_units
from bots.strategy.exits import active_stop, opening_levels, stop_reason, trail_level
from bots.strategy.types import ExitParams, ExitReason, Levels
from exchange.fills import bid_price

MARGIN = 1e-9  # relative: far more than floats can be off, and so few bars that asking the exact rules costs nothing


class ExitFill(NamedTuple):
    """The fill that ends a position: price in units and reason; the reason is NONE where the bar does not end it."""

    price: int
    reason: ExitReason
    is_maker: bool


@register_jitable
def exit_at_open(open_: int, resting: Levels, current: Levels, wants_exit: bool, slippage: int, tick: int) -> ExitFill:
    """Return the exit at the bar's open of a position from an earlier bar, if any (rules 8.1 to 8.4).

    `resting` are the levels that rested while the bar opened, `current` those that hold in it.
    """
    if active_stop(resting) > 0 and open_ <= active_stop(resting) * tick:
        return ExitFill(bid_price(open_, slippage, tick), stop_reason(resting), False)
    if current.target > 0 and open_ >= current.target * tick:
        return ExitFill(current.target * tick, ExitReason.TAKE_PROFIT, True)
    if wants_exit:
        return ExitFill(bid_price(open_, slippage, tick), ExitReason.SIGNAL, False)
    return ExitFill(0, ExitReason.NONE, False)


@register_jitable
def exit_in_bar(open_: int, high: int, low: int, current: Levels, slippage: int, tick: int) -> ExitFill:
    """Return the exit within the bar, if any (rules 8.4 to 8.6), of a position held since its open."""
    stop = active_stop(current) * tick
    if stop > 0 and open_ <= stop:
        return ExitFill(bid_price(open_, slippage, tick), stop_reason(current), False)
    if stop > 0 and low <= stop:
        return ExitFill(bid_price(stop, slippage, tick), stop_reason(current), False)
    if current.target > 0 and high >= current.target * tick:
        return ExitFill(current.target * tick, ExitReason.TAKE_PROFIT, True)
    return ExitFill(0, ExitReason.NONE, False)


class NearLevels(NamedTuple):
    """Prices a little inside the exact levels, as floats. A bar that stays between them cannot end the position.

    `trail_ratio` is the trailing stop over the highest price; 0 where nothing trails.
    """

    stop: float
    target: float
    trail_ratio: float


@register_jitable
def near_levels(levels: Levels, exits: ExitParams, tick_size: float) -> NearLevels:
    """Return the near levels of an entry's exact levels."""
    return NearLevels(
        levels.stop * tick_size * (1.0 + MARGIN) + UNIT if levels.stop > 0 else -math.inf,
        levels.target * tick_size * (1.0 - MARGIN) - UNIT if levels.target > 0 else math.inf,
        (1.0 - exits.trailing_stop) * (1.0 + MARGIN) if exits.trailing_stop > 0.0 else 0.0,
    )


@register_jitable
def first_bar_near(
    series: PriceArrays, bar: int, stop: int, near: NearLevels, highest: float, before: float
) -> tuple[int, float, float]:
    """Return the first bar from `bar` on that comes near a level, or `stop` if none does.

    Also return the highest price that counts as that bar opens, and the one that counted a bar earlier.
    """
    high, low = series.high, series.low
    threshold = max(near.stop, highest * near.trail_ratio + UNIT)
    while bar < stop and low[bar] > threshold and high[bar] < near.target:
        before = highest
        if near.trail_ratio > 0.0 and high[bar] > highest:
            highest = high[bar]
            threshold = max(near.stop, highest * near.trail_ratio + UNIT)
        bar += 1
    return bar, highest, before


@register_jitable
def find_exit(
    series: PriceArrays, entry: int, signal_bar: int, end: int, price: float, settings: EngineSettings
) -> tuple[int, ExitFill]:
    """Return the bar that ends a position and its fill; `end` if none does.

    The position was bought at `price` at the open of bar `entry`. A signal sells it at the open of `signal_bar` (`end`:
    no signal does). Only bars near a level are put to the exact rules.
    """
    exits, tick_size = settings.rule_settings.exits, settings.rules.tick_size
    highest = before = price
    fixed = opening_levels(exits, highest, tick_size)
    near = near_levels(fixed, exits, tick_size)
    bar = entry
    while bar < end:
        bar, highest, before = first_bar_near(series, bar, signal_bar, near, highest, before)
        if bar >= end:
            break
        open_ = price_units(series.open[bar])
        current = Levels(fixed.stop, fixed.target, trail_level(exits, highest, tick_size))
        fill = ExitFill(0, ExitReason.NONE, False)
        if bar > entry:
            resting = Levels(fixed.stop, fixed.target, trail_level(exits, before, tick_size))
            fill = exit_at_open(open_, resting, current, bar == signal_bar, settings.slippage, settings.tick)
        if fill.reason == ExitReason.NONE:
            high, low = price_units(series.high[bar]), price_units(series.low[bar])
            fill = exit_in_bar(open_, high, low, current, settings.slippage, settings.tick)
        if fill.reason != ExitReason.NONE:
            return bar, fill
        before = highest
        if near.trail_ratio > 0.0:
            highest = max(highest, series.high[bar])
        bar += 1
    return end, ExitFill(0, ExitReason.NONE, False)


@register_jitable
def exit_on_signal(opens: NDArray[np.float64], signal_bar: int, end: int, settings: EngineSettings) -> ExitFill:
    """Return the exit at the open of `signal_bar` where no level can sell; none if the bars `end` before."""
    if signal_bar >= end:
        return ExitFill(0, ExitReason.NONE, False)
    nothing = Levels(0, 0, 0)
    return exit_at_open(price_units(opens[signal_bar]), nothing, nothing, True, settings.slippage, settings.tick)
