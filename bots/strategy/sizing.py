"""Size entries: the notional of the mode in whole lots (rule 5).

Gates are in risk.py, exit levels in exits.py.
"""

from __future__ import annotations

from numba.extending import register_jitable

from bots.strategy.rounding import ceil_count, floor_count, reaches, whole_units
from bots.strategy.types import Funds, LotRules, RejectionReason, SizeMode, SizeParams, Sizing

UNITS = 100_000_000


@register_jitable
def target_notional(size: SizeParams, capital: float) -> float:
    """Return the notional of the mode in quote, before any limit."""
    if size.position_size_mode == SizeMode.FIXED:
        return size.position_size_fixed
    if size.position_size_mode == SizeMode.PERCENT:
        return capital * size.position_size_perc
    return capital * size.risk_per_trade / size.stop_loss


@register_jitable
def lots_for(notional: float, rules: LotRules, price: float) -> int:
    """Return the whole lots that `notional` buys at `price`, at most the maximum; 0 if it buys none."""
    lots = notional / price / rules.step_size
    if lots >= rules.max_lots:  # compared as a float, because an int64 may overflow
        return rules.max_lots
    return max(floor_count(lots), 0)


@register_jitable
def lots_worth(notional: float, rules: LotRules, price: float) -> int:
    """Return the fewest lots worth at least `notional` at `price`; over the maximum if no allowed size is."""
    lots = notional / price / rules.step_size
    if lots >= rules.max_lots:
        return rules.max_lots + 1
    return ceil_count(lots)


@register_jitable
def lots_after_fee(lots: int, step: int, fee: int) -> int:
    """Return the whole lots left after the commission, rounded down to 1e-8. `step`, `fee` in 1e-8."""
    quantity = lots * step
    commission = quantity // UNITS * fee + quantity % UNITS * fee // UNITS
    return (quantity - commission) // step


@register_jitable
def lots_before_fee(lots: int, step: int, fee: int) -> int:
    """Return the smallest purchase that leaves at least `lots` after its commission. `step`, `fee` in 1e-8."""
    bought = floor_count(lots / (1.0 - fee / UNITS))
    while bought > lots and lots_after_fee(bought - 1, step, fee) >= lots:
        bought -= 1
    while lots_after_fee(bought, step, fee) < lots:
        bought += 1
    return bought


@register_jitable
def smallest_lots(rules: LotRules, price: float, fee_rate: float, stop_price: float) -> int:
    """Return the smallest quantity that can be sold even at the stop (rule 5.3). `stop_price` 0 is no stop.

    At least one lot must be left after the fee, even without a minimum notional: no order can sell less.
    """
    level = stop_price if stop_price > 0.0 else price
    worth = max(rules.min_lots, lots_worth(rules.min_notional, rules, price))
    sellable = max(1, lots_worth(rules.min_notional, rules, level))
    if max(worth, sellable) > rules.max_lots:
        return rules.max_lots + 1
    return max(worth, lots_before_fee(sellable, whole_units(rules.step_size), whole_units(fee_rate)))


@register_jitable
def is_far_over_smallest(lots: int, rules: LotRules, price: float, fee_rate: float, stop_price: float) -> bool:
    """Return True if `lots` are surely more than `smallest_lots`, a cheap check for the common case.

    A fee under a quarter needs less than half as much again, plus a lot or two for the rounding.
    """
    level = min(price, stop_price) if stop_price > 0.0 else price
    worth = rules.min_notional / level / rules.step_size
    return fee_rate < 0.25 and lots > 2.0 * max(worth, rules.min_lots) + 4.0


@register_jitable
def entry_size(size: SizeParams, rules: LotRules, funds: Funds, stop_price: float) -> Sizing:
    """Return the whole lots to buy, or why none. `stop_price` is the stop in force at the fill (0: none)."""
    capital, ledger_quote, account_quote, price, fee_rate = funds
    free = min(ledger_quote, account_quote)
    lots = lots_for(min(target_notional(size, capital), capital, free), rules, price)
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
