"""A search's trials against single backtests of the same settings."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from backtests.engine import run as engine
from backtests.engine.jit_cache import compile_cached
from backtests.engine.tests.test_loop import wandering
from backtests.engine.timerange import TimeRange
from backtests.optimisation.evaluate import TRIALS_PER_BATCH, Evaluator, as_settings
from backtests.optimisation.samplers import METRIC_NAMES
from bots.settings.parse import make_settings
from bots.strategy import ema_rsi
from bots.strategy.ema_rsi import EventsOver, Params

NAMES = ("ema_fast", "ema_slow", "rsi_overbought", "stop_loss", "trailing_stop")
FIXED = {"slippage_bps": 3, "rsi_period": 5, "rsi_oversold": 20, "max_drawdown": "0.4", "take_profit": "0.05"}
COMBINATIONS = [
    dict(zip(NAMES, values, strict=True))
    for values in itertools.product((3.0, 5.0), (8.0, 13.0), (60.0, 85.0), (None, 0.01), (None, 0.02))
]


@pytest.fixture(scope="module")
def market() -> engine.MarketData:
    return wandering(3000, 7, gaps=True)


def test_metrics_of_a_trial_are_those_of_its_backtest(market):
    time_range = TimeRange(int(market.candles.open_time[400]))
    trials = Evaluator(market, FIXED, time_range, NAMES)(COMBINATIONS)
    assert trials.metric("closed_trades").min() > 10
    for row, one in enumerate(COMBINATIONS):
        run = engine.run_backtest(market, make_settings(as_settings(FIXED, one)), time_range)
        for name in METRIC_NAMES:
            # Fees are summed in floats here, in exact decimals there.
            wanted = getattr(run.result.metrics, name)
            assert trials.metrics_at(row)[name] == (pytest.approx(wanted, rel=1e-12) if name == "fees_paid" else wanted)
        ends = engine.run_calendar(market.candles.open_time, run.first, run.end).ends - run.first
        returns = run.equity[ends][1:] / run.equity[ends][:-1] - 1
        assert trials.daily[row].tobytes() == returns.astype(np.float32).tobytes()


def test_threads_give_bit_identical_metrics(market):
    asked = (COMBINATIONS * (TRIALS_PER_BATCH // len(COMBINATIONS) + 2))[: 2 * TRIALS_PER_BATCH + 5]
    asked[3] = asked[3] | {"ema_slow": 400.0}  # warms up longer than the data is
    asked[5] = asked[5] | {"ema_fast": 13.0, "ema_slow": 8.0}  # no such strategy
    alone, shared = (Evaluator(market, FIXED, TimeRange(), NAMES, threads=threads)(asked) for threads in (1, 2))
    assert alone.metrics.tobytes() == shared.metrics.tobytes()
    assert alone.daily.tobytes() == shared.daily.tobytes()
    assert np.flatnonzero(np.isnan(alone.metric("final_equity"))).tolist() == [3, 5]


def test_crossings_follow_rule_3_with_touches_included():
    fast = np.array([np.nan, 1.0, 3.0, 2.0, 2.0, 3.0, 2.0, 1.0, 2.0, 1.0, 2.0, 2.0, 1.0])
    slow = np.where(np.isnan(fast), np.nan, 2.0)
    for find in (ema_rsi.crossings, ema_rsi.crossings_by_row, compile_cached(ema_rsi.crossings_by_row)):
        rises, falls = find(fast, slow)
        assert rises.tolist() == [2, 5]
        assert falls.tolist() == [7, 9, 12]


def test_signals_are_the_same_compiled_or_not(market):
    params = Params(4, 9, 5, 70.0, 30.0)
    found = EventsOver(market.candles, compile_cached)(params)
    assert len(found.buys) > 10
    assert np.array_equal(found.dense(market.bars), ema_rsi.signals(market.candles, params))
