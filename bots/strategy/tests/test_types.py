"""Signals as rows and as a value for each bar."""

from __future__ import annotations

import numpy as np
import pytest

from bots.strategy.types import OFF, Events, identity


def test_events_give_a_signal_for_each_bar():
    events = Events(np.array([1, 4]), np.array([2]))
    assert events.dense(6).tolist() == [0, 1, -1, 0, 1, 0]


@pytest.mark.parametrize("number", [-1.0, 0.0, 1.0])
def test_no_number_reaches_a_limit_that_is_off(number):
    assert not number >= OFF


def test_identity_gives_the_function_back():
    assert identity(len) is len
