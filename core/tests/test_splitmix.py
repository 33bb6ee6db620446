"""Test SplitMix64 against its published numbers."""

from __future__ import annotations

import numpy as np
from numba import njit

from core.splitmix import GOLDEN, mix

PUBLISHED = [6457827717110365317, 3203168211198807973, 9817491932198370423]  # of the seed 1234567


def states(count: int) -> np.ndarray:
    return np.uint64(1234567) + np.arange(1, count + 1, dtype=np.uint64) * GOLDEN


def test_numbers_are_the_published_ones() -> None:
    assert mix(states(3)).tolist() == PUBLISHED


def test_compiled_numbers_are_the_published_ones() -> None:
    compiled = njit(lambda state: mix(state))
    assert [int(compiled(state)) for state in states(3)] == PUBLISHED
