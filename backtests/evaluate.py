"""Many runs of the engine on the same candles: what a search asks for. Buffers and signals are reused from run to run.

Pure. One full result, with its trades, is engine.py's matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtests import engine
from backtests.fields import ParametersError
from backtests.loop import Tape, run_bars_compiled
from backtests.metrics import Course, Metrics, daily_returns, metrics
from backtests.optimise import FIGURES, Parameters, Trials, as_rows
from backtests.parameters import RunParameters, make_parameters
from backtests.span import Span
from backtests.walk_forward import Stretch
from exchange.types import INTERVAL_MS

UNITS = 1e8
SIGNALS_KEPT = 64  # a chunk varies stops and sizes over the same signals


def as_settings(fixed: Mapping[str, Any], parameters: Parameters) -> dict[str, object]:
    """The settings of one trial: floats as the shortest text that says them."""
    return {**fixed, **{name: None if value is None else f"{value:.12g}" for name, value in parameters.items()}}


class Evaluator:
    """Runs trials over one span of one market."""

    def __init__(self, market: engine.Market, fixed: Mapping[str, Any], span: Span, names: Sequence[str]) -> None:
        self.market, self.fixed, self.span, self.names = market, fixed, span, tuple(names)
        self._signals: dict[Any, NDArray[np.int8]] = {}
        self._tape: Tape | None = None

    def __call__(self, combinations: Sequence[Parameters]) -> Trials:
        """Figures and daily returns of each combination. One that this span cannot carry has no figures."""
        figures, daily = [], []
        for one in combinations:
            measured, returns = self._run(one)
            figures.append(measured)
            daily.append(returns)
        return Trials(self.names, as_rows(self.names, combinations), np.array(figures), np.array(daily, np.float32))

    def stretch(self, parameters: Parameters) -> Stretch:
        """One combination's equity over what it began with."""
        settings = make_parameters(as_settings(self.fixed, parameters))
        course = self._course(settings)
        days = len(course.open_time) * INTERVAL_MS[self.market.interval] / 86_400_000
        figures = {name: _number(value) for name, value in asdict(metrics(course)).items()}
        return Stretch(course.equity / course.initial_capital, days, len(course.trade_pnl), figures)

    def _run(self, one: Parameters) -> tuple[list[float], NDArray[np.float64]]:
        try:
            course = self._course(make_parameters(as_settings(self.fixed, one)))
        except (ParametersError, engine.BacktestError):
            first, end = self.span.rows(_klines(self.market))
            times = self.market.candles.open_time[first:end]
            return [np.nan] * len(FIGURES), daily_returns(times, np.ones(len(times)))
        return _figures(metrics(course)), daily_returns(course.open_time, course.equity)

    def _course(self, settings: RunParameters) -> Course:
        first, end = engine.rows_of(self.market, settings, self.span)
        bars = engine.bars_of(self.market, self._signal(settings), settings)
        if self._tape is None or len(self._tape.equity) < end - first:
            self._tape = engine.tape_for(end - first)
        tape = self._tape
        trades, closed = run_bars_compiled(bars, first, end, engine.setup_of(self.market, settings), tape)
        fees = (tape.entry_price[:trades] / UNITS) @ (tape.entry_fee[:trades] / UNITS)
        candles = self.market.candles
        return Course(
            open_time=candles.open_time[first:end],
            interval_ms=INTERVAL_MS[self.market.interval],
            close=candles.close[first:end],
            equity=tape.equity[: end - first].copy(),
            is_exposed=tape.is_exposed[: end - first],
            initial_capital=float(settings.initial_capital),
            trade_pnl=tape.net_pnl[:closed] / UNITS,
            fees_paid=float(fees + tape.exit_fee[:closed].sum() / UNITS),
        )

    def _signal(self, settings: RunParameters) -> NDArray[np.int8]:
        key = (settings.strategy, settings.strategy_params)
        if key not in self._signals:
            if len(self._signals) >= SIGNALS_KEPT:
                self._signals.pop(next(iter(self._signals)))
            self._signals[key] = engine.signals_of(self.market, settings)
        return self._signals[key]


def _klines(market: engine.Market) -> Any:
    from exchange.types import Klines

    return Klines(market.interval, *market.candles)


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def _figures(measured: Metrics) -> list[float]:
    return [np.nan if (value := getattr(measured, name)) is None else float(value) for name in FIGURES]
