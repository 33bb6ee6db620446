"""Generate random numbers as a function of a position: the same position always gives the same number.

A position is a stream (a hashed name) and an index; nothing has to be drawn in order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.splitmix import GOLDEN, mix

Float64Array = NDArray[np.float64]
Int64Array = NDArray[np.int64]

_S11 = np.uint64(11)
_TO_UNIT = 2.0**-53


def stream(*name: object) -> int:
    """Return a stream's number: 64 bits of a hash of its name."""
    return int.from_bytes(hashlib.sha256(repr(name).encode()).digest()[:8], "big")


def uniforms(of: int, indexes: Int64Array) -> Float64Array:
    """Return numbers above 0 and below 1, one for each index (SplitMix64 of stream and index)."""
    mixed = mix((indexes.astype(np.uint64) + np.uint64(1)) * GOLDEN + np.uint64(of))
    return ((mixed >> _S11).astype(np.float64) + 0.5) * _TO_UNIT


def normals(of: int, indexes: Int64Array) -> Float64Array:
    """Return standard normals, one for each index (Box and Muller's, of two uniforms)."""
    radius = np.sqrt(-2.0 * np.log(uniforms(of, 2 * indexes)))
    return radius * np.cos(2.0 * np.pi * uniforms(of, 2 * indexes + 1))


def smooth(of: int, positions: Float64Array, periods: Sequence[float]) -> Float64Array:
    """Return noise that varies with several periods at once: the sum of straight lines between normals, one per period.

    `positions` ascend. The variance is about one: each period has the same share.
    """
    total = np.zeros(len(positions))
    for number, period in enumerate(periods):
        at = positions / period
        left = np.floor(at)
        weight = at - left
        corners = np.arange(left[0], left[-1] + 2, dtype=np.int64)
        values = normals(of ^ (number * 0x5851F42D4C957F2D & 0xFFFFFFFFFFFFFFFF), corners)
        where = (left - left[0]).astype(np.int64)
        # A line between two normals has less variance in its middle; the root makes it even.
        spread = np.sqrt((1.0 - weight) ** 2 + weight**2)
        total += ((1.0 - weight) * values[where] + weight * values[where + 1]) / spread
    return total / np.sqrt(len(periods))
