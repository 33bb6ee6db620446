"""A backtest: candles, rules and settings in, a `RunResult` and its series out. No Django here.

The bar loop itself is in loop.py; which candles to read is data.py's matter. `Market` is what many runs on the same
candles share: a search prepares it once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtests.engine.buffers import Bars, Outcome, RunBuffers, Setup
from backtests.engine.jit_cache import compile_cached
from backtests.engine.loop import MINUTE_MS, MONDAY_MINUTE, WEEK_MINUTES, run_bars, run_bars_compiled
from backtests.engine.metrics import Course, last_of_each_day, measured, returns_between
from backtests.engine.result import ClosedTrade, OpenTrade, RunResult
from backtests.engine.timerange import Span
from bots.settings import trading_hours as hours
from bots.settings.engine import rule_settings
from bots.settings.lot_rules import lot_rules
from bots.settings.run_settings import RunSettings
from bots.strategy import registry
from bots.strategy.types import Candles, Events, ExitReason, RejectionReason
from exchange.api.types import INTERVAL_MS, Klines, SymbolRules
from exchange.fills import from_units, slippage_units, to_units

WHOLE = Span()


class BacktestError(ValueError):
    """A run that cannot be made on this data; the message says why and what would do."""


@dataclass(frozen=True, slots=True)
class Market:
    """Candles and the symbol's rules, checked once for any number of runs."""

    symbol: str
    interval: str
    rules: SymbolRules
    candles: Candles

    @property
    def bars(self) -> int:
        return len(self.candles.open_time)


@dataclass(frozen=True, slots=True)
class Backtest:
    """A finished run: its result, and per bar of the span what pages draw.

    `first` and `end` are the span's rows in the data; `equity` is per bar of it, at the close.
    """

    result: RunResult
    first: int
    end: int
    equity: NDArray[np.float64]


def prepare(klines: Klines, symbol: str, rules: SymbolRules) -> Market:
    """Check candles for what no run can use: nothing there, prices that are no numbers, times that do not ascend."""
    if not len(klines):
        raise BacktestError(f"there are no {symbol} {klines.interval} candles to run on")
    for name in ("open", "high", "low", "close"):
        series = getattr(klines, name)
        bad = np.flatnonzero(~(np.isfinite(series) & (series > 0)))
        if len(bad):
            raise BacktestError(f"the {name} of the bar at {_iso(klines.open_time[bad[0]])} is {series[bad[0]]}")
    low, high = klines.low, klines.high
    inside = (low <= klines.open) & (low <= klines.close) & (klines.open <= high) & (klines.close <= high)
    if not inside.all():
        raise BacktestError(f"the bar at {_iso(klines.open_time[inside.argmin()])} opens or closes outside its range")
    backward = np.flatnonzero(np.diff(klines.open_time) <= 0)
    if len(backward):
        raise BacktestError(f"the bar after {_iso(klines.open_time[backward[0]])} does not open later than it")
    # One kind of array, also where a reader gave read-only ones: each kind would be compiled for itself.
    arrays = (np.require(getattr(klines, name), np.float64, ["C", "W"]) for name in Candles._fields[1:])
    return Market(symbol, klines.interval, rules, Candles(np.require(klines.open_time, np.int64, ["C", "W"]), *arrays))


def events_of(market: Market, parameters: RunSettings) -> Events:
    """The strategy's signals over all bars. Raise `BacktestError` when it fails or answers nonsense."""
    events = registry.events_over(parameters.strategy, market.candles, compile_cached)
    return guarded(events, parameters.strategy, parameters.strategy_params)


def guarded(events: Callable[[Any], Events], strategy: str, params: Any) -> Events:
    """Ask for a strategy's signals; whatever that raises becomes a `BacktestError`."""
    try:
        return events(params)
    except registry.SignalsInvalid as error:
        raise BacktestError(str(error)) from error
    except Exception as error:  # a user's own strategy may raise anything
        raise BacktestError(f"strategy {strategy} failed: {type(error).__name__}: {error}") from error


def setup_of(market: Market, parameters: RunSettings) -> Setup:
    """Settings and rules as the loop takes them."""
    rules = lot_rules(market.rules)
    unit = Decimal("0.00000001")
    step = max(market.rules.step_size or unit, market.rules.market_step_size or unit)
    return Setup(
        settings=rule_settings(parameters),
        rules=rules,
        initial=to_units(parameters.initial_capital),
        compounding=parameters.compounding,
        fee_rate=float(parameters.fee_rate),
        fee=to_units(parameters.fee_rate),
        maker_fee=to_units(parameters.target_fee_rate),
        slippage=slippage_units(parameters.slippage_bps),
        tick=to_units(market.rules.tick_size or unit),
        step=to_units(step),
    )


def rows_of(market: Market, parameters: RunSettings, span: Span) -> tuple[int, int]:
    """First row and the one after the last. Raise where no bar of the span may signal and still fill."""
    first, end = span.rows(Klines(market.interval, *market.candles))
    require_bars(parameters.strategy, parameters.strategy_params, end)
    return first, end


