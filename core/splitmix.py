"""Mix 64 bits by SplitMix64 (Steele, Lea, Flood 2014), for numpy arrays and for compiled code alike.

The numbers are a function of seed and position, the same on every machine; they are not for keys or secrets.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import register_jitable

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31 = np.uint64(27), np.uint64(30), np.uint64(31)


@register_jitable(inline="always")
def mix(state: Any) -> Any:
    """Return 64 random bits for a state, or for each of an array of states."""
    bits = (state ^ (state >> _S30)) * MIX_1
    bits = (bits ^ (bits >> _S27)) * MIX_2
    return bits ^ (bits >> _S31)
