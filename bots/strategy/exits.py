"""Exit levels of a position: stop, target and trail in whole ticks (rule 8).

Signal exits are in decide.py.
"""

from __future__ import annotations

from numba.extending import register_jitable

from bots.strategy.rounding import floor_count
from bots.strategy.types import ExitParams, ExitReason, Levels


@register_jitable
def level_below(price: float, fraction: float, tick_size: float) -> int:
    """Return `price * (1 - fraction)` in whole ticks, rounded down; 0 where the fraction is off."""
    if fraction > 0.0:
        return floor_count(price * (1.0 - fraction) / tick_size)
    return 0


@register_jitable
def trail_level(exits: ExitParams, highest: float, tick_size: float) -> int:
    """Return the trailing stop under `highest`: the entry price, or a higher high of the bars completed since."""
    return level_below(highest, exits.trailing_stop, tick_size)


@register_jitable
def opening_levels(exits: ExitParams, entry_price: float, tick_size: float) -> Levels:
    """Return the levels in force from the entry's fill on; `entry_price` is its average fill price."""
    target = 0
    if exits.take_profit > 0.0:
        target = floor_count(entry_price * (1.0 + exits.take_profit) / tick_size)
    return Levels(
        level_below(entry_price, exits.stop_loss, tick_size), target, trail_level(exits, entry_price, tick_size)
    )


@register_jitable
def active_stop(levels: Levels) -> int:
    """Return the stop in force, in ticks: the larger of stop and trail; 0 without either."""
    return max(levels.stop, levels.trail)


@register_jitable
def stop_reason(levels: Levels) -> ExitReason:
    """Return the exit reason of a sale at the stop in force."""
    if levels.trail > levels.stop:
        return ExitReason.TRAILING_STOP
    return ExitReason.STOP_LOSS
