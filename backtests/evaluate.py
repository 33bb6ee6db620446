"""Many runs of the engine on the same candles: what a search asks for. Buffers and series are shared from run to run.

Pure. One full result, with its trades, is engine.py's matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtests import engine
from backtests.fields import ParametersError
from backtests.loop import UNITS, Setup, Tape, run_bars_compiled
from backtests.metrics import DAY_MS, Course, Metrics, measured, returns_between
from backtests.optimise import FIGURES, Parameters, Trials, as_rows
from backtests.parameters import RunParameters, make_parameters, with_strategy
from backtests.span import Span
from backtests.walk_forward import Stretch
from bots.strategy import registry
from bots.strategy.types import Events
from exchange.types import INTERVAL_MS, Klines

Floats = NDArray[np.float64]


def as_settings(fixed: Mapping[str, Any], parameters: Parameters) -> dict[str, object]:
    """The settings of one trial: floats as the shortest text that says them."""
    return {**fixed, **{name: None if value is None else f"{value:.12g}" for name, value in parameters.items()}}


class Evaluator:
    """Runs trials over one span of one market, on so many threads: the compiled loop lets go of the interpreter."""

    def __init__(
        self, market: engine.Market, fixed: Mapping[str, Any], span: Span, names: Sequence[str], *, threads: int = 1
    ) -> None:
        self.market, self.names, self._threads = market, tuple(names), threads
        self._first, self._end = span.rows(Klines(market.interval, *market.candles))
        self._calendar = engine.calendar_of(market.candles.open_time, self._first, self._end)
        self._settings = _Settings(market, fixed)
        self._events: dict[str, Callable[[Any], Events]] = {}

    def __call__(self, combinations: Sequence[Parameters]) -> Trials:
        """Figures and daily returns of each combination. One that this span cannot carry has no figures."""
        figures = np.full((len(combinations), len(FIGURES)), np.nan)
        daily = np.zeros((len(combinations), len(self._calendar.ends) - 1), np.float32)

        def run_some(start: int) -> None:
            tape = self._tape(with_equity=False)
            for row in range(start, len(combinations), self._threads):
                self._run(combinations[row], tape, figures[row], daily[row])

        if self._threads == 1:
            run_some(0)
        else:
            with ThreadPoolExecutor(self._threads) as pool:
                list(pool.map(run_some, range(self._threads)))
        return Trials(self.names, as_rows(self.names, combinations), figures, daily)

    def stretch(self, parameters: Parameters) -> Stretch:
        """One combination's equity over what it began with."""
        course, metrics, _ = self._measure(parameters, self._tape(with_equity=True))
        days = len(course.open_time) * INTERVAL_MS[self.market.interval] / DAY_MS
        figures = {name: None if value is None else float(value) for name, value in asdict(metrics).items()}
        return Stretch(course.equity / course.initial_capital, days, len(course.trade_pnl), figures)

    def _run(self, one: Parameters, tape: Tape, figures: Floats, daily: NDArray[np.float32]) -> None:
        try:
            _, metrics, returns = self._measure(one, tape)
        except (ParametersError, engine.BacktestError):
            return
        figures[:] = [np.nan if (value := getattr(metrics, name)) is None else value for name in FIGURES]
        daily[:] = returns

    def _tape(self, *, with_equity: bool) -> Tape:
        return engine.tape_for(self._end - self._first, len(self._calendar.ends), with_equity=with_equity)

    def _measure(self, one: Parameters, tape: Tape) -> tuple[Course, Metrics, Floats]:
        """What became of one combination, its measures and its daily returns."""
        parameters, setup = self._settings(one)
        first, end, candles = self._first, self._end, self.market.candles
        engine.require_bars(parameters, end)
        events = self._events_of(parameters)
        bars = engine.bars_of(candles, events, self._calendar, parameters.trading_hours)
        outcome = run_bars_compiled(bars, first, end, setup, tape)
        trades, closed = outcome.trades, outcome.closed
        fees = (tape.entry_price[:trades] / UNITS) @ (tape.entry_fee[:trades] / UNITS)
        course = Course(
            open_time=candles.open_time[first:end],
            interval_ms=INTERVAL_MS[self.market.interval],
            close=candles.close[first:end],
            equity=tape.equity if len(tape.equity) else tape.daily,
            exposed_bars=engine.exposed_bars(tape, end, outcome),
            initial_capital=float(parameters.initial_capital),
            trade_pnl=tape.net_pnl[:closed] / UNITS,
            fees_paid=float(fees + tape.exit_fee[:closed].sum() / UNITS),
        )
        returns = returns_between(tape.daily)
        return course, measured(course, returns, outcome.max_drawdown), returns

    def _events_of(self, parameters: RunParameters) -> Events:
        name = parameters.strategy
        if name not in self._events:
            self._events[name] = registry.events_over(name, self.market.candles)
        return engine.guarded(self._events[name], parameters)


class _Settings:
    """A trial's settings as the engine takes them. What does not vary with the strategy's parameters is made once."""

    def __init__(self, market: engine.Market, fixed: Mapping[str, Any]) -> None:
        self._market, self._fixed = market, fixed
        self._made: dict[tuple[object, ...], tuple[RunParameters, Setup]] = {}
        self._own = {field.name for field in registry.get(str(fixed.get("strategy", "ema_rsi"))).FIELDS}

    def __call__(self, one: Parameters) -> tuple[RunParameters, Setup]:
        others = tuple(value for name, value in one.items() if name not in self._own)
        if others not in self._made:
            parameters = make_parameters(as_settings(self._fixed, one))
            self._made[others] = parameters, engine.setup_of(self._market, parameters)
        parameters, setup = self._made[others]
        return with_strategy(parameters, {name: one[name] for name in one if name in self._own}), setup
