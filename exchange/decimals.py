"""Decimals as the exchange wants them: plain digits, and whole multiples of a step.

Amounts and prices in units of 1e-8 are in fills.py; the rules that ask for a step are in filters.py.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_UP, Context, Decimal

# Wide enough that no price, quantity or product of two is ever rounded by the arithmetic itself.
_EXACT = Context(prec=60)


def plain(value: Decimal) -> str:
    """Digits without an exponent and without needless zeros: Decimal('1E-7') is '0.0000001', Decimal('5.00') is '5'."""
    if not value.is_finite():
        raise ValueError(f"{value} is not a number that an exchange can read")
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def floor_to_step(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` not over `value`, for values from 0 up."""
    return _EXACT.multiply((_EXACT.divide(value, step)).to_integral_value(rounding=ROUND_DOWN), step)


def ceil_to_step(value: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of `step` not under `value`, for values from 0 up."""
    return _EXACT.multiply((_EXACT.divide(value, step)).to_integral_value(rounding=ROUND_UP), step)


def is_multiple(value: Decimal, step: Decimal) -> bool:
    return _EXACT.remainder(value, step) == 0


def times(left: Decimal, right: Decimal) -> Decimal:
    """The exact product, whatever the thread's decimal context says."""
    return _EXACT.multiply(left, right)
