"""A bot's ledger and equity at a market time (rules 1 and 4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bots.models import BotState, Fill, Trade
from bots.strategy.risk import drawdown_reached
from core.sql import find
from core.times import to_datetime
from exchange.api.types import Klines, Side, SymbolRules


@dataclass(frozen=True, slots=True)
class BotLedger:
    """Hold a bot's quote and base now, and later fills as (time, quote change, base change), to look back."""

    quote: Decimal
    base: Decimal
    later: tuple[tuple[datetime, Decimal, Decimal], ...] = ()

    def at(self, time: datetime) -> tuple[Decimal, Decimal]:
        """Return (quote, base) at that time."""
        quote, base = self.quote, self.base
        for filled_at, quote_change, base_change in self.later:
            if filled_at > time:
                quote, base = quote - quote_change, base - base_change
        return quote, base

    def equity(self, time: datetime, close: float) -> float:
        quote, base = self.at(time)
        return float(quote) + float(base) * close


def ledger_since(state: BotState, since: datetime, rules: SymbolRules, latest: Trade | None) -> BotLedger:
    """Return the bot's ledger for any time from `since` on. `latest` is the bot's newest trade."""
    if latest is None or (latest.closed_at is not None and latest.closed_at <= since):
        return BotLedger(state.quote, state.base)
    later = []
    for fill in find(Fill, "WHERE bot_id = %s AND filled_at > %s", [state.bot_id, since]):
        sign = 1 if fill.side == Side.BUY else -1
        quote, base = -sign * fill.quote_quantity, sign * fill.quantity
        if fill.commission_asset == rules.base:
            base -= fill.commission
        elif fill.commission_asset == rules.quote:
            quote -= fill.commission
        later.append((fill.filled_at, quote, base))
    return BotLedger(state.quote, state.base, tuple(later))


@dataclass(frozen=True, slots=True)
class EquityPath:
    """Hold equity at the newest close, its peak, and when the drawdown limit was reached, if ever."""

    equity: float
    peak: float
    drawdown_reached_at: datetime | None


def follow_equity(
    state: BotState, ledger: BotLedger, klines: Klines, first_new: int, max_drawdown: float
) -> EquityPath:
    """Return the equity after every bar since the last decision; gate 8 checks each of them."""
    equity, peak, reached_at = state.equity, state.peak_equity, state.drawdown_reached_at
    for index in range(first_new, len(klines)):
        closed_at = to_datetime(klines.close_time_ms(index))
        equity = ledger.equity(closed_at, float(klines.close[index]))
        peak = max(peak, equity)
        if reached_at is None and drawdown_reached(peak, equity, max_drawdown):
            reached_at = closed_at
    return EquityPath(equity, peak, reached_at)
