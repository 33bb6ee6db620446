"""Evaluate many parameter combinations on the same candles, with shared buffers and series.

Pure. One full result, with its trades, comes from engine/run.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtests.engine import run
from backtests.engine.buffers import UNITS, BarArrays, EngineSettings, RunBuffers
from backtests.engine.jit_cache import compile_cached
from backtests.engine.loop import block_ranges_compiled, run_bars_compiled
from backtests.engine.metrics import EquityCurve, metric_values, metrics_from_returns, returns_between
from backtests.engine.result import Segment
from backtests.engine.timerange import TimeRange
from backtests.errors import BacktestError
from backtests.optimisation.samplers import METRIC_NAMES, Parameters, Trials, as_rows
from bots.settings.parse import make_settings
from bots.settings.run_settings import RunSettings
from bots.settings.schema import SettingError
from bots.settings.strategies import varied_params
from bots.strategy import registry
from core.times import DAY_MS
from exchange.api.types import INTERVAL_MS, Klines

Floats = NDArray[np.float64]
TRIALS_PER_BATCH = 24  # trials that a thread takes: neighbours share crossings, and the last to end is not long alone


def as_settings(fixed: Mapping[str, Any], parameters: Parameters) -> dict[str, object]:
    """Return the settings of one trial, floats as the shortest text that reads back as they are."""
    return {**fixed, **{name: None if value is None else f"{value:.12g}" for name, value in parameters.items()}}


class Trial(NamedTuple):
    """One combination as the loop takes it."""

    bars: BarArrays
    engine_settings: EngineSettings
    initial_capital: float


class Evaluator:
    """An evaluator of trials over one time range of one market.

    It runs on several threads, because the compiled loop releases the interpreter lock.
    """

    def __init__(
        self,
        market: run.MarketData,
        fixed: Mapping[str, Any],
        time_range: TimeRange,
        names: Sequence[str],
        *,
        threads: int = 1,
    ) -> None:
        self.market, self.names, self._threads = market, tuple(names), threads
        self._first, self._end = time_range.rows(Klines(market.interval, *market.candles))
        self._calendar = run.run_calendar(market.candles.open_time, self._first, self._end)
        self._ranges = block_ranges_compiled(market.candles.close)
        self._settings = _Settings(market, fixed)
        self._events = registry.events_over(self._settings.strategy, market.candles, compile_cached)

    def __call__(self, combinations: Sequence[Parameters]) -> Trials:
        """Return metrics and daily returns of each combination; NaN for one that this range cannot carry."""
        metrics = np.full((len(combinations), len(METRIC_NAMES)), np.nan)
        daily = np.zeros((len(combinations), len(self._calendar.ends) - 1), np.float32)
        starts = iter(range(0, len(combinations), TRIALS_PER_BATCH))

        def run_some(_: int) -> None:
            buffers = self._buffers(with_equity=False)
            for start in starts:
                rows = slice(start, start + TRIALS_PER_BATCH)
                self._run(combinations[rows], buffers, metrics[rows], daily[rows])

        if self._threads == 1:
            run_some(0)
        else:
            with ThreadPoolExecutor(self._threads) as pool:
                list(pool.map(run_some, range(self._threads)))
        return Trials(self.names, as_rows(self.names, combinations), metrics, daily)

    def segment(self, parameters: Parameters) -> Segment:
        """Return one combination's equity over its starting capital."""
        curve, returns, fall = self._run_trial(self._trial(parameters), self._buffers(with_equity=True))
        days = len(curve.open_time) * INTERVAL_MS[self.market.interval] / DAY_MS
        values = {
            n: None if v is None else float(v) for n, v in asdict(metrics_from_returns(curve, returns, fall)).items()
        }
        return Segment(curve.equity / curve.initial_capital, days, len(curve.trade_pnl), values)

    def _run(
        self, combinations: Sequence[Parameters], buffers: RunBuffers, metrics: Floats, daily: NDArray[np.float32]
    ) -> None:
        """Write the metrics and daily returns of some combinations.

        All signals are computed first, so that one run after another finds the candles in the processor's cache.
        """
        trials = [self._trial_or_none(parameters) for parameters in combinations]
        for row, trial in enumerate(trials):
            if trial is not None:
                curve, returns, fall = self._run_trial(trial, buffers)
                metrics[row], daily[row] = metric_values(curve, returns, fall), returns

    def _buffers(self, *, with_equity: bool) -> RunBuffers:
        return run.allocate_buffers(self._end - self._first, len(self._calendar.ends), with_equity=with_equity)

    def _trial_or_none(self, parameters: Parameters) -> Trial | None:
        """Return the trial, or None if this range cannot carry the combination."""
        try:
            return self._trial(parameters)
        except (SettingError, BacktestError):
            return None

    def _trial(self, combination: Parameters) -> Trial:
        parameters, params, engine_settings = self._settings(combination)
        run.require_bars(parameters.strategy, params, self._end)
        events = run.events_or_error(self._events, parameters.strategy, params)
        bars = run.bar_arrays(self.market.candles, events, self._calendar, parameters.trading_hours, self._ranges)
        return Trial(bars, engine_settings, float(parameters.initial_capital))

    def _run_trial(self, trial: Trial, buffers: RunBuffers) -> tuple[EquityCurve, Floats, float]:
        """Run a trial; return its equity curve, daily returns and largest drawdown."""
        first, end, candles = self._first, self._end, self.market.candles
        trades, closed, fall, exposed_bars = run_bars_compiled(trial.bars, first, end, trial.engine_settings, buffers)
        fees = (buffers.entry_price[:trades] / UNITS) @ (buffers.entry_fee[:trades] / UNITS)
        curve = EquityCurve(
            open_time=candles.open_time[first:end],
            interval_ms=INTERVAL_MS[self.market.interval],
            close=candles.close[first:end],
            equity=buffers.equity if len(buffers.equity) else buffers.daily,
            exposed_bars=exposed_bars,
            initial_capital=trial.initial_capital,
            trade_pnl=buffers.net_pnl[:closed] / UNITS,
            fees_paid=float(fees + buffers.exit_fee[:closed].sum() / UNITS),
        )
        return curve, returns_between(buffers.daily), fall


class _Settings:
    """The engine's settings of trials. What does not depend on the strategy's parameters is made once."""

    def __init__(self, market: run.MarketData, fixed: Mapping[str, Any]) -> None:
        self.strategy = str(fixed.get("strategy", "ema_rsi"))
        self._market, self._fixed = market, fixed
        self._run_trial: dict[tuple[object, ...], tuple[RunSettings, EngineSettings]] = {}
        self._own = {field.name for field in registry.get(self.strategy).FIELDS}

    def __call__(self, combination: Parameters) -> tuple[RunSettings, Any, EngineSettings]:
        """Return the shared settings, the strategy's own parameters and the engine settings of a trial."""
        others = tuple(value for name, value in combination.items() if name not in self._own)
        if others not in self._run_trial:
            parameters = make_settings(as_settings(self._fixed, combination))
            self._run_trial[others] = parameters, run.engine_settings(self._market, parameters)
        parameters, engine_settings = self._run_trial[others]
        own = {name: combination[name] for name in combination if name in self._own}
        return parameters, varied_params(self.strategy, parameters.strategy_params, own), engine_settings
