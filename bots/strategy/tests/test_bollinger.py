"""Bollinger bands against published values, and their signals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import talib

from bots.strategy import bollinger
from bots.strategy.tests.builders import candles_of


@pytest.fixture
def reference(shared_data: Path) -> Path:
    return shared_data.parent / "reference"


def test_the_middle_band_is_tulips_simple_mean(reference: Path):
    case = json.loads((reference / "indicators" / "tulip_15bar.json").read_text())
    expected = next(part["expected"] for part in case["cases"] if part["indicator"] == "sma")
    middle = bollinger.indicators(candles_of(case["input"]["close"]), bollinger.Params(5, 2.0))["middle"]
    values = [None if np.isnan(value) else value for value in middle]
    assert values == [None if value is None else pytest.approx(value, abs=case["tolerance_abs"]) for value in expected]


def test_it_buys_the_fall_out_of_the_band_once_and_sells_at_the_middle():
    close = [10, 10.1] * 5 + [9, 8.9, 9.4, 10, 10]
    signal = bollinger.signals(candles_of(close), bollinger.Params(5, 1.2))
    lower = talib.BBANDS(np.array(close), timeperiod=5, nbdevup=1.2, nbdevdn=1.2)[2]
    assert close[10] < lower[10]
    assert signal[10] == 1
    assert not (signal[11:13] == 1).any()
    assert signal[13] == -1