def require_bars(strategy: str, params: Any, end: int) -> None:
    """Raise where no bar before row `end` may signal and still fill."""
    warmup = registry.get(strategy).warmup_bars(params)
    if end - 2 < warmup:
        raise BacktestError(
            f"too few bars: {strategy} may signal from bar {warmup + 1} of the data on and fills on the bar "
            f"after, but the span ends with bar {end}; take earlier candles too, or shorter periods"
        )


class Calendar(NamedTuple):
    """The rows of all the data that begin a UTC day; and the last row of each day of a run's span."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]


def tape_for(bars: int, days: int, *, with_equity: bool = True) -> RunBuffers:
    """Room for a run over so many bars and days: at most one trade begins on each bar."""
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


NO_RANGES = np.empty((0, 4))


def bars_of(
    candles: Candles,
    events: Events,
    calendar: Calendar,
    trading_hours: str = "",
    ranges: NDArray[np.float64] = NO_RANGES,
) -> Bars:
    """What the loop reads; `trading_hours` as a bot's field of that name says them, `ranges` those of the closes."""
    times, opens, highs, lows, closes, _ = candles
    return Bars(times, opens, highs, lows, closes, *events, *calendar, shut_minutes(trading_hours), ranges)


def calendar_of(open_time: NDArray[np.int64], first: int, end: int) -> Calendar:
    """The days of a run over the rows `first` to `end`; a bar belongs to the UTC day of its open."""
    starts = np.append(0, last_of_each_day(open_time)[:-1] + 1)
    inside = starts[starts.searchsorted(first, "right") : starts.searchsorted(end)]
    return Calendar(starts, np.append(inside - 1, end - 1))


@lru_cache(maxsize=64)
def shut_minutes(trading_hours: str) -> NDArray[np.bool_]:
    """For each minute of a week from Monday on, whether entries are forbidden; empty where hours are not limited."""
    minutes = range(MONDAY_MINUTE, MONDAY_MINUTE + WEEK_MINUTES) if trading_hours else range(0)
    times = (datetime.fromtimestamp(minute * MINUTE_MS / 1000, tz=UTC) for minute in minutes)
    return np.array([not hours.contains(trading_hours, time) for time in times], dtype=np.bool_)


def backtest(
    market: Market,
    parameters: RunSettings,
    span: Span = WHOLE,
    *,
    compiled: bool = True,
) -> Backtest:
    """Run the settings over the span; bars before it serve as warm-up. Interpreted where `compiled` is False.

    Raise `BacktestError` (or `SpanError`) where the data cannot carry the run.
    """
    first, end = rows_of(market, parameters, span)
    calendar = calendar_of(market.candles.open_time, first, end)
    bars = bars_of(market.candles, events_of(market, parameters), calendar, parameters.trading_hours)
    tape = tape_for(end - first, len(calendar.ends))
    loop = run_bars_compiled if compiled else run_bars
    outcome = loop(bars, first, end, setup_of(market, parameters), tape)
    return Backtest(_result(market, parameters, tape, first, end, outcome), first, end, tape.equity)


def _result(
    market: Market, parameters: RunSettings, tape: RunBuffers, first: int, end: int, outcome: Outcome
) -> RunResult:
    candles, closed = market.candles, outcome.closed
    ledger = [_trade(tape, number, candles.open_time, number < closed) for number in range(outcome.trades)]
    course = Course(
        open_time=candles.open_time[first:end],
        interval_ms=INTERVAL_MS[market.interval],
        close=candles.close[first:end],
        equity=tape.equity,
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
        rejections=rejections(tape.rejected),
        metrics=measured(course, returns_between(tape.daily), outcome.max_drawdown),
    )


def rejections(counts: NDArray[np.int64]) -> Mapping[str, int]:
    """Refused entries by the name of the gate."""
    return {RejectionReason(gate).name.lower(): int(count) for gate, count in enumerate(counts) if count}


def _trade(tape: RunBuffers, number: int, open_time: NDArray[np.int64], is_closed: bool) -> ClosedTrade | OpenTrade:
    """A trade of the tape in exact Decimals. The fee of the buy, taken in base, counts at its fill's price."""
    price, fee = int(tape.entry_price[number]), int(tape.entry_fee[number])
    entry_fee = Decimal(price * fee).scaleb(-16)
    entry: dict[str, Any] = {
        "entry_time": int(open_time[tape.entry_bar[number]]),
        "entry_price": from_units(price),
        "quantity": from_units(tape.quantity[number]),
        "net_pnl": from_units(tape.net_pnl[number]),
    }
    if not is_closed:
        return OpenTrade(**entry, fees=entry_fee)
    return ClosedTrade(
        **entry,
        exit_time=int(open_time[tape.exit_bar[number]]),
        exit_price=from_units(tape.exit_price[number]),
        exit_reason=ExitReason(tape.exit_reason[number]).name.lower(),
        fees=entry_fee + from_units(tape.exit_fee[number]),
    )


def _iso(time_ms: int) -> str:
    return datetime.fromtimestamp(int(time_ms) / 1000, tz=UTC).strftime("%Y-%m-%dT%H:%MZ")
