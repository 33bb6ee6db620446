"""The gates of rule 6 that reject entries, in order. Exits are never gated.

Size and its reasons are in sizing.py.
"""

from __future__ import annotations

from numba.extending import register_jitable

from bots.strategy.rounding import reaches
from bots.strategy.types import EntryFacts, RejectionReason, RiskParams


@register_jitable
def _daily_gate(risk: RiskParams, facts: EntryFacts) -> RejectionReason:
    """Check gates 5 to 7. A limit that is off is NaN, and every comparison with NaN is False."""
    if facts.entries_today >= risk.max_daily_trades:
        return RejectionReason.DAILY_TRADE_LIMIT
    if reaches(-facts.net_pnl_today, risk.max_daily_loss * facts.capital_at_day_start):
        return RejectionReason.DAILY_LOSS_LIMIT
    if reaches(facts.net_pnl_today, risk.daily_profit_target * facts.capital_at_day_start):
        return RejectionReason.DAILY_PROFIT_TARGET
    return RejectionReason.OPEN


@register_jitable
def entry_gate(risk: RiskParams, facts: EntryFacts) -> RejectionReason:
    """Return the first of gates 1 to 9 that rejects, or OPEN. Exposure is checked once the size is known."""
    if facts.is_halted:
        return RejectionReason.HALTED
    if facts.is_outside_schedule:
        return RejectionReason.OUTSIDE_SCHEDULE
    if facts.is_stale:
        return RejectionReason.STALE_SIGNAL
    if facts.bars_since_exit < risk.cooldown_bars:
        return RejectionReason.COOLDOWN
    daily = _daily_gate(risk, facts)
    if daily != RejectionReason.OPEN:
        return daily
    if facts.drawdown_reached:
        return RejectionReason.MAX_DRAWDOWN
    if not facts.has_order_room:
        return RejectionReason.ORDER_LIMIT
    return RejectionReason.OPEN


@register_jitable
def drawdown_reached(peak: float, equity: float, max_drawdown: float) -> bool:
    """Return True if equity has fallen from its peak by at least `max_drawdown`, a fraction (off: never)."""
    return reaches(peak - equity, max_drawdown * peak)
