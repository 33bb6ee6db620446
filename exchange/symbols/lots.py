"""Round decimals to whole multiples of a step, as the exchange wants them.

Amounts and prices in units of 1e-8 are in fills.py; the rules that ask for a step are in filters.py.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_UP, Context, Decimal

# Wide enough that no price, quantity or product of two is ever rounded by the arithmetic itself.
_EXACT = Context(prec=60)


def floor_to_step(value: Decimal, step: Decimal) -> Decimal:
    """Return the largest multiple of `step` not over `value`, for values from 0 up."""
    return _EXACT.multiply((_EXACT.divide(value, step)).to_integral_value(rounding=ROUND_DOWN), step)


def ceil_to_step(value: Decimal, step: Decimal) -> Decimal:
    """Return the smallest multiple of `step` not under `value`, for values from 0 up."""
    return _EXACT.multiply((_EXACT.divide(value, step)).to_integral_value(rounding=ROUND_UP), step)


def is_multiple(value: Decimal, step: Decimal) -> bool:
    return _EXACT.remainder(value, step) == 0


def times(left: Decimal, right: Decimal) -> Decimal:
    """Return the exact product, whatever the thread's decimal context says."""
    return _EXACT.multiply(left, right)
