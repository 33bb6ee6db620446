"""Decide what to do about the bar that has just closed: the one decision of the live tick and the backtest.

Pure: no clock, no database, no network.
"""

from __future__ import annotations

from numba.extending import register_jitable

from bots.strategy.exits import active_stop, opening_levels
from bots.strategy.risk import entry_gate
from bots.strategy.sizing import entry_size
from bots.strategy.types import (
    Decided,
    EntryFacts,
    ExitParams,
    Funds,
    LotRules,
    RejectionReason,
    RuleSettings,
    Signal,
    Sizing,
    StrategyAction,
)


@register_jitable
def stop_as_entry_fills(exits: ExitParams, price: float, tick_size: float) -> float:
    """Return the price of the stop in force if an entry fills at `price`; 0 without one."""
    return active_stop(opening_levels(exits, price, tick_size)) * tick_size


@register_jitable
def size_within_exposure(facts: EntryFacts, settings: RuleSettings, rules: LotRules, funds: Funds) -> Sizing:
    """Size the entry by rule 5, and refuse what the allowed exposure has no room for (gate 10)."""
    stop_price = stop_as_entry_fills(settings.exits, funds.price, rules.tick_size)
    sizing = entry_size(settings.size, rules, funds, stop_price)
    if facts.exposure_room <= 0.0 or sizing.lots * rules.step_size * funds.price > facts.exposure_room:
        return Sizing(0, RejectionReason.EXPOSURE_LIMIT)
    return sizing


@register_jitable
def decide(
    signal: int,
    position_lots: int,
    facts: EntryFacts,
    settings: RuleSettings,
    rules: LotRules,
    funds: Funds,
) -> Decided:
    """Decide what to do about one bar.

    `signal` is the strategy's for that bar, `position_lots` the position at its close in whole lots. A BUY while flat
    passes gates, size and exposure. A SELL while long sells everything. A BUY while long and a SELL while flat do
    nothing (rule 3).
    """
    if position_lots > 0:
        if signal == Signal.SELL:
            return Decided(StrategyAction.EXIT, position_lots, RejectionReason.OPEN)
        return Decided(StrategyAction.HOLD, 0, RejectionReason.OPEN)
    if signal != Signal.BUY:
        return Decided(StrategyAction.WAIT, 0, RejectionReason.OPEN)
    gate = entry_gate(settings.risk, facts)
    if gate != RejectionReason.OPEN:
        return Decided(StrategyAction.REFUSED, 0, gate)
    sizing = size_within_exposure(facts, settings, rules, funds)
    if sizing.gate != RejectionReason.OPEN:
        return Decided(StrategyAction.REFUSED, 0, sizing.gate)
    return Decided(StrategyAction.ENTER, sizing.lots, RejectionReason.OPEN)
