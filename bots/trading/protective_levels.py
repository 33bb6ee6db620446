"""Protective levels of a position and the orders that place them (rule 8)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from bots.models import BotConfig, Purpose, Trade
from bots.settings.engine import rule_settings
from bots.strategy.exits import active_stop, opening_levels, stop_reason, trail_level
from bots.strategy.types import ExitReason, Levels
from bots.trading.orders import Draft
from exchange.api.types import Klines, OrderType, Side, SymbolRules

REASON_NAMES = {ExitReason.STOP_LOSS: Trade.Reason.STOP_LOSS, ExitReason.TRAILING_STOP: Trade.Reason.TRAILING_STOP}


@dataclass(frozen=True, slots=True)
class Protection:
    """Hold the stop in force and the target of an open trade; None for none."""

    stop_price: Decimal | None
    target_price: Decimal | None
    stop_reason: str
    highest: Decimal

    @property
    def exists(self) -> bool:
        return self.stop_price is not None or self.target_price is not None

    @property
    def stops(self) -> list[Decimal]:
        return [] if self.stop_price is None else [self.stop_price]

    @property
    def targets(self) -> list[Decimal]:
        return [] if self.target_price is None else [self.target_price]

    def drafts(self, quantity: Decimal, rules: SymbolRules, limit_distance: Decimal) -> list[Draft]:
        """Return the orders for these levels: one, or the two legs of an OCO."""
        drafts = []
        if self.stop_price is not None:
            drafts.append(_stop_draft(self.stop_price, self.stop_reason, quantity, rules, limit_distance))
        if self.target_price is not None:
            drafts.append(
                Draft(
                    Purpose.TARGET,
                    Side.SELL,
                    OrderType.LIMIT_MAKER,
                    quantity,
                    exit_reason=Trade.Reason.TAKE_PROFIT,
                    limit_price=self.target_price,
                )
            )
        return drafts


def _stop_draft(
    stop_price: Decimal, reason: str, quantity: Decimal, rules: SymbolRules, limit_distance: Decimal
) -> Draft:
    """Return a STOP_LOSS, which sells at market on trigger; for symbols without it, a stop-limit below."""
    if not rules.order_types or OrderType.STOP_LOSS in rules.order_types:
        kind, limit_price = OrderType.STOP_LOSS, None
    else:
        tick = rules.tick_size or Decimal("0.00000001")
        kind, limit_price = OrderType.STOP_LOSS_LIMIT, stop_price * (1 - limit_distance) // tick * tick
    return Draft(
        Purpose.STOP, Side.SELL, kind, quantity, exit_reason=reason, stop_price=stop_price, limit_price=limit_price
    )


def protection_of(bot: BotConfig, trade: Trade, candles: Klines, rules: SymbolRules) -> Protection:
    """Return the protection of an open trade (rule 8) from the closed bars up to now. A stop never moves down."""
    tick = rules.tick_size or Decimal("0.00000001")
    exits = rule_settings(bot).exits
    entry_price = float(trade.entry_price)
    highest = max(entry_price, float(trade.highest_price or 0), _highest_since(trade, candles))
    opening = opening_levels(exits, entry_price, float(tick))
    levels = Levels(opening.stop, opening.target, trail_level(exits, highest, float(tick)))
    stop = active_stop(levels) * tick
    if trade.stop_price is not None and trade.stop_price > stop > 0:
        stop = trade.stop_price
    return Protection(
        stop_price=stop if stop > 0 else None,
        target_price=levels.target * tick if levels.target > 0 else None,
        stop_reason=REASON_NAMES[ExitReason(stop_reason(levels))],
        highest=Decimal(str(highest)).quantize(Decimal("1e-8")),
    )


def _highest_since(trade: Trade, candles: Klines) -> float:
    """Return the highest high of the bars completed since the entry, its own bar included; 0 without one."""
    opened_ms = int(trade.opened_at.timestamp() * 1000)
    first = max(int(np.searchsorted(candles.open_time, opened_ms, side="right")) - 1, 0)
    if first >= len(candles) or opened_ms > candles.close_time_ms(len(candles) - 1):
        return 0.0
    return float(candles.high[first:].max())
