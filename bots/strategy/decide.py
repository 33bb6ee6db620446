"""The one decision that the live runner and the backtest share: what to do about the bar that has just closed.

Pure: no clock, no database, no network. What it is told stands in its arguments; what it says is a `Decided`.
"""

from __future__ import annotations

from numba.extending import register_jitable

from bots.strategy.exits import force, opening_levels
from bots.strategy.risk import entry_gate
from bots.strategy.sizing import entry_size
from bots.strategy.types import (
    Action,
    Decided,
    EntryFacts,
    ExitParams,
    LotRules,
    RejectionReason,
    RiskParams,
    Signal,
    SizeParams,
    Sizing,
)


@register_jitable
def stop_as_entry_fills(exits: ExitParams, price: float, tick_size: float) -> float:
    """The price of the stop in force if an entry fills at `price`; 0 where there is none."""
    return force(opening_levels(exits, price, tick_size)) * tick_size


@register_jitable
def size_within_exposure(
    facts: EntryFacts,
    size: SizeParams,
    exits: ExitParams,
    rules: LotRules,
    capital: float,
    ledger_quote: float,
    account_quote: float,
    price: float,
    fee_rate: float,
) -> Sizing:
    """Rule 5's answer, unless the exposure allowed has no room for it (gate 10)."""
    stop_price = stop_as_entry_fills(exits, price, rules.tick_size)
    sizing = entry_size(size, rules, capital, ledger_quote, account_quote, price, fee_rate, stop_price)
    if facts.exposure_room <= 0.0 or sizing.lots * rules.step_size * price > facts.exposure_room:
        return Sizing(0, RejectionReason.EXPOSURE_LIMIT)
    return sizing


@register_jitable
def decide(
    signal: int,
    position_lots: int,
    facts: EntryFacts,
    risk: RiskParams,
    size: SizeParams,
    exits: ExitParams,
    rules: LotRules,
    capital: float,
    ledger_quote: float,
    account_quote: float,
    price: float,
    fee_rate: float,
) -> Decided:
    """What to do about one bar.

    `signal` is the strategy's for that bar, `position_lots` what is held at its close in whole lots, `price` what a
    market buy would pay. BUY while flat passes gates, size and exposure; SELL while long sells everything; a BUY
    while long and a SELL while flat are seen and do nothing (rule 3).
    """
    if position_lots > 0:
        if signal == Signal.SELL:
            return Decided(Action.EXIT, position_lots, RejectionReason.OPEN)
        return Decided(Action.HOLD, 0, RejectionReason.OPEN)
    if signal != Signal.BUY:
        return Decided(Action.WAIT, 0, RejectionReason.OPEN)
    gate = entry_gate(risk, facts)
    if gate != RejectionReason.OPEN:
        return Decided(Action.REFUSED, 0, gate)
    sizing = size_within_exposure(facts, size, exits, rules, capital, ledger_quote, account_quote, price, fee_rate)
    if sizing.gate != RejectionReason.OPEN:
        return Decided(Action.REFUSED, 0, sizing.gate)
    return Decided(Action.ENTER, sizing.lots, RejectionReason.OPEN)
