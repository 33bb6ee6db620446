"""The bar loop of a backtest: settle, decide, act, over arrays (rules 1, 4 to 8 and 10). Compiled by numba.

It calls the step functions of bots/strategy and exchange/fills.py that the live bot calls. Amounts, prices and
commissions are whole units of 1e-8 (int64), so that comparisons at a level are exact; decisions see the float64 that
the live bot sees, units over 1e8. Inputs and outputs are in buffers.py, exits in exits.py; run.py builds the inputs
from settings and reads the outputs.

Nothing can happen to a flat bot before the next BUY, nor to a position before the next SELL or the first bar that comes
near one of its levels. So the loop goes from one such bar to the next, and only values the bars between.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from backtests.engine.buffers import UNITS, BarArrays, EngineSettings, PriceArrays, RunBuffers, RunSummary, price_units
from backtests.engine.exits import ExitFill, exit_on_signal, find_exit
from backtests.engine.jit_cache import FOLDER
from bots.strategy.decide import decide
from bots.strategy.risk import drawdown_reached
from bots.strategy.types import Decided, EntryFacts, Funds, Signal, StrategyAction
from exchange.fills import ask_price, commission, mul_units

CACHE_FOLDER = FOLDER  # imported for its effect: it must come before the first compilation
MINUTE_MS = 60_000
MONDAY_MINUTE = 28_401_120  # Monday 2024-01-01 00:00 UTC, in minutes since 1970
WEEK_MINUTES = 7 * 1440
NEVER = 1 << 40  # bars since an exit that has not happened
BLOCK = 16  # closes whose extremes a search finds once


class LedgerState(NamedTuple):
    """The bot's ledger and the counts that entry rules need. Amounts in units.

    `quote_before` is the quote before the entry. `day` is the index of today in `BarArrays.days`.
    """

    quote: int
    base: int
    quote_before: int
    closed_pnl: int
    pnl_before_today: int
    entries_today: int
    day: int
    last_exit: int
    trades: int
    closed: int


class EquityPeak(NamedTuple):
    """The highest equity at a close so far, the largest drawdown, and whether it has stopped all entries."""

    equity: float
    drawdown: float
    is_halted: bool


@register_jitable
def first_index_from(rows: NDArray[np.int64], place: int, bar: int) -> int:
    """Return the index, from `place` on, of the first of the ascending `rows` that is not before `bar`."""
    while place < len(rows) and rows[place] < bar:
        place += 1
    return place


@register_jitable
def minute_of_week(time_ms: int) -> int:
    """Return the whole minutes since Monday 00:00 UTC."""
    return (time_ms // MINUTE_MS - MONDAY_MINUTE) % WEEK_MINUTES


def block_ranges(close: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each row the lowest and highest close since its block began, and until its block ends."""
    ranges = np.empty((len(close), 4))
    for begin in range(0, len(close), BLOCK):
        end = min(begin + BLOCK, len(close))
        low = high = close[begin]
        for row in range(begin, end):
            low, high = min(low, close[row]), max(high, close[row])
            ranges[row, 0], ranges[row, 1] = low, high
        low = high = close[end - 1]
        for row in range(end - 1, begin - 1, -1):
            low, high = min(low, close[row]), max(high, close[row])
            ranges[row, 2], ranges[row, 3] = low, high
    return ranges


block_ranges_compiled: Any = njit(cache=True, nogil=True)(block_ranges)


