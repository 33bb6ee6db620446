"""The Donchian channel and its breakouts."""

from __future__ import annotations

import numpy as np

from bots.strategy import donchian
from bots.strategy.tests.builders import candles_of


def test_a_close_breaks_out_of_the_bars_before_and_not_of_its_own():
    close = [10, 11, 10, 11, 10, 12, 12, 9, 8]
    signal = donchian.signals(candles_of(close), donchian.Params(3, 2))
    assert signal.tolist() == [0, 0, 0, 0, 0, 1, 0, -1, -1]


def test_the_channel_is_made_of_the_bars_before():
    candles = candles_of([10, 12, 11, 9], high=np.array([11.0, 13, 12, 10]), low=np.array([9.0, 11, 10, 8]))
    channel = donchian.indicators(candles, donchian.Params(2, 2))
    assert channel["upper"][2:].tolist() == [13.0, 13.0]
    assert channel["lower"][2:].tolist() == [9.0, 10.0]


def test_the_longer_channel_is_the_warm_up():
    assert donchian.warmup_bars(donchian.Params(5, 9)) == 9
