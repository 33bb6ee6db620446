"""Every strategy by its name, and the promises of every signal.

No bar looks at a later one, and a window of `warmup_bars` gives what all of history gives.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bots.strategy import donchian, registry
from bots.strategy.tests.builders import candles_of, params_of, random_candles
from bots.strategy.types import Candles

SMALL = [
    ("ema_rsi", {"ema_fast": 3, "ema_slow": 8, "rsi_period": 3, "rsi_overbought": 90, "rsi_oversold": 10}),
    ("ema_rsi", {"ema_fast": 1, "ema_slow": 5, "rsi_period": 2, "rsi_overbought": 99, "rsi_oversold": 1}),
    ("donchian", {"entry_period": 20, "exit_period": 10}),
    ("bollinger", {"period": 20, "deviations": 1.5}),
]


@pytest.mark.parametrize("name, values", SMALL)
def test_no_signal_changes_when_later_bars_are_cut_off(name, values):
    strategy, params = registry.get(name), params_of(name, values)
    candles = random_candles(600, seed=7)
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
    candles, need = random_candles(3000, seed=11), strategy.warmup_bars(params) + 1
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
        assert not strategy.signals(random_candles(start + 50, seed), params)[:start].any()
    assert len(strategy.signals(random_candles(start, 1), params)) == start
    assert len(strategy.signals(candles_of([]), params)) == 0


def test_defaults_lie_inside_their_bounds():
    for name, strategy in registry.STRATEGIES.items():
        assert name == strategy.NAME
        params = params_of(name, {})
        assert params == tuple(field.default for field in strategy.FIELDS)
        assert set(strategy.indicators(random_candles(300, 1), params))


def test_an_unknown_name_is_refused():
    with pytest.raises(registry.UnknownStrategy):
        registry.get("martingale")


@pytest.mark.parametrize("name, values", SMALL)
def test_events_are_the_rows_of_the_signals(name, values):
    candles, params = random_candles(700, seed=2), params_of(name, values)
    signal = registry.get(name).signals(candles, params)
    assert registry.events_over(name, candles)(params).dense(700).tolist() == signal.tolist()


@pytest.mark.parametrize("signal", [np.zeros(4, np.int8), np.full(5, 2, np.int8)])
def test_signals_of_another_length_or_value_are_refused(monkeypatch, signal):
    monkeypatch.setattr(donchian, "signals", lambda candles, params: signal)
    with pytest.raises(registry.SignalsInvalid, match="for each of 5 bars"):
        registry.events_over("donchian", candles_of([1, 2, 3, 4, 5]))(donchian.Params(2, 2))


def test_deciding_needs_no_django():
    code = (
        "import sys, bots.strategy.decide, bots.strategy.registry\n"
        "ours = {name.split('.')[0] for name in sys.modules} & {'django', 'exchange', 'backtests', 'tradingsite'}\n"
        "sys.exit(', '.join(ours) or 0)"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
