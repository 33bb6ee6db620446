"""Floor and ceiling of counts of ticks or lots, tolerant of floating-point error.

0.3 / 0.1 is 2.9999999999999996: a plain floor would lose a whole lot. A count within one part in 1e12 of a whole
number is that number.
"""

from __future__ import annotations

import math

from numba.extending import register_jitable

TOLERANCE = 1e-12
UNITS_PER_ONE = 1e8  # amounts are exact to 1e-8 of an asset


@register_jitable
def floor_count(value: float) -> int:
    """Return the largest whole number not over `value`."""
    return math.floor(value * (1.0 + TOLERANCE))


@register_jitable
def ceil_count(value: float) -> int:
    """Return the smallest whole number not under `value`."""
    return -math.floor(-(value * (1.0 - TOLERANCE)))


@register_jitable
def whole_units(value: float) -> int:
    """Return an amount with at most 8 decimals as a whole number of 1e-8."""
    return math.floor(value * UNITS_PER_ONE + 0.5)


@register_jitable
def reaches(value: float, level: float) -> bool:
    """Return True if `value` is at least the non-negative `level`, tolerant of floating-point error."""
    return value >= level * (1.0 - TOLERANCE)