@register_jitable
def close_range(close: NDArray[np.float64], ranges: NDArray[np.float64], start: int, stop: int) -> tuple[float, float]:
    """Return the lowest and highest close of the rows `start` to `stop` (excluded), at least one row."""
    low = high = close[start]
    last = stop - 1
    if len(ranges) == 0 or start // BLOCK == last // BLOCK:
        for row in range(start + 1, stop):
            low, high = min(low, close[row]), max(high, close[row])
        return low, high
    low, high = min(ranges[start, 2], ranges[last, 0]), max(ranges[start, 3], ranges[last, 1])
    for row in range((start // BLOCK + 1) * BLOCK, last // BLOCK * BLOCK, BLOCK):  # the blocks between
        low, high = min(low, ranges[row, 2]), max(high, ranges[row, 3])
    return low, high


@register_jitable
def start_day(ledger: LedgerState, bar: int, days: NDArray[np.int64]) -> LedgerState:
    """Return the ledger as of the day of a bar: what closed on earlier days no longer counts as today's."""
    day = first_index_from(days, ledger.day, bar + 1) - 1
    if day <= ledger.day:
        return ledger
    return LedgerState(
        ledger.quote, ledger.base, ledger.quote_before, ledger.closed_pnl, ledger.closed_pnl, 0,
        day, ledger.last_exit, ledger.trades, ledger.closed,
    )  # fmt: skip


@register_jitable
def book_entry(
    ledger: LedgerState, bar: int, price: int, lots: int, settings: EngineSettings, buffers: RunBuffers
) -> LedgerState:
    """Book an entry (rule 7): the fee is taken from what is received."""
    quantity = lots * settings.step
    fee = commission(quantity, settings.fee)
    buffers.entry_bar[ledger.trades], buffers.entry_price[ledger.trades] = bar, price
    buffers.quantity[ledger.trades], buffers.entry_fee[ledger.trades] = quantity, fee
    return LedgerState(
        ledger.quote - mul_units(price, quantity), ledger.base + quantity - fee, ledger.quote, ledger.closed_pnl,
        ledger.pnl_before_today, ledger.entries_today + 1, ledger.day, ledger.last_exit, ledger.trades + 1,
        ledger.closed,
    )  # fmt: skip


@register_jitable
def book_exit(
    ledger: LedgerState, bar: int, sale: ExitFill, settings: EngineSettings, buffers: RunBuffers
) -> LedgerState:
    """Book the sale of all whole lots (rule 7); a rest under one lot stays on the ledger."""
    quantity = ledger.base // settings.step * settings.step
    proceeds = mul_units(sale.price, quantity)
    fee = commission(proceeds, settings.maker_fee if sale.is_maker else settings.fee)
    quote = ledger.quote + proceeds - fee
    net = quote - ledger.quote_before
    buffers.exit_bar[ledger.closed], buffers.exit_price[ledger.closed], buffers.exit_fee[ledger.closed] = (
        bar,
        sale.price,
        fee,
    )
    buffers.exit_reason[ledger.closed], buffers.net_pnl[ledger.closed] = sale.reason.value, net
    return LedgerState(
        quote, ledger.base - quantity, ledger.quote_before, ledger.closed_pnl + net, ledger.pnl_before_today,
        ledger.entries_today, ledger.day, bar, ledger.trades, ledger.closed + 1,
    )  # fmt: skip


class Holdings(NamedTuple):
    """Quote and base held over some bars."""

    quote: float
    base: float


class EquityArrays(NamedTuple):
    """The arrays that equity is computed from and written to. `first` is the first row of the run."""

    close: NDArray[np.float64]
    ranges: NDArray[np.float64]
    equity: NDArray[np.float64]
    first: int


@register_jitable
def equity_range(arrays: EquityArrays, start: int, stop: int, held: Holdings) -> tuple[float, float]:
    """Return the lowest and highest equity at the closes of the rows `start` to `stop` (excluded), at least one row.

    The ledger does not change in these rows. Equity per bar is written where the run keeps it.
    """
    close, equity = arrays.close, arrays.equity
    if len(equity) == 0:
        lowest, highest = close_range(close, arrays.ranges, start, stop)
        return held.quote + held.base * lowest, held.quote + held.base * highest
    quote, base = held.quote, held.base
    low = high = quote + base * close[start]
    for row in range(start, stop):
        value = quote + base * close[row]
        equity[row - arrays.first] = value
        low, high = min(low, value), max(high, value)
    return low, high


@register_jitable
def track_drawdown(
    arrays: EquityArrays, start: int, stop: int, held: Holdings, peak: EquityPeak, limit: float
) -> EquityPeak:
    """Update the peak and the drawdown over rows without a fill; `limit` is the drawdown limit (gate 8)."""
    if start >= stop:
        return peak
    low, high = equity_range(arrays, start, stop, held)
    if high <= peak.equity:  # no new peak: the lowest has the largest fall
        return update_peak(low, peak, limit)
    for row in range(start, stop):
        peak = update_peak(held.quote + held.base * arrays.close[row], peak, limit)
    return peak


@register_jitable
def write_daily_equity(
    close: NDArray[np.float64], day_ends: NDArray[np.int64], day: int, stop: int, held: Holdings,
    daily: NDArray[np.float64],
) -> int:  # fmt: skip
    """Write the equity at the day ends from `day` on that lie before row `stop`; return the next day."""
    while day < len(day_ends) and day_ends[day] < stop:
        daily[day] = held.quote + held.base * close[day_ends[day]]
        day += 1
    return day


@register_jitable
def update_peak(value: float, peak: EquityPeak, limit: float) -> EquityPeak:
    """Return the peak after one more value of the equity."""
    if value >= peak.equity:
        return EquityPeak(value, peak.drawdown, peak.is_halted)
    drawdown = max(peak.drawdown, (peak.equity - value) / peak.equity)
    return EquityPeak(peak.equity, drawdown, peak.is_halted or drawdown_reached(peak.equity, value, limit))


@register_jitable
def decide_entry(
    bar: int, price: int, is_outside: bool, ledger: LedgerState, is_halted: bool, settings: EngineSettings
) -> Decided:
    """Decide on a BUY at the close of `bar`, flat, that would fill at `price` on the next bar (rule 6)."""
    facts = EntryFacts(
        False,
        is_outside,
        False,
        bar - ledger.last_exit,
        ledger.entries_today,
        (ledger.closed_pnl - ledger.pnl_before_today) / UNITS,
        (settings.initial + ledger.pnl_before_today) / UNITS,
        is_halted,
        True,
        math.inf,
    )
    capital = (settings.initial + ledger.closed_pnl if settings.compounding else settings.initial) / UNITS
    quote = ledger.quote / UNITS
    return decide(
        Signal.BUY,
        0,
        facts,
        settings.rule_settings,
        settings.rules,
        Funds(capital, quote, quote, price / UNITS, settings.fee_rate),
    )


def run_bars(bars: BarArrays, first: int, end: int, settings: EngineSettings, buffers: RunBuffers) -> RunSummary:
    """Trade the rows `first` to `end` (excluded) and write the buffers."""
    ledger = LedgerState(settings.initial, 0, settings.initial, 0, 0, 0, 0, -NEVER, 0, 0)
    peak = EquityPeak(settings.initial / UNITS, 0.0, False)
    exits, limit = settings.rule_settings.exits, settings.rule_settings.risk.max_drawdown
    has_levels = exits.stop_loss > 0.0 or exits.take_profit > 0.0 or exits.trailing_stop > 0.0
    buffers.rejected[:] = 0
    # Named once: to take an array out of a tuple for each trade costs more than the trade.
    series, close = PriceArrays(bars.open, bars.high, bars.low), bars.close
    arrays = EquityArrays(close, bars.ranges, buffers.equity, first)
    buys, sells, days, day_ends, blocked = bars.buys, bars.sells, bars.days, bars.day_ends, bars.blocked
    bar, next_buy, next_sell, next_day, exposed = first, 0, 0, 0, 0
    while bar < end:
        next_buy = first_index_from(buys, next_buy, bar)
        buy = min(buys[next_buy], end) if next_buy < len(buys) else end
        stop = min(buy + 1, end)
        held = Holdings(ledger.quote / UNITS, ledger.base / UNITS)
        peak = track_drawdown(arrays, bar, stop, held, peak, limit)
        next_day = write_daily_equity(close, day_ends, next_day, stop, held, buffers.daily)
        bar = buy + 1
        if bar >= end:
            break  # a decision on the last bar could fill nowhere
        ledger = start_day(ledger, bar, days)
        entry_price = ask_price(price_units(series.open[bar]), settings.slippage, settings.tick)
        is_outside = len(blocked) > 0 and blocked[minute_of_week(bars.open_time[bar])]
        decided = decide_entry(buy, entry_price, is_outside, ledger, peak.is_halted, settings)
        if decided.action != StrategyAction.ENTER:
            buffers.rejected[decided.gate.value] += 1
            continue
        ledger = book_entry(ledger, bar, entry_price, decided.lots, settings, buffers)
        next_sell = first_index_from(sells, next_sell, bar)
        signal_bar = min(sells[next_sell] + 1, end) if next_sell < len(sells) else end
        if has_levels:
            exit_bar, exit_fill = find_exit(series, bar, signal_bar, end, entry_price / UNITS, settings)
        else:
            exit_bar, exit_fill = signal_bar, exit_on_signal(series.open, signal_bar, end, settings)
        held = Holdings(ledger.quote / UNITS, ledger.base / UNITS)
        peak = track_drawdown(arrays, bar, exit_bar, held, peak, limit)
        next_day = write_daily_equity(close, day_ends, next_day, exit_bar, held, buffers.daily)
        exposed += exit_bar - bar
        bar = exit_bar
        if exit_bar < end:
            ledger = book_exit(start_day(ledger, exit_bar, days), exit_bar, exit_fill, settings, buffers)
    if ledger.trades > ledger.closed:
        buffers.exit_bar[ledger.closed], buffers.net_pnl[ledger.closed] = -1, ledger.quote - ledger.quote_before
    return RunSummary(ledger.trades, ledger.closed, peak.drawdown, exposed)


# Arrays come in and none goes out, so nothing has to count references to them: done for each trade, by two threads to
# the same counters, that took a third of a run.
run_bars_compiled: Any = njit(cache=True, nogil=True, _nrt=False)(run_bars)  # type: ignore[call-overload]
