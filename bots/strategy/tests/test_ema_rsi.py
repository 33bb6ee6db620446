"""EMA, RSI and their crosses against published values."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from bots.strategy import ema_rsi
from bots.strategy.tests.builders import candles_of, params_of, random_candles


@pytest.fixture
def reference(shared_data: Path) -> Path:
    return shared_data.parent / "reference"


def rsi_of(close: list[float], period: int) -> np.ndarray:
    params = params_of("ema_rsi", {"rsi_period": period})
    return ema_rsi.indicators(candles_of(close), params)["rsi"]


def assert_matches(values: np.ndarray, expected: list[float | None], tolerance: float) -> None:
    for value, published in zip(values, expected, strict=True):
        assert np.isnan(value) if published is None else value == pytest.approx(published, abs=tolerance)


def test_rsi_is_wilders_as_stockcharts_prints_it(reference: Path):
    case = json.loads((reference / "indicators" / "stockcharts_rsi14.json").read_text())
    assert_matches(rsi_of(case["input"]["close"], 14), case["expected"], case["tolerance_abs"])


def test_rsi_of_five_is_that_of_tulip_indicators(reference: Path):
    case = json.loads((reference / "indicators" / "tulip_15bar.json").read_text())
    expected = next(part["expected"] for part in case["cases"] if part["indicator"] == "rsi")
    assert_matches(rsi_of(case["input"]["close"], 5), expected, case["tolerance_abs"])


def test_ema_is_seeded_with_a_mean_as_stockcharts_prints_it(reference: Path):
    case = json.loads((reference / "indicators" / "stockcharts_ema10_sma10.json").read_text())
    values = ema_rsi.ema(np.array(case["input"]["close"]), 10)
    assert_matches(values, case["expected"], case["tolerance_abs"])
    assert values[-1] == pytest.approx(case["full_precision_last"]["ema10"], abs=5e-9)


def test_indicators_of_bitcoins_days_equal_published_spot_values(reference: Path):
    with (reference / "backtest" / "btc_daily.csv").open() as file:
        close = [float(row["close"]) for row in csv.DictReader(file)]
    params = params_of("ema_rsi", {"rsi_period": 10})
    values = ema_rsi.indicators(candles_of(close), params)
    names = {("ema", 12): "ema_fast", ("ema", 26): "ema_slow", ("rsi", 10): "rsi"}
    for case in json.loads((reference / "indicators" / "btc_daily_spot_values.json").read_text())["cases"]:
        series = values[names[case["indicator"], case["period"]]]
        for at, expected in case["at"].items():
            assert series[int(at)] == pytest.approx(expected, rel=1e-9)


def test_no_movement_at_all_gives_an_rsi_of_zero():
    assert rsi_of([5.0] * 40, 14)[-1] == 0


def test_crosses_of_bitcoins_days_are_those_that_peers_found(reference: Path):
    case = json.loads((reference / "backtest" / "btc_ema_cross.json").read_text())["cases"][0]["expected"]
    with (reference / "backtest" / "btc_daily.csv").open() as file:
        close = [float(row["close"]) for row in csv.DictReader(file)]
    values = {"rsi_overbought": 100, "rsi_oversold": 0, "rsi_period": 2}
    params = params_of("ema_rsi", values)
    signal, start = ema_rsi.signals(candles_of(close), params), ema_rsi.warmup_bars(params)
    assert np.flatnonzero(signal == 1).tolist() == [bar for bar in case["enter_signal_bars"] if bar >= start]
    assert np.flatnonzero(signal == -1).tolist() == [bar for bar in case["exit_signal_bars"] if bar >= start]


def test_a_buy_needs_a_cross_and_an_rsi_under_its_level():
    params = params_of("ema_rsi", {"ema_fast": 2, "ema_slow": 3, "rsi_period": 2})
    candles = random_candles(500, seed=3)
    values, signal = ema_rsi.indicators(candles, params), ema_rsi.signals(candles, params)
    fast, slow, rsi = values["ema_fast"], values["ema_slow"], values["rsi"]
    refused = 0
    for bar in range(ema_rsi.warmup_bars(params), 500):
        rises = fast[bar - 1] <= slow[bar - 1] and fast[bar] > slow[bar]
        falls = fast[bar - 1] >= slow[bar - 1] and fast[bar] < slow[bar]
        expected = 1 if rises and rsi[bar] < 70 else -1 if falls and rsi[bar] > 30 else 0
        refused += (rises or falls) and not expected
        assert signal[bar] == expected
    assert refused > 0


def test_an_average_of_one_bar_is_the_close():
    close = np.array([1.0, 3.0, 2.0])
    assert ema_rsi.ema(close, 1).tolist() == [1.0, 3.0, 2.0]


def test_crossings_by_row_are_those_of_whole_arrays():
    candles = random_candles(800, seed=5)
    fast, slow = ema_rsi.ema(candles.close, 3), ema_rsi.ema(candles.close, 9)
    for rows, expected in zip(ema_rsi.crossings_by_row(fast, slow), ema_rsi.crossings(fast, slow), strict=True):
        assert rows.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("values", "field"),
    [({"ema_fast": 26}, "ema_fast"), ({"rsi_oversold": 70.0}, "rsi_oversold"), ({"ema_fast": 25}, None)],
)
def test_parameters_that_do_not_fit_are_named(values, field):
    problems = ema_rsi.check(params_of("ema_rsi", values))
    assert [name for name, _ in problems] == ([field] if field else [])
