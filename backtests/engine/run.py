"""Run a backtest: candles, symbol rules and settings in, a `RunResult` and its equity out. No Django here.

The bar loop is in loop.py, what it reads and writes in buffers.py; which candles to read is decided in runs/inputs.py.
Many runs on the same candles, as in an optimisation, share one `MarketData`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtests.engine.buffers import BarArrays, EngineSettings, RunBuffers, RunSummary
from backtests.engine.jit_cache import compile_cached
from backtests.engine.loop import MINUTE_MS, MONDAY_MINUTE, WEEK_MINUTES, run_bars, run_bars_compiled
from backtests.engine.metrics import EquityCurve, last_of_each_day, metrics_from_returns, returns_between
from backtests.engine.result import ClosedTrade, OpenTrade, RunResult
from backtests.engine.timerange import TimeRange
from backtests.errors import BacktestError
from bots.settings import trading_hours as hours
from bots.settings.engine import rule_settings
from bots.settings.lot_rules import UNIT, lot_rules
from bots.settings.run_settings import RunSettings
from bots.strategy import registry
from bots.strategy.types import Candles, Events, ExitReason, RejectionReason
from core.times import to_datetime
from exchange.api.types import INTERVAL_MS, Klines, SymbolRules
from exchange.fills import from_units, slippage_units, to_units

WHOLE = TimeRange()


@dataclass(frozen=True, slots=True)
class MarketData:
    """Candles and a symbol's rules, checked once for any number of runs."""

    symbol: str
    interval: str
    rules: SymbolRules
    candles: Candles

    @property
    def bars(self) -> int:
        return len(self.candles.open_time)


@dataclass(frozen=True, slots=True)
class EngineRun:
    """A finished run: its result, and its equity at each bar's close.

    `first` and `end` are the run's rows in the data.
    """

    result: RunResult
    first: int
    end: int
    equity: NDArray[np.float64]


def prepare(klines: Klines, symbol: str, rules: SymbolRules) -> MarketData:
    """Check candles and return them with the symbol's rules.

    Raise `BacktestError` if there are none, if a price is no positive number, or if times do not ascend.
    """
    if not len(klines):
        raise BacktestError(f"there are no {symbol} {klines.interval} candles to run on")
    for name in ("open", "high", "low", "close"):
        series = getattr(klines, name)
        bad = np.flatnonzero(~(np.isfinite(series) & (series > 0)))
        if len(bad):
            raise BacktestError(f"the {name} of the bar at {_iso(klines.open_time[bad[0]])} is {series[bad[0]]}")
    low, high = klines.low, klines.high
    is_consistent = (low <= klines.open) & (low <= klines.close) & (klines.open <= high) & (klines.close <= high)
    if not is_consistent.all():
        raise BacktestError(
            f"the bar at {_iso(klines.open_time[is_consistent.argmin()])} opens or closes outside its range"
        )
    backward = np.flatnonzero(np.diff(klines.open_time) <= 0)
    if len(backward):
        raise BacktestError(f"the bar after {_iso(klines.open_time[backward[0]])} does not open later than it")
    # One kind of array, also where a reader gave read-only ones: each kind would be compiled for itself.
    arrays = (np.require(getattr(klines, name), np.float64, ["C", "W"]) for name in Candles._fields[1:])
    return MarketData(
        symbol, klines.interval, rules, Candles(np.require(klines.open_time, np.int64, ["C", "W"]), *arrays)
    )


def strategy_events(market: MarketData, parameters: RunSettings) -> Events:
    """Return the strategy's signals over all bars. Raise `BacktestError` if it fails or returns invalid ones."""
    events = registry.events_over(parameters.strategy, market.candles, compile_cached)
    return events_or_error(events, parameters.strategy, parameters.strategy_params)


