"""Strategies against published indicator values, and against the two promises of every signal.

No bar looks at a later one, and a window of `warmup_bars` gives what all of history gives.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import talib

from bots.strategy import bollinger, donchian, ema_rsi, registry
from bots.strategy.types import Candles


def candles_of(
    close: list[float] | np.ndarray, high: np.ndarray | None = None, low: np.ndarray | None = None
) -> Candles:
    close = np.asarray(close, dtype=np.float64)
    high, low = close if high is None else high, close if low is None else low
    return Candles(np.arange(len(close), dtype=np.int64) * 60_000, close, high, low, close, np.ones(len(close)))


def wandering(count: int, seed: int) -> Candles:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.standard_t(3, count) * 0.004))
    spread = 1 + np.abs(rng.normal(0, 0.003, count))
    return candles_of(close, close * spread, close / spread)


SMALL = [
    ("ema_rsi", {"ema_fast": 3, "ema_slow": 8, "rsi_period": 3, "rsi_overbought": 90, "rsi_oversold": 10}),
    ("ema_rsi", {"ema_fast": 1, "ema_slow": 5, "rsi_period": 2, "rsi_overbought": 99, "rsi_oversold": 1}),
    ("donchian", {"entry_period": 20, "exit_period": 10}),
    ("bollinger", {"period": 20, "deviations": 1.5}),
]


@pytest.fixture
def reference(shared_data: Path) -> Path:
    return shared_data.parent / "reference"


def params_of(name: str, values: dict[str, float]) -> Any:
    strategy = registry.get(name)
    return strategy.Params(**{field.name: values.get(field.name, field.default) for field in strategy.FIELDS})


def rsi_of(close: list[float], period: int) -> np.ndarray:
    params = params_of("ema_rsi", {"rsi_period": period})
    return ema_rsi.indicators(candles_of(close), params)["rsi"]


def assert_matches(values: np.ndarray, expected: list[float | None], tolerance: float) -> None:
    for value, wanted in zip(values, expected, strict=True):
        assert np.isnan(value) if wanted is None else value == pytest.approx(wanted, abs=tolerance)


def test_rsi_is_wilders_as_stockcharts_prints_it(reference: Path):
    case = json.loads((reference / "indicators" / "stockcharts_rsi14.json").read_text())
    assert_matches(rsi_of(case["input"]["close"], 14), case["expected"], case["tolerance_abs"])


def test_rsi_of_five_is_that_of_tulip_indicators(reference: Path):
    case = json.loads((reference / "indicators" / "tulip_15bar.json").read_text())
    expected = next(part["expected"] for part in case["cases"] if part["indicator"] == "rsi")
    assert_matches(rsi_of(case["input"]["close"], 5), expected, case["tolerance_abs"])


def test_bollingers_middle_is_tulips_simple_mean(reference: Path):
    case = json.loads((reference / "indicators" / "tulip_15bar.json").read_text())
    expected = next(part["expected"] for part in case["cases"] if part["indicator"] == "sma")
    middle = bollinger.indicators(candles_of(case["input"]["close"]), bollinger.Params(5, 2.0))["middle"]
    assert_matches(middle, expected, case["tolerance_abs"])


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


@pytest.mark.parametrize("name, values", SMALL)
def test_no_signal_changes_when_later_bars_are_cut_off(name, values):
    strategy, params = registry.get(name), params_of(name, values)
    candles = wandering(600, seed=7)
    whole = strategy.signals(candles, params)
    assert (whole == 1).any()
    assert (whole == -1).any()
    for end in range(1, 600, 7):
        cut = Candles(*(series[:end] for series in candles))
        assert np.array_equal(strategy.signals(cut, params), whole[:end])
        for label, series in strategy.indicators(cut, params).items():
            assert np.array_equal(series, strategy.indicators(candles, params)[label][:end], equal_nan=True)


@pytest.mark.parametrize("name, values", SMALL)
def test_a_window_of_the_warm_up_gives_what_all_of_history_gives(name, values):
    strategy, params = registry.get(name), params_of(name, values)
    candles, need = wandering(3000, seed=11), strategy.warmup_bars(params) + 1
    whole = strategy.indicators(candles, params)
    for end in range(need + 1, 3000, 97):
        window = Candles(*(series[end - need : end] for series in candles))
        for label, series in strategy.indicators(window, params).items():
            scale = 100.0 if label == "rsi" else candles.close[end - 1]
            assert abs(series[-1] - whole[label][end - 1]) <= 1e-6 * scale, (label, end)


@pytest.mark.parametrize("name, values", SMALL)
def test_nothing_is_signalled_during_the_warm_up(name, values):
    strategy, params = registry.get(name), params_of(name, values)
    start = strategy.warmup_bars(params)
    for seed in range(20):
        assert not strategy.signals(wandering(start + 50, seed), params)[:start].any()
    assert len(strategy.signals(wandering(start, 1), params)) == start
    assert len(strategy.signals(candles_of([]), params)) == 0


def test_a_buy_needs_a_cross_and_an_rsi_under_its_level():
    params = params_of("ema_rsi", {"ema_fast": 2, "ema_slow": 3, "rsi_period": 2})
    candles = wandering(500, seed=3)
    values, signal = ema_rsi.indicators(candles, params), ema_rsi.signals(candles, params)
    fast, slow, rsi = values["ema_fast"], values["ema_slow"], values["rsi"]
    refused = 0
    for bar in range(ema_rsi.warmup_bars(params), 500):
        rises = fast[bar - 1] <= slow[bar - 1] and fast[bar] > slow[bar]
        falls = fast[bar - 1] >= slow[bar - 1] and fast[bar] < slow[bar]
        wanted = 1 if rises and rsi[bar] < 70 else -1 if falls and rsi[bar] > 30 else 0
        refused += (rises or falls) and not wanted
        assert signal[bar] == wanted
    assert refused > 0


def test_donchian_breaks_out_of_the_bars_before_and_not_of_its_own():
    close = [10, 11, 10, 11, 10, 12, 12, 9, 8]
    signal = donchian.signals(candles_of(close), donchian.Params(3, 2))
    assert signal.tolist() == [0, 0, 0, 0, 0, 1, 0, -1, -1]


def test_bollinger_buys_the_fall_out_of_the_band_once_and_sells_at_the_middle():
    close = [10, 10.1] * 5 + [9, 8.9, 9.4, 10, 10]
    signal = bollinger.signals(candles_of(close), bollinger.Params(5, 1.2))
    lower = talib.BBANDS(np.array(close), timeperiod=5, nbdevup=1.2, nbdevdn=1.2)[2]
    assert close[10] < lower[10]
    assert signal[10] == 1
    assert not (signal[11:13] == 1).any()
    assert signal[13] == -1


def test_defaults_lie_inside_their_bounds():
    for name, strategy in registry.STRATEGIES.items():
        assert name == strategy.NAME
        params = params_of(name, {})
        assert params == tuple(field.default for field in strategy.FIELDS)
        assert set(strategy.indicators(wandering(300, 1), params))


def test_deciding_needs_no_django():
    code = (
        "import sys, bots.strategy.decide, bots.strategy.registry\n"
        "ours = {name.split('.')[0] for name in sys.modules} & {'django', 'exchange', 'backtests', 'tradingsite'}\n"
        "sys.exit(', '.join(ours) or 0)"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
