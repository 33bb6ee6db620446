"""Performance metrics of a run from plain arrays, the same for a backtest and a replay (rule 9).

Pure. A metric that is not defined (no trades, no losses, no drawdown) is None, never 0. How likely the result is luck
is measured in statistics/overfitting.py.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from backtests.engine.jit_cache import FOLDER
from core.times import DAY_MS

CACHE_FOLDER = FOLDER  # imported for its effect: it must come before the first compilation
DAYS_A_YEAR = 365
MONEY = ("final_equity", "expectancy", "fees_paid")  # amounts of quote, printed with the exchange's 8 decimals
NOISE = 1e-12  # a deviation under this share of its mean is binary noise of a constant series

DEFINITIONS: dict[str, str] = {
    "final_equity": "Quote plus base at the last close, in quote.",
    "total_return": "Final equity over initial capital, minus 1.",
    "cagr": "(final equity / initial capital) ** (365 / days) - 1; days from the first open to the last close.",
    "sharpe": "Mean over sample standard deviation of daily returns, times the root of 365; risk-free rate 0.",
    "sortino": "As Sharpe, with the root of the mean squared negative return of all days below the mean.",
    "calmar": "CAGR over the largest drawdown.",
    "max_drawdown": "Largest fall of equity at a bar's close from its peak, a fraction; the initial capital is a peak.",
    "profit_factor": "Net profit of winning closed trades over net loss of losing ones.",
    "win_rate": "Share of closed trades with a net profit; exactly 0 is neither won nor lost.",
    "expectancy": "Mean net profit of a closed trade, in quote.",
    "sqn": "Root of the number of closed trades, times their mean over sample deviation of net profit; no cap.",
    "exposure": "Share of bars with a position at the close.",
    "closed_trades": "Trades that went from flat to flat.",
    "fees_paid": "Commission of every fill, in quote at the fill's price.",
    "buy_and_hold_return": "Last close over first close, minus 1; no fee.",
}


@dataclass(frozen=True, slots=True)
class EquityCurve:
    """Equity of a run bar by bar, with its closed trades.

    Arrays of equal length n, ascending: `open_time` int64 ms, `close` the bars' closes, `equity` at each close in
    quote; a position was held at `exposed_bars` of them. `trade_pnl` holds the net PnL of closed trades, oldest first.
    """

    open_time: NDArray[np.int64]
    interval_ms: int
    close: NDArray[np.float64]
    equity: NDArray[np.float64]
    exposed_bars: int
    initial_capital: float
    trade_pnl: NDArray[np.float64]
    fees_paid: float


@dataclass(frozen=True, slots=True)
class Metrics:
    """Performance metrics of a run. Fractions and ratios, except the amounts named in `MONEY`."""

    final_equity: float
    total_return: float
    cagr: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    max_drawdown: float
    profit_factor: float | None
    win_rate: float | None
    expectancy: float | None
    sqn: float | None
    exposure: float
    closed_trades: int
    fees_paid: float
    buy_and_hold_return: float

    def to_json(self) -> dict[str, str | float | int | None]:
        """Return amounts of quote as text with 8 decimals, the rest as numbers, null where undefined."""
        values = asdict(self)
        for name in MONEY:
            if values[name] is not None:
                values[name] = f"{values[name]:.8f}"
        return values


METRIC_NAMES = tuple(field.name for field in fields(Metrics))


def compute_metrics(curve: EquityCurve) -> Metrics:
    """Compute the metrics of a run. Raise `ValueError` if it has no bars or its arrays do not fit together."""
    _require_bars(curve)
    daily = daily_returns(curve.open_time, curve.equity)
    return metrics_from_returns(curve, daily, max_drawdown(curve.equity, curve.initial_capital))


def metrics_from_returns(curve: EquityCurve, daily: NDArray[np.float64], drawdown: float) -> Metrics:
    """Compute the metrics of a run whose daily returns and largest drawdown are already known.

    Of the curve's equity only the last value counts here.
    """
    values = {
        name: _none_if_nan(value)
        for name, value in zip(METRIC_NAMES, metric_values(curve, daily, drawdown), strict=True)
    }
    return Metrics(**values | {"closed_trades": len(curve.trade_pnl)})  # type: ignore[arg-type]


def metric_values(curve: EquityCurve, daily: NDArray[np.float64], drawdown: float) -> tuple[float, ...]:
    """Return the metrics in the order of `Metrics`; NaN where one is not defined."""
    totals = _RunTotals(
        initial=float(curve.initial_capital),
        final=float(curve.equity[-1]),
        days=(int(curve.open_time[-1]) + curve.interval_ms - 1 - int(curve.open_time[0])) / DAY_MS,
        drawdown=float(drawdown),
        exposure=curve.exposed_bars / len(curve.open_time),
        fees=float(curve.fees_paid),
        buy_and_hold=float(curve.close[-1] / curve.close[0]) - 1,
    )
    return _metric_values(daily, np.asarray(curve.trade_pnl, dtype=np.float64), totals)


def _require_bars(curve: EquityCurve) -> None:
    lengths = {len(curve.open_time), len(curve.close), len(curve.equity)}
    if len(lengths) != 1:
        raise ValueError(f"bars, closes and equity must be of one length, not {sorted(lengths)}")
    if lengths == {0}:
        raise ValueError("there is nothing to measure: the run has no bars")
    if not curve.initial_capital > 0:
        raise ValueError(f"the initial capital must be over 0, not {curve.initial_capital}")


def last_of_each_day(open_time: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the index of the last bar of each UTC day that has bars. A bar belongs to the day of its open."""
    if not len(open_time):
        return np.empty(0, dtype=np.intp)
    midnights = np.arange(open_time[0] // DAY_MS + 1, open_time[-1] // DAY_MS + 2) * DAY_MS
    ends = np.searchsorted(open_time, midnights)
    return ends[np.append(0, ends[:-1]) < ends] - 1


def daily_returns(open_time: NDArray[np.int64], equity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the simple returns of the daily equity, from the second day on."""
    return returns_between(equity[last_of_each_day(open_time)])


def returns_between(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the simple return of each value over the one before it."""
    return values[1:] / values[:-1] - 1


def sharpe(returns: NDArray[np.float64], periods: float = DAYS_A_YEAR) -> float | None:
    """Return the annual Sharpe ratio, risk-free rate 0. None for fewer than two returns or constant ones."""
    return _none_if_nan(_mean_over_deviation(returns) * math.sqrt(periods))


def sortino(returns: NDArray[np.float64], periods: float = DAYS_A_YEAR) -> float | None:
    """Return the annual Sortino ratio (Sortino & van der Meer 1991, target 0). None if no return is negative."""
    return _none_if_nan(_mean_over_downside(returns) * math.sqrt(periods))


def sqn(pnl: NDArray[np.float64]) -> float | None:
    """Return the system quality number (V. Tharp), without his cap of 100 trades."""
    return _none_if_nan(_mean_over_deviation(pnl) * math.sqrt(len(pnl)))


def profit_factor(pnl: NDArray[np.float64]) -> float | None:
    """Return gross profit over gross loss. None without a losing trade."""
    won, lost, _ = _gains_and_losses(pnl)
    return won / lost if lost > 0 else None


def _none_if_nan(value: float) -> float | None:
    """Return None for NaN, which compiled code returns where a metric is not defined."""
    return None if math.isnan(value) else value


@njit(cache=True, nogil=True)
def _mean_over_deviation(values: NDArray[np.float64]) -> float:
    """Return mean over sample deviation; NaN for fewer than two values or constant ones."""
    count = len(values)
    if count < 2:
        return math.nan
    mean = 0.0
    for value in values:
        mean += value
    mean /= count
    squares = 0.0
    for value in values:
        squares += (value - mean) * (value - mean)
    deviation = math.sqrt(squares / (count - 1))
    return mean / deviation if deviation > NOISE * abs(mean) else math.nan


@njit(cache=True, nogil=True)
def _mean_over_downside(values: NDArray[np.float64]) -> float:
    """Return the mean over the root of the mean squared negative value; NaN if none is negative."""
    total, squares = 0.0, 0.0
    for value in values:
        total += value
        if value < 0.0:
            squares += value * value
    return total / len(values) / math.sqrt(squares / len(values)) if squares > 0.0 else math.nan


@njit(cache=True, nogil=True)
def _gains_and_losses(pnl: NDArray[np.float64]) -> tuple[float, float, int]:
    """Return the sum of the gains, the sum of the losses as a positive number, and the count of gains."""
    won, lost, winners = 0.0, 0.0, 0
    for value in pnl:
        if value > 0.0:
            won += value
            winners += 1
        elif value < 0.0:
            lost -= value
    return won, lost, winners


@njit(cache=True, nogil=True)
def _growth(initial: float, final: float, days: float) -> float:
    """Return the compound growth a year; NaN where it is not defined."""
    if days <= 0.0 or final < 0.0:
        return math.nan
    growth = math.pow(final / initial, DAYS_A_YEAR / days) - 1.0
    return growth if growth < math.inf else math.nan


def cagr(initial: float, final: float, days: float) -> float | None:
    """Return the compound growth a year.

    None if no time passed, the final value is negative, or the result overflows.
    """
    return _none_if_nan(_growth(initial, final, days))


class _RunTotals(NamedTuple):
    """Single numbers of a run that metrics are computed from."""

    initial: float
    final: float
    days: float
    drawdown: float
    exposure: float
    fees: float
    buy_and_hold: float


@njit(cache=True, nogil=True)
def _metric_values(daily: NDArray[np.float64], pnl: NDArray[np.float64], run: _RunTotals) -> tuple[float, ...]:
    """Compute every metric in the order of `Metrics`; NaN where one is not defined."""
    trades, year = len(pnl), math.sqrt(DAYS_A_YEAR)
    won, lost, winners = _gains_and_losses(pnl)
    growth = _growth(run.initial, run.final, run.days)
    return (
        run.final,
        run.final / run.initial - 1.0,
        growth,
        _mean_over_deviation(daily) * year,
        _mean_over_downside(daily) * year,
        growth / run.drawdown if run.drawdown > 0.0 else math.nan,
        run.drawdown,
        won / lost if lost > 0.0 else math.nan,
        winners / trades if trades > 0 else math.nan,
        (won - lost) / trades if trades > 0 else math.nan,
        _mean_over_deviation(pnl) * math.sqrt(trades),
        run.exposure,
        float(trades),
        run.fees,
        run.buy_and_hold,
    )


def drawdowns(equity: NDArray[np.float64], initial: float) -> NDArray[np.float64]:
    """Return the drawdown from the peak so far at each bar, a positive fraction.

    The starting capital counts as a peak.
    """
    peak = np.maximum(np.maximum.accumulate(equity), initial)
    return (peak - equity) / peak


def max_drawdown(equity: NDArray[np.float64], initial: float) -> float:
    """Return the largest drawdown; 0 if equity never fell."""
    return float(drawdowns(equity, initial).max())
