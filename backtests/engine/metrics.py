"""Every measure of a run, from plain arrays: what a backtest and a replay report alike (rule 9).

Pure. A measure that is not defined (no trades, no losses, no fall) is None, never 0. How likely the result is to
be luck is judged in overfitting.py.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields

import numpy as np
from numba import njit
from numpy.typing import NDArray

from backtests.engine.jit_cache import FOLDER

CACHE_FOLDER = FOLDER  # imported for its effect: it must come before the first compilation
DAY_MS = 86_400_000
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
class Course:
    """What became of a ledger, bar by bar, over the bars of the run alone.

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
    """The measures by the names that reports use. Fractions and ratios, except the amounts named in `MONEY`."""

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
        """Amounts of quote as text with 8 decimals, the rest as numbers, null where undefined."""
        values = asdict(self)
        for name in MONEY:
            if values[name] is not None:
                values[name] = f"{values[name]:.8f}"
        return values


NAMES = tuple(field.name for field in fields(Metrics))


def metrics(course: Course) -> Metrics:
    """Measure a run. Raise `ValueError` when it has no bars or its arrays do not fit together."""
    _require_bars(course)
    daily = daily_returns(course.open_time, course.equity)
    return measured(course, daily, max_drawdown(course.equity, course.initial_capital))


def measured(course: Course, daily: NDArray[np.float64], fall: float) -> Metrics:
    """Measure a run whose daily returns and largest drawdown are known, as the engine knows them.

    Of the course's equity the last value alone counts here.
    """
    values = {name: _known(value) for name, value in zip(NAMES, figures(course, daily, fall), strict=True)}
    return Metrics(**values | {"closed_trades": len(course.trade_pnl)})  # type: ignore[arg-type]


def figures(course: Course, daily: NDArray[np.float64], fall: float) -> tuple[float, ...]:
    """What `measured` says, by the order of `Metrics`; NaN where a measure is not defined."""
    return _figures(
        daily,
        np.asarray(course.trade_pnl, dtype=np.float64),
        course.initial_capital,
        float(course.equity[-1]),
        (int(course.open_time[-1]) + course.interval_ms - 1 - int(course.open_time[0])) / DAY_MS,
        fall,
        course.exposed_bars / len(course.open_time),
        float(course.fees_paid),
        float(course.close[-1] / course.close[0]) - 1,
    )


def _require_bars(course: Course) -> None:
    lengths = {len(course.open_time), len(course.close), len(course.equity)}
    if len(lengths) != 1:
        raise ValueError(f"bars, closes and equity must be of one length, not {sorted(lengths)}")
    if lengths == {0}:
        raise ValueError("there is nothing to measure: the run has no bars")
    if not course.initial_capital > 0:
        raise ValueError(f"the initial capital must be over 0, not {course.initial_capital}")


def last_of_each_day(open_time: NDArray[np.int64]) -> NDArray[np.intp]:
    """Index of the last bar of each UTC day that has bars; a bar belongs to the day of its open."""
    if not len(open_time):
        return np.empty(0, dtype=np.intp)
    midnights = np.arange(open_time[0] // DAY_MS + 1, open_time[-1] // DAY_MS + 2) * DAY_MS
    ends = np.searchsorted(open_time, midnights)
    return ends[np.append(0, ends[:-1]) < ends] - 1


def daily_returns(open_time: NDArray[np.int64], equity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Simple returns of the daily equity, from the second day on."""
    return returns_between(equity[last_of_each_day(open_time)])


def returns_between(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Simple return of each value over the one before it."""
    return values[1:] / values[:-1] - 1


def sharpe(returns: NDArray[np.float64], periods: float = DAYS_A_YEAR) -> float | None:
    """Annual Sharpe ratio, risk-free 0. None for fewer than two returns, or returns that do not vary."""
    return _known(_mean_over_deviation(returns) * math.sqrt(periods))


def sortino(returns: NDArray[np.float64], periods: float = DAYS_A_YEAR) -> float | None:
    """Annual Sortino ratio (Sortino & van der Meer 1991, target 0). None where no return is negative."""
    return _known(_mean_over_downside(returns) * math.sqrt(periods))


def sqn(pnl: NDArray[np.float64]) -> float | None:
    """System quality number (V. Tharp), without his cap of 100 trades."""
    return _known(_mean_over_deviation(pnl) * math.sqrt(len(pnl)))


def profit_factor(pnl: NDArray[np.float64]) -> float | None:
    """Gross profit over gross loss. None without a losing trade."""
    won, lost, _ = _won_and_lost(pnl)
    return won / lost if lost > 0 else None


def _known(value: float) -> float | None:
    """None for NaN, which is what compiled code says where a measure is not defined."""
    return None if math.isnan(value) else value


@njit(cache=True, nogil=True)
def _mean_over_deviation(values: NDArray[np.float64]) -> float:
    """Mean over sample standard deviation; NaN for fewer than two values, or values that do not vary."""
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
    """Mean over the root of the mean squared negative value of all; NaN where none is negative."""
    total, squares = 0.0, 0.0
    for value in values:
        total += value
        if value < 0.0:
            squares += value * value
    return total / len(values) / math.sqrt(squares / len(values)) if squares > 0.0 else math.nan


@njit(cache=True, nogil=True)
def _won_and_lost(pnl: NDArray[np.float64]) -> tuple[float, float, int]:
    """Sum of the gains, sum of the losses as a positive number, and how many gained."""
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
    """Compound growth a year; NaN where it cannot be told."""
    if days <= 0.0 or final < 0.0:
        return math.nan
    growth = math.pow(final / initial, DAYS_A_YEAR / days) - 1.0
    return growth if growth < math.inf else math.nan


def cagr(initial: float, final: float, days: float) -> float | None:
    """Compound growth a year. None where it cannot be told: no time passed, less than nothing left, or over range."""
    return _known(_growth(initial, final, days))


@njit(cache=True, nogil=True)
def _figures(
    daily: NDArray[np.float64],
    pnl: NDArray[np.float64],
    initial: float,
    final: float,
    days: float,
    fall: float,
    exposure: float,
    fees: float,
    hold: float,
) -> tuple[float, ...]:
    """Every measure by the order of `Metrics`; NaN where one is not defined."""
    trades, year = len(pnl), math.sqrt(DAYS_A_YEAR)
    won, lost, winners = _won_and_lost(pnl)
    growth = _growth(initial, final, days)
    return (
        final,
        final / initial - 1.0,
        growth,
        _mean_over_deviation(daily) * year,
        _mean_over_downside(daily) * year,
        growth / fall if fall > 0.0 else math.nan,
        fall,
        won / lost if lost > 0.0 else math.nan,
        winners / trades if trades > 0 else math.nan,
        (won - lost) / trades if trades > 0 else math.nan,
        _mean_over_deviation(pnl) * math.sqrt(trades),
        exposure,
        float(trades),
        fees,
        hold,
    )


def drawdowns(equity: NDArray[np.float64], initial: float) -> NDArray[np.float64]:
    """Fall from the peak so far at each bar, as a positive fraction; the starting capital counts as a peak."""
    peak = np.maximum(np.maximum.accumulate(equity), initial)
    return (peak - equity) / peak


def max_drawdown(equity: NDArray[np.float64], initial: float) -> float:
    """The largest of the drawdowns; 0 where equity never fell."""
    return float(drawdowns(equity, initial).max())
