"""Stops, targets and trails of trades bar by bar, and the cost of slippage. Pure.

The engine stores neither. Both follow from its trades, the candles and the step functions that it used itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backtests.engine.result import ClosedTrade
from bots.strategy.exits import active_stop, opening_levels, trail_level
from bots.strategy.types import Candles, ExitParams, Levels


@dataclass(frozen=True, slots=True)
class ExitLevels:
    """The exits of a run, on its candles. `tick` is the tick size."""

    candles: Candles
    exits: ExitParams
    tick: float

    def at(self, entry: int, row: int, entry_price: float) -> Levels:
        """Return the levels in force during bar `row` of a position bought in bar `entry` (rule 8)."""
        levels = opening_levels(self.exits, entry_price, self.tick)
        if row == entry or not self.exits.trailing_stop > 0.0:
            return levels
        highest = max(entry_price, float(self.candles.high[entry:row].max()))
        return Levels(levels.stop, levels.target, trail_level(self.exits, highest, self.tick))

    def during(self, entry: int, first: int, last: int, entry_price: float) -> Iterator[tuple[int, float, float]]:
        """Yield (row, active stop, target) for the bars `first` to `last` of a position; 0 for none."""
        levels = self.at(entry, first, entry_price)
        highest = max(entry_price, float(self.candles.high[entry:first].max())) if first > entry else entry_price
        for row in range(first, last + 1):
            yield row, active_stop(levels) * self.tick, levels.target * self.tick
            if self.exits.trailing_stop > 0.0 and self.candles.high[row] > highest:
                highest = float(self.candles.high[row])
                levels = Levels(levels.stop, levels.target, trail_level(self.exits, highest, self.tick))

    def unslipped_exit(self, entry: int, row: int, entry_price: float, reason: str) -> float:
        """Return the price that an exit in bar `row` would have had without slippage (rules 7 and 8)."""
        open_ = float(self.candles.open[row])
        if reason == "signal":
            return open_
        stop = active_stop(self.at(entry, row, entry_price)) * self.tick
        return open_ if open_ <= stop else stop


def slippage_costs(trades: tuple[ClosedTrade, ...], exit_levels: ExitLevels, fee_rate: float) -> NDArray[np.float64]:
    """Return what slippage cost each closed trade, entry and exit together, in quote."""
    times = exit_levels.candles.open_time
    entries = np.searchsorted(times, [trade.entry_time for trade in trades])
    exits = np.searchsorted(times, [trade.exit_time for trade in trades])
    lost = np.zeros(len(trades))
    for number, (trade, entry, row) in enumerate(zip(trades, entries.tolist(), exits.tolist(), strict=True)):
        price, quantity = float(trade.entry_price), float(trade.quantity)
        lost[number] = (price - exit_levels.candles.open[entry]) * quantity
        if trade.exit_reason != "take_profit":  # a resting target gets its own price
            unslipped = exit_levels.unslipped_exit(entry, row, price, trade.exit_reason)
            lost[number] += (unslipped - float(trade.exit_price)) * _sold(trade, fee_rate)
    return lost


def _sold(trade: ClosedTrade, fee_rate: float) -> float:
    """Return the quantity that a trade sold, from its money: the entry's fee and dust change it."""
    cost = float(trade.entry_price) * float(trade.quantity)
    exit_fee = float(trade.fees) - cost * fee_rate
    return (float(trade.net_pnl) + cost + exit_fee) / float(trade.exit_price)
