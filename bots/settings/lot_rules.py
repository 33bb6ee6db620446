"""Convert a symbol's filters for the sizing of the live runner and the backtest (rule 5)."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from bots.strategy.types import LotRules
from exchange.api.types import SymbolRules

UNIT = Decimal("0.00000001")
LARGEST_UNITS = 2**63 - 1  # quantities are int64 multiples of 1e-8, on the exchange as here


def lot_rules(rules: SymbolRules) -> LotRules:
    """Merge LOT_SIZE and MARKET_LOT_SIZE: the larger step and minimum, the smaller maximum. 0 or None is no rule.

    Without a tick or step size the exchange's precision, 1e-8, is used. The minimum notional counts even if it does not
    apply to market orders: the stop and target that protect an entry must reach it.
    """
    step = max(rules.step_size or UNIT, rules.market_step_size or UNIT)
    smallest = max(rules.min_quantity or Decimal(0), rules.market_min_quantity or Decimal(0))
    maxima = [quantity for quantity in (rules.max_quantity, rules.market_max_quantity) if quantity]
    most = LARGEST_UNITS // int(step / UNIT)
    return LotRules(
        tick_size=float(rules.tick_size or UNIT),
        step_size=float(step),
        min_lots=max(1, int((smallest / step).to_integral_value(ROUND_CEILING))),
        max_lots=min([most, *(int((quantity / step).to_integral_value(ROUND_FLOOR)) for quantity in maxima)]),
        min_notional=float(rules.min_notional or 0),
    )
