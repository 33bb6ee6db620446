"""How a position ends: by a level that a bar meets, or at the open after a SELL (rule 8). Part of the bar loop.

Only bars near a level meet the exact rules; what is far from all of them is passed over in floats.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from backtests.engine.buffers import UNIT, Series, Setup, price_units
from bots.strategy.exits import force, opening_levels, stop_reason, trail_level
from bots.strategy.types import ExitParams, ExitReason, Levels
from exchange.fills import bid_price

ABOUT = 1e-9  # relative: far more than floats can be off, and so few bars that asking the exact rules costs nothing


class Sale(NamedTuple):
    """How a bar ends a position: price in units, and why; NONE where it does not."""

    price: int
    reason: ExitReason
    is_maker: bool


@register_jitable
def sale_at_open(open_: int, rest: Levels, now: Levels, wants_exit: bool, slippage: int, tick: int) -> Sale:
    """Rule 8.1 to 8.4: what the open itself does to a position of an earlier bar."""
    if force(rest) > 0 and open_ <= force(rest) * tick:
        return Sale(bid_price(open_, slippage, tick), stop_reason(rest), False)
    if now.target > 0 and open_ >= now.target * tick:
        return Sale(now.target * tick, ExitReason.TAKE_PROFIT, True)
    if wants_exit:
        return Sale(bid_price(open_, slippage, tick), ExitReason.SIGNAL, False)
    return Sale(0, ExitReason.NONE, False)


@register_jitable
def sale_in_bar(open_: int, high: int, low: int, now: Levels, slippage: int, tick: int) -> Sale:
    """Rule 8.4 to 8.6: what a bar does to a position held since its open or bought at it."""
    stop = force(now) * tick
    if stop > 0 and open_ <= stop:
        return Sale(bid_price(open_, slippage, tick), stop_reason(now), False)
    if stop > 0 and low <= stop:
        return Sale(bid_price(stop, slippage, tick), stop_reason(now), False)
    if now.target > 0 and high >= now.target * tick:
        return Sale(now.target * tick, ExitReason.TAKE_PROFIT, True)
    return Sale(0, ExitReason.NONE, False)


class Watch(NamedTuple):
    """What a held position's bars are watched for, as floats a little inside the exact levels.

    `kept` is the share of the highest price that the trail keeps; 0 where nothing trails.
    """

    stop: float
    target: float
    kept: float


@register_jitable
def watch_for(levels: Levels, exits: ExitParams, tick_size: float) -> Watch:
    """The watch over an entry's levels."""
    return Watch(
        levels.stop * tick_size * (1.0 + ABOUT) + UNIT if levels.stop > 0 else -math.inf,
        levels.target * tick_size * (1.0 - ABOUT) - UNIT if levels.target > 0 else math.inf,
        (1.0 - exits.trailing_stop) * (1.0 + ABOUT) if exits.trailing_stop > 0.0 else 0.0,
    )


@register_jitable
def near_bar(
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    bar: int,
    stop: int,
    watch: Watch,
    highest: float,
    before: float,
) -> tuple[int, float, float]:
    """The first bar from `bar` on that comes near a level; `stop` where none does.

    With it, the highest price that the levels stand on as that bar opens, and as the bar before it did.
    """
    near = max(watch.stop, highest * watch.kept + UNIT)
    while bar < stop and low[bar] > near and high[bar] < watch.target:
        before = highest
        if watch.kept > 0.0 and high[bar] > highest:
            highest = high[bar]
            near = max(watch.stop, highest * watch.kept + UNIT)
        bar += 1
    return bar, highest, before


@register_jitable
def way_out(series: Series, entry: int, due: int, end: int, price: float, setup: Setup) -> tuple[int, Sale]:
    """The bar that ends a position bought at `price` at the open of bar `entry`, and how; `end` where none does.

    `due` is the bar at whose open a signal sells it (`end`: none does). Only bars near a level meet the exact rules.
    """
    exits, tick_size = setup.settings.exits, setup.rules.tick_size
    highest = before = price
    fixed = opening_levels(exits, highest, tick_size)
    watch = watch_for(fixed, exits, tick_size)
    bar = entry
    while bar < end:
        bar, highest, before = near_bar(series.high, series.low, bar, due, watch, highest, before)
        if bar >= end:
            break
        open_ = price_units(series.open[bar])
        now = Levels(fixed.stop, fixed.target, trail_level(exits, highest, tick_size))
        sale = Sale(0, ExitReason.NONE, False)
        if bar > entry:
            rest = Levels(fixed.stop, fixed.target, trail_level(exits, before, tick_size))
            sale = sale_at_open(open_, rest, now, bar == due, setup.slippage, setup.tick)
        if sale.reason == ExitReason.NONE:
            high, low = price_units(series.high[bar]), price_units(series.low[bar])
            sale = sale_in_bar(open_, high, low, now, setup.slippage, setup.tick)
        if sale.reason != ExitReason.NONE:
            return bar, sale
        before = highest
        if watch.kept > 0.0:
            highest = max(highest, series.high[bar])
        bar += 1
    return end, Sale(0, ExitReason.NONE, False)


@register_jitable
def sale_on_signal(opens: NDArray[np.float64], due: int, end: int, setup: Setup) -> Sale:
    """What a signal gets at the open of bar `due`, where nothing else can sell; none where the bars `end` before."""
    if due >= end:
        return Sale(0, ExitReason.NONE, False)
    nothing = Levels(0, 0, 0)
    return sale_at_open(price_units(opens[due]), nothing, nothing, True, setup.slippage, setup.tick)
