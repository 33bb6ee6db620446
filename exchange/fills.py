"""Compute what an order costs when it meets the market, for the paper exchange and the backtest engine alike.

Everything is a whole number of *units*, 1e-8 of an asset or a price (the exchange's own precision), so that
comparisons at a level are exact and both sides round alike. Plain Python runs these with unbounded integers;
numba compiles the very same source to int64 (safe while a result fits 9.2e18 units, 9.2e10 of an asset).
Rules: TRADING_RULES 7, 8 and 10.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

from numba.extending import register_jitable

UNITS = 100_000_000
BPS = 10_000


def to_units(value: Decimal) -> int:
    """Convert a Decimal to whole units of 1e-8, rounding down."""
    return int(value.scaleb(8).to_integral_value(rounding=ROUND_DOWN))


def from_units(units: int) -> Decimal:
    """Convert whole units of 1e-8 to an exact Decimal."""
    return Decimal(int(units)).scaleb(-8)


@register_jitable
def mul_units(a: int, b: int) -> int:
    """Multiply two amounts in units, rounding down; split so that int64 holds every part."""
    a_whole, a_rest = a // UNITS, a % UNITS
    b_whole, b_rest = b // UNITS, b % UNITS
    return a_whole * b_whole * UNITS + a_whole * b_rest + a_rest * b_whole + a_rest * b_rest // UNITS


@register_jitable
def mul_units_up(a: int, b: int) -> int:
    """Multiply two amounts in units, rounding up."""
    return mul_units(a, b) + ((a % UNITS) * (b % UNITS) % UNITS > 0)


@register_jitable
def floor_to(value: int, size: int) -> int:
    """Return the largest multiple of `size` not over `value`."""
    return value // size * size


@register_jitable
def ask_price(last: int, slippage: int, tick: int) -> int:
    """Return what a market buy pays: last * (1 + slippage), rounded up to the tick. All in units."""
    return floor_to(mul_units_up(last, UNITS + slippage) + tick - 1, tick)


@register_jitable
def bid_price(last: int, slippage: int, tick: int) -> int:
    """Return what a market sell gets: last * (1 - slippage), rounded down to the tick. All in units."""
    return floor_to(mul_units(last, UNITS - slippage), tick)


@register_jitable
def commission(amount: int, rate: int) -> int:
    """Return the fee on the amount received, rounded down to 1e-8. All in units."""
    return mul_units(amount, rate)


def slippage_units(slippage_bps: Decimal) -> int:
    """Convert basis points to a fraction in units: 5 bps is 0.0005, 50,000 units."""
    return to_units(slippage_bps / BPS)