def events_or_error(events: Callable[[Any], Events], strategy: str, params: Any) -> Events:
    """Ask for a strategy's signals; turn whatever it raises into a `BacktestError`."""
    try:
        return events(params)
    except registry.SignalsInvalid as error:
        raise BacktestError(str(error)) from error
    except Exception as error:  # a user's own strategy may raise anything
        raise BacktestError(f"strategy {strategy} failed: {type(error).__name__}: {error}") from error


def engine_settings(market: MarketData, parameters: RunSettings) -> EngineSettings:
    """Return settings and symbol rules as the loop takes them."""
    rules = lot_rules(market.rules)
    step = max(market.rules.step_size or UNIT, market.rules.market_step_size or UNIT)
    return EngineSettings(
        rule_settings=rule_settings(parameters),
        rules=rules,
        initial=to_units(parameters.initial_capital),
        compounding=parameters.compounding,
        fee_rate=float(parameters.fee_rate),
        fee=to_units(parameters.fee_rate),
        maker_fee=to_units(parameters.target_fee_rate),
        slippage=slippage_units(parameters.slippage_bps),
        tick=to_units(market.rules.tick_size or UNIT),
        step=to_units(step),
    )


def row_range(market: MarketData, parameters: RunSettings, time_range: TimeRange) -> tuple[int, int]:
    """Return the first row and the one after the last. Raise if no bar of the range may signal and still fill."""
    first, end = time_range.rows(Klines(market.interval, *market.candles))
    require_bars(parameters.strategy, parameters.strategy_params, end)
    return first, end


def require_bars(strategy: str, params: Any, end: int) -> None:
    """Raise `BacktestError` if no bar before row `end` may signal and still fill."""
    warmup = registry.get(strategy).warmup_bars(params)
    if end - 2 < warmup:
        raise BacktestError(
            f"too few bars: {strategy} may signal from bar {warmup + 1} of the data on and fills on the bar "
            f"after, but the period ends with bar {end}; take earlier candles too, or shorter periods"
        )


class Calendar(NamedTuple):
    """The rows of all the data that begin a UTC day, and the last row of each day of a run."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]


def allocate_buffers(bars: int, days: int, *, with_equity: bool = True) -> RunBuffers:
    """Allocate the arrays of a run over so many bars and days: at most one trade begins on each bar."""
    whole = [np.empty(bars, dtype=np.int64) for _ in range(8)]
    return RunBuffers(
        equity=np.empty(bars if with_equity else 0, dtype=np.float64),
        daily=np.empty(days, dtype=np.float64),
        entry_bar=whole[0],
        entry_price=whole[1],
        quantity=whole[2],
        entry_fee=whole[3],
        exit_bar=whole[4],
        exit_price=whole[5],
        exit_fee=whole[6],
        exit_reason=np.empty(bars, dtype=np.int8),
        net_pnl=whole[7],
        rejected=np.zeros(len(RejectionReason), dtype=np.int64),
    )


NO_BLOCK_RANGES = np.empty((0, 4))


def bar_arrays(
    candles: Candles,
    events: Events,
    calendar: Calendar,
    trading_hours: str = "",
    ranges: NDArray[np.float64] = NO_BLOCK_RANGES,
) -> BarArrays:
    """Return what the loop reads; `trading_hours` as in a bot's field, `ranges` as in `BarArrays`."""
    times, opens, highs, lows, closes, _ = candles
    return BarArrays(times, opens, highs, lows, closes, *events, *calendar, closed_minutes(trading_hours), ranges)


def run_calendar(open_time: NDArray[np.int64], first: int, end: int) -> Calendar:
    """Return the days of a run over the rows `first` to `end`. A bar belongs to the UTC day of its open."""
    starts = np.append(0, last_of_each_day(open_time)[:-1] + 1)
    day_starts = starts[starts.searchsorted(first, "right") : starts.searchsorted(end)]
    return Calendar(starts, np.append(day_starts - 1, end - 1))


