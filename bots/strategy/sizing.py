"""How much to buy: the notional that the mode wants, turned into whole lots (rule 5).

Rules that forbid trading are in risk.py; where to get out is in exits.py.
"""

from __future__ import annotations

from numba.extending import register_jitable

from bots.strategy.rounding import ceil_count, floor_count, reaches, whole_units
from bots.strategy.types import Funds, LotRules, RejectionReason, SizeMode, SizeParams, Sizing

UNITS = 100_000_000


@register_jitable
def notional_wanted(size: SizeParams, capital: float) -> float:
    """What the mode asks for, in quote, before any limit."""
    if size.position_size_mode == SizeMode.FIXED:
        return size.position_size_fixed
    if size.position_size_mode == SizeMode.PERCENT:
        return capital * size.position_size_perc
    return capital * size.risk_per_trade / size.stop_loss


@register_jitable
def lots_for(notional: float, rules: LotRules, price: float) -> int:
    """Whole lots that `notional` buys at `price`, not over the maximum; 0 where it buys none."""
    lots = notional / price / rules.step_size
    if lots >= rules.max_lots:  # compared before it becomes an integer, which may not hold it
        return rules.max_lots
    return max(floor_count(lots), 0)


@register_jitable
def lots_worth(notional: float, rules: LotRules, price: float) -> int:
    """The fewest whole lots worth at least `notional` at `price`; over the maximum where nothing allowed is."""
    lots = notional / price / rules.step_size
    if lots >= rules.max_lots:
        return rules.max_lots + 1
    return ceil_count(lots)


@register_jitable
def lots_after_fee(lots: int, step: int, fee: int) -> int:
    """Whole lots left of a purchase once its commission, rounded down to 1e-8, is taken. `step`, `fee` in 1e-8."""
    quantity = lots * step
    commission = quantity // UNITS * fee + quantity % UNITS * fee // UNITS
    return (quantity - commission) // step


@register_jitable
def lots_before_fee(lots: int, step: int, fee: int) -> int:
    """The smallest purchase that leaves at least `lots` after its commission. `step`, `fee` in 1e-8."""
    bought = floor_count(lots / (1.0 - fee / UNITS))
    while bought > lots and lots_after_fee(bought - 1, step, fee) >= lots:
        bought -= 1
    while lots_after_fee(bought, step, fee) < lots:
        bought += 1
    return bought


@register_jitable
def smallest_lots(rules: LotRules, price: float, fee_rate: float, stop_price: float) -> int:
    """The smallest quantity worth buying (rule 5.3): sellable even at the stop. `stop_price` 0 is no stop.

    At least one lot must be left after the fee, also where the symbol asks no minimum notional: less is dust, which
    no order can sell.
    """
    level = stop_price if stop_price > 0.0 else price
    worth = max(rules.min_lots, lots_worth(rules.min_notional, rules, price))
    kept = max(1, lots_worth(rules.min_notional, rules, level))
    if max(worth, kept) > rules.max_lots:
        return rules.max_lots + 1
    return max(worth, lots_before_fee(kept, whole_units(rules.step_size), whole_units(fee_rate)))


@register_jitable
def is_far_over_smallest(lots: int, rules: LotRules, price: float, fee_rate: float, stop_price: float) -> bool:
    """Whether `lots` are surely enough, so that nobody need know `smallest_lots` exactly: the common case, cheaply.

    A fee under a quarter asks for less than half as much again, plus a lot or two for the rounding.
    """
    level = min(price, stop_price) if stop_price > 0.0 else price
    worth = rules.min_notional / level / rules.step_size
    return fee_rate < 0.25 and lots > 2.0 * max(worth, rules.min_lots) + 4.0


@register_jitable
def entry_size(size: SizeParams, rules: LotRules, funds: Funds, stop_price: float) -> Sizing:
    """Return the whole lots to buy, or why none. `stop_price` is the stop in force as the entry fills (0: none)."""
    capital, ledger_quote, account_quote, price, fee_rate = funds
    free = min(ledger_quote, account_quote)
    lots = lots_for(min(notional_wanted(size, capital), capital, free), rules, price)
    if is_far_over_smallest(lots, rules, price, fee_rate, stop_price):
        return Sizing(lots, RejectionReason.OPEN)
    smallest = smallest_lots(rules, price, fee_rate, stop_price)
    if lots >= smallest:
        return Sizing(lots, RejectionReason.OPEN)
    if smallest > rules.max_lots:
        return Sizing(0, RejectionReason.BELOW_MIN_NOTIONAL)
    cost = smallest * rules.step_size * price
    if reaches(capital, cost) and reaches(free, cost):
        return Sizing(smallest, RejectionReason.OPEN)
    if not reaches(account_quote, cost):
        return Sizing(0, RejectionReason.INSUFFICIENT_BALANCE)
    return Sizing(0, RejectionReason.BELOW_MIN_NOTIONAL)
