"""Many runs of the engine on the same candles: what a search asks for. Buffers and series are shared from run to run.

Pure. One full result, with its trades, is engine.py's matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtests.engine import run
from backtests.engine.buffers import UNITS, Bars, RunBuffers, Setup
from backtests.engine.jit_cache import compile_cached
from backtests.engine.loop import ranges_of_compiled, run_bars_compiled
from backtests.engine.metrics import DAY_MS, Course, figures, measured, returns_between
from backtests.engine.timerange import Span
from backtests.optimisation.samplers import FIGURES, Parameters, Trials, as_rows
from backtests.walk_forward.windows import Segment
from bots.settings.parse import make_settings
from bots.settings.run_settings import RunSettings
from bots.settings.schema import SettingError
from bots.settings.strategies import varied_params
from bots.strategy import registry
from exchange.api.types import INTERVAL_MS, Klines

Floats = NDArray[np.float64]
TAKEN_AT_ONCE = 24  # trials that a thread takes: neighbours share crossings, and the last to end is not long alone


def as_settings(fixed: Mapping[str, Any], parameters: Parameters) -> dict[str, object]:
    """The settings of one trial: floats as the shortest text that says them."""
    return {**fixed, **{name: None if value is None else f"{value:.12g}" for name, value in parameters.items()}}


class Trial(NamedTuple):
    """One combination as the loop takes it."""

    bars: Bars
    setup: Setup
    initial_capital: float


class Evaluator:
    """Runs trials over one span of one market, on so many threads: the compiled loop lets go of the interpreter."""

    def __init__(
        self, market: run.Market, fixed: Mapping[str, Any], span: Span, names: Sequence[str], *, threads: int = 1
    ) -> None:
        self.market, self.names, self._threads = market, tuple(names), threads
        self._first, self._end = span.rows(Klines(market.interval, *market.candles))
        self._calendar = run.calendar_of(market.candles.open_time, self._first, self._end)
        self._ranges = ranges_of_compiled(market.candles.close)
        self._settings = _Settings(market, fixed)
        self._events = registry.events_over(self._settings.strategy, market.candles, compile_cached)

    def __call__(self, combinations: Sequence[Parameters]) -> Trials:
        """Figures and daily returns of each combination. One that this span cannot carry has no figures."""
        found = np.full((len(combinations), len(FIGURES)), np.nan)
        daily = np.zeros((len(combinations), len(self._calendar.ends) - 1), np.float32)
        starts = iter(range(0, len(combinations), TAKEN_AT_ONCE))

        def run_some(_: int) -> None:
            tape = self._tape(with_equity=False)
            for start in starts:
                rows = slice(start, start + TAKEN_AT_ONCE)
                self._run(combinations[rows], tape, found[rows], daily[rows])

        if self._threads == 1:
            run_some(0)
        else:
            with ThreadPoolExecutor(self._threads) as pool:
                list(pool.map(run_some, range(self._threads)))
        return Trials(self.names, as_rows(self.names, combinations), found, daily)

    def stretch(self, parameters: Parameters) -> Segment:
        """One combination's equity over what it began with."""
        course, returns, fall = self._made(self._trial(parameters), self._tape(with_equity=True))
        days = len(course.open_time) * INTERVAL_MS[self.market.interval] / DAY_MS
        values = {n: None if v is None else float(v) for n, v in asdict(measured(course, returns, fall)).items()}
        return Segment(course.equity / course.initial_capital, days, len(course.trade_pnl), values)

    def _run(self, some: Sequence[Parameters], tape: RunBuffers, found: Floats, daily: NDArray[np.float32]) -> None:
        """Figures and daily returns of some combinations.

        All their signals are found first: one run after another finds the candles in the processor's cache.
        """
        trials = [self._trial_or_none(one) for one in some]
        for row, trial in enumerate(trials):
            if trial is not None:
                course, returns, fall = self._made(trial, tape)
                found[row], daily[row] = figures(course, returns, fall), returns

    def _tape(self, *, with_equity: bool) -> RunBuffers:
        return run.tape_for(self._end - self._first, len(self._calendar.ends), with_equity=with_equity)

    def _trial_or_none(self, one: Parameters) -> Trial | None:
        """None where this span cannot carry the combination."""
        try:
            return self._trial(one)
        except (SettingError, run.BacktestError):
            return None

    def _trial(self, one: Parameters) -> Trial:
        parameters, params, setup = self._settings(one)
        run.require_bars(parameters.strategy, params, self._end)
        events = run.guarded(self._events, parameters.strategy, params)
        bars = run.bars_of(self.market.candles, events, self._calendar, parameters.trading_hours, self._ranges)
        return Trial(bars, setup, float(parameters.initial_capital))

    def _made(self, trial: Trial, tape: RunBuffers) -> tuple[Course, Floats, float]:
        """Run a trial: what became of it, its daily returns and its largest drawdown."""
        first, end, candles = self._first, self._end, self.market.candles
        trades, closed, fall, exposed_bars = run_bars_compiled(trial.bars, first, end, trial.setup, tape)
        fees = (tape.entry_price[:trades] / UNITS) @ (tape.entry_fee[:trades] / UNITS)
        course = Course(
            open_time=candles.open_time[first:end],
            interval_ms=INTERVAL_MS[self.market.interval],
            close=candles.close[first:end],
            equity=tape.equity if len(tape.equity) else tape.daily,
            exposed_bars=exposed_bars,
            initial_capital=trial.initial_capital,
            trade_pnl=tape.net_pnl[:closed] / UNITS,
            fees_paid=float(fees + tape.exit_fee[:closed].sum() / UNITS),
        )
        return course, returns_between(tape.daily), fall


class _Settings:
    """A trial's settings as the engine takes them. What does not vary with the strategy's parameters is made once."""

    def __init__(self, market: run.Market, fixed: Mapping[str, Any]) -> None:
        self.strategy = str(fixed.get("strategy", "ema_rsi"))
        self._market, self._fixed = market, fixed
        self._made: dict[tuple[object, ...], tuple[RunSettings, Setup]] = {}
        self._own = {field.name for field in registry.get(self.strategy).FIELDS}

    def __call__(self, one: Parameters) -> tuple[RunSettings, Any, Setup]:
        """What a trial shares with others, its strategy's own parameters, and the setup."""
        others = tuple(value for name, value in one.items() if name not in self._own)
        if others not in self._made:
            parameters = make_settings(as_settings(self._fixed, one))
            self._made[others] = parameters, run.setup_of(self._market, parameters)
        parameters, setup = self._made[others]
        own = {name: one[name] for name in one if name in self._own}
        return parameters, varied_params(self.strategy, parameters.strategy_params, own), setup