@lru_cache(maxsize=64)
def closed_minutes(trading_hours: str) -> NDArray[np.bool_]:
    """Return for each minute of a week, from Monday on, whether entries are forbidden.

    Empty where trading hours are not limited.
    """
    minutes = range(MONDAY_MINUTE, MONDAY_MINUTE + WEEK_MINUTES) if trading_hours else range(0)
    times = (to_datetime(minute * MINUTE_MS) for minute in minutes)
    return np.array([not hours.contains(trading_hours, time) for time in times], dtype=np.bool_)


def run_backtest(
    market: MarketData,
    parameters: RunSettings,
    time_range: TimeRange = WHOLE,
    *,
    compiled: bool = True,
) -> EngineRun:
    """Run the settings over the time range; earlier bars serve as warm-up.

    `compiled` False runs the loop interpreted. Raise `BacktestError` where the data cannot carry the run.
    """
    first, end = row_range(market, parameters, time_range)
    calendar = run_calendar(market.candles.open_time, first, end)
    bars = bar_arrays(market.candles, strategy_events(market, parameters), calendar, parameters.trading_hours)
    buffers = allocate_buffers(end - first, len(calendar.ends))
    loop = run_bars_compiled if compiled else run_bars
    outcome = loop(bars, first, end, engine_settings(market, parameters), buffers)
    return EngineRun(_result(market, parameters, buffers, first, end, outcome), first, end, buffers.equity)


def _result(
    market: MarketData, parameters: RunSettings, buffers: RunBuffers, first: int, end: int, outcome: RunSummary
) -> RunResult:
    candles, closed = market.candles, outcome.closed
    ledger = [_trade(buffers, number, candles.open_time, number < closed) for number in range(outcome.trades)]
    curve = EquityCurve(
        open_time=candles.open_time[first:end],
        interval_ms=INTERVAL_MS[market.interval],
        close=candles.close[first:end],
        equity=buffers.equity,
        exposed_bars=outcome.exposed_bars,
        initial_capital=float(parameters.initial_capital),
        trade_pnl=np.array([float(trade.net_pnl) for trade in ledger[:closed]]),
        fees_paid=float(sum((trade.fees for trade in ledger), Decimal(0))),
    )
    return RunResult(
        symbol=market.symbol,
        bars=end - first,
        first_open_time=int(candles.open_time[first]),
        last_open_time=int(candles.open_time[end - 1]),
        parameters=parameters.to_json(),
        trades=tuple(ledger),
        rejections=rejections(buffers.rejected),
        metrics=metrics_from_returns(curve, returns_between(buffers.daily), outcome.max_drawdown),
    )


def rejections(counts: NDArray[np.int64]) -> Mapping[str, int]:
    """Return the counts of refused entries by the name of their reason."""
    return {RejectionReason(gate).name.lower(): int(count) for gate, count in enumerate(counts) if count}


def _trade(buffers: RunBuffers, number: int, open_time: NDArray[np.int64], is_closed: bool) -> ClosedTrade | OpenTrade:
    """Return a trade of the buffers in exact Decimals.

    The entry's fee, taken in base, is valued at its fill's price.
    """
    price, fee = int(buffers.entry_price[number]), int(buffers.entry_fee[number])
    entry_fee = Decimal(price * fee).scaleb(-16)
    entry: dict[str, Any] = {
        "entry_time": int(open_time[buffers.entry_bar[number]]),
        "entry_price": from_units(price),
        "quantity": from_units(buffers.quantity[number]),
        "net_pnl": from_units(buffers.net_pnl[number]),
    }
    if not is_closed:
        return OpenTrade(**entry, fees=entry_fee)
    return ClosedTrade(
        **entry,
        exit_time=int(open_time[buffers.exit_bar[number]]),
        exit_price=from_units(buffers.exit_price[number]),
        exit_reason=ExitReason(buffers.exit_reason[number]).name.lower(),
        fees=entry_fee + from_units(buffers.exit_fee[number]),
    )


def _iso(time_ms: int) -> str:
    return f"{to_datetime(time_ms):%Y-%m-%dT%H:%MZ}"
