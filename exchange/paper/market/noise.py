"""Generate random numbers as a function of a position: the same position always gives the same number.

A place is a stream (a hashed name) and an index; nothing has to be drawn in order. What is made of them is in
simulation.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from exchange.api.types import Float64Array, Int64Array

_UInt64Array = NDArray[np.uint64]
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_TO_UNIT = 2.0**-53


def stream(*name: object) -> int:
    """Return a stream's number: 64 bits of a hash of its name."""
    return int.from_bytes(hashlib.sha256(repr(name).encode()).digest()[:8], "big")


def uniforms(of: int, indexes: Int64Array) -> Float64Array:
    """Return numbers above 0 and below 1, one for each index (SplitMix64's mixing of stream and index)."""
    mixed = (indexes.astype(np.uint64) + np.uint64(1)) * _GOLDEN + np.uint64(of)
    mixed = (mixed ^ (mixed >> _S30)) * _MIX_1
    mixed = (mixed ^ (mixed >> _S27)) * _MIX_2
    mixed = mixed ^ (mixed >> _S31)
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
