"""The bar loop of a backtest: settle, decide, act, over arrays (rules 1, 4 to 8 and 10). Compiled by numba.

It calls the step functions of bots/strategy and exchange/fills.py that the live runner calls. Amounts, prices and
commissions are whole units of 1e-8 (int64), so that comparisons at a level are exact; what decisions look at is the
float64 that the runner sees, units over 1e8. What goes in and comes out is in buffers.py, how a position ends in
exits.py; engine.py makes the one of settings and reads results off the other.

Nothing can happen to a flat bot before the next BUY, nor to a position before the next SELL or the first bar that
comes near one of its levels. So the loop goes from one such bar to the next, and what lies between is only valued.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from backtests.engine.buffers import UNITS, Bars, Outcome, RunBuffers, Series, Setup, price_units
from backtests.engine.exits import Sale, sale_on_signal, way_out
from backtests.engine.jit_cache import FOLDER
from bots.strategy.decide import decide
from bots.strategy.risk import drawdown_reached
from bots.strategy.types import Action, Decided, EntryFacts, Funds, Signal
from exchange.fills import ask_price, commission, mul_units

CACHE_FOLDER = FOLDER  # imported for its effect: it must come before the first compilation
MINUTE_MS = 60_000
MONDAY_MINUTE = 28_401_120  # Monday 2024-01-01 00:00 UTC, in minutes since 1970
WEEK_MINUTES = 7 * 1440
NEVER = 1 << 40  # bars since an exit that has not happened
BLOCK = 16  # closes whose extremes a search finds once


class Books(NamedTuple):
    """The bot's ledger and what its gates count. Amounts in units; `quote_before` is the quote before the entry.

    `day` is today's place in `Bars.days`.
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


class Peak(NamedTuple):
    """The highest equity at a close so far, the largest fall from one, and whether that has ended all entries."""

    equity: float
    drawdown: float
    is_halted: bool


@register_jitable
def place_from(rows: NDArray[np.int64], place: int, bar: int) -> int:
    """The place in ascending `rows`, from `place` on, of the first that is not before `bar`."""
    while place < len(rows) and rows[place] < bar:
        place += 1
    return place


@register_jitable
def minute_of_week(time_ms: int) -> int:
    """Whole minutes since Monday 00:00 UTC."""
    return (time_ms // MINUTE_MS - MONDAY_MINUTE) % WEEK_MINUTES


# --- Extremes of closes: what a stretch without a fill did to the equity ----------------------------------------------


def ranges_of(close: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each row the lowest and the highest close since its block began, and then until its block ends."""
    found = np.empty((len(close), 4))
    for begin in range(0, len(close), BLOCK):
        end = min(begin + BLOCK, len(close))
        low = high = close[begin]
        for row in range(begin, end):
            low, high = min(low, close[row]), max(high, close[row])
            found[row, 0], found[row, 1] = low, high
        low = high = close[end - 1]
        for row in range(end - 1, begin - 1, -1):
            low, high = min(low, close[row]), max(high, close[row])
            found[row, 2], found[row, 3] = low, high
    return found


ranges_of_compiled: Any = njit(cache=True, nogil=True)(ranges_of)


@register_jitable
def extremes(close: NDArray[np.float64], ranges: NDArray[np.float64], start: int, stop: int) -> tuple[float, float]:
    """The lowest and the highest close of the rows `start` to `stop` (excluded), of which there is at least one."""
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


# --- Books ------------------------------------------------------------------------------------------------------------


@register_jitable
def on_day_of(books: Books, bar: int, days: NDArray[np.int64]) -> Books:
    """The books as they count on the day of a bar: what closed on earlier days is no longer today's."""
    day = place_from(days, books.day, bar + 1) - 1
    if day <= books.day:
        return books
    return Books(
        books.quote, books.base, books.quote_before, books.closed_pnl, books.closed_pnl, 0,
        day, books.last_exit, books.trades, books.closed,
    )  # fmt: skip


@register_jitable
def bought(books: Books, bar: int, price: int, lots: int, setup: Setup, tape: RunBuffers) -> Books:
    """Book an entry (rule 7): the fee comes out of what is received."""
    quantity = lots * setup.step
    fee = commission(quantity, setup.fee)
    tape.entry_bar[books.trades], tape.entry_price[books.trades] = bar, price
    tape.quantity[books.trades], tape.entry_fee[books.trades] = quantity, fee
    return Books(
        books.quote - mul_units(price, quantity), books.base + quantity - fee, books.quote, books.closed_pnl,
        books.pnl_before_today, books.entries_today + 1, books.day, books.last_exit, books.trades + 1,
        books.closed,
    )  # fmt: skip


@register_jitable
def sold(books: Books, bar: int, sale: Sale, setup: Setup, tape: RunBuffers) -> Books:
    """Book the sale of all whole lots (rule 7); what is under one stays on the ledger."""
    quantity = books.base // setup.step * setup.step
    proceeds = mul_units(sale.price, quantity)
    fee = commission(proceeds, setup.maker_fee if sale.is_maker else setup.fee)
    quote = books.quote + proceeds - fee
    net = quote - books.quote_before
    tape.exit_bar[books.closed], tape.exit_price[books.closed], tape.exit_fee[books.closed] = bar, sale.price, fee
    tape.exit_reason[books.closed], tape.net_pnl[books.closed] = sale.reason.value, net
    return Books(
        quote, books.base - quantity, books.quote_before, books.closed_pnl + net, books.pnl_before_today,
        books.entries_today, books.day, bar, books.trades, books.closed + 1,
    )  # fmt: skip


class Valued(NamedTuple):
    """What equity is found from, and where it is written per bar of the run, whose first row is `first`."""

    close: NDArray[np.float64]
    ranges: NDArray[np.float64]
    equity: NDArray[np.float64]
    first: int


@register_jitable
def equity_range(valued: Valued, start: int, stop: int, quote: float, base: float) -> tuple[float, float]:
    """The lowest and the highest equity at the closes of the rows `start` to `stop` (excluded), at least one.

    Between them nothing moves. Each is written where there is room.
    """
    close, equity = valued.close, valued.equity
    if len(equity) == 0:
        lowest, highest = extremes(close, valued.ranges, start, stop)
        return quote + base * lowest, quote + base * highest
    low = high = quote + base * close[start]
    for row in range(start, stop):
        value = quote + base * close[row]
        equity[row - valued.first] = value
        low, high = min(low, value), max(high, value)
    return low, high


@register_jitable
def watched(valued: Valued, start: int, stop: int, quote: float, base: float, peak: Peak, limit: float) -> Peak:
    """Watch the fall of the equity over such rows; `limit` is gate 8's fraction."""
    if start >= stop:
        return peak
    low, high = equity_range(valued, start, stop, quote, base)
    if high <= peak.equity:  # no new peak: the lowest has the largest fall
        return fallen_to(low, peak, limit)
    for row in range(start, stop):
        peak = fallen_to(quote + base * valued.close[row], peak, limit)
    return peak


@register_jitable
def valued_by_day(
    close: NDArray[np.float64], day_ends: NDArray[np.int64], day: int, stop: int, quote: float, base: float,
    daily: NDArray[np.float64],
) -> int:  # fmt: skip
    """Write the equity at the ends of the days, from `day` on, that lie before row `stop`; give the next day."""
    while day < len(day_ends) and day_ends[day] < stop:
        daily[day] = quote + base * close[day_ends[day]]
        day += 1
    return day


@register_jitable
def fallen_to(value: float, peak: Peak, limit: float) -> Peak:
    """The peak after one more value of the equity, which may be a new one."""
    if value >= peak.equity:
        return Peak(value, peak.drawdown, peak.is_halted)
    drawdown = max(peak.drawdown, (peak.equity - value) / peak.equity)
    return Peak(peak.equity, drawdown, peak.is_halted or drawdown_reached(peak.equity, value, limit))


# --- Decide, and the loop itself --------------------------------------------------------------------------------------


@register_jitable
def decided_on(bar: int, price: int, is_outside: bool, books: Books, is_halted: bool, setup: Setup) -> Decided:
    """The decision on a BUY at the close of `bar`, flat, that would fill at `price` on the bar after (rule 6)."""
    facts = EntryFacts(
        False,
        is_outside,
        False,
        bar - books.last_exit,
        books.entries_today,
        (books.closed_pnl - books.pnl_before_today) / UNITS,
        (setup.initial + books.pnl_before_today) / UNITS,
        is_halted,
        True,
        math.inf,
    )
    capital = (setup.initial + books.closed_pnl if setup.compounding else setup.initial) / UNITS
    quote = books.quote / UNITS
    return decide(
        Signal.BUY, 0, facts, setup.settings, setup.rules, Funds(capital, quote, quote, price / UNITS, setup.fee_rate)
    )


def run_bars(bars: Bars, first: int, end: int, setup: Setup, tape: RunBuffers) -> Outcome:
    """Trade the rows `first` to `end` (excluded) and write the tape."""
    books = Books(setup.initial, 0, setup.initial, 0, 0, 0, 0, -NEVER, 0, 0)
    peak = Peak(setup.initial / UNITS, 0.0, False)
    exits, limit = setup.settings.exits, setup.settings.risk.max_drawdown
    is_watched = exits.stop_loss > 0.0 or exits.take_profit > 0.0 or exits.trailing_stop > 0.0
    tape.rejected[:] = 0
    # Named once: to take an array out of a tuple for each trade costs more than the trade.
    series, close = Series(bars.open, bars.high, bars.low), bars.close
    valued = Valued(close, bars.ranges, tape.equity, first)
    buys, sells, days, day_ends, shut = bars.buys, bars.sells, bars.days, bars.day_ends, bars.shut
    bar, next_buy, next_sell, next_day, exposed = first, 0, 0, 0, 0
    while bar < end:
        next_buy = place_from(buys, next_buy, bar)
        buy = min(buys[next_buy], end) if next_buy < len(buys) else end
        stop = min(buy + 1, end)
        quote, base = books.quote / UNITS, books.base / UNITS
        peak = watched(valued, bar, stop, quote, base, peak, limit)
        next_day = valued_by_day(close, day_ends, next_day, stop, quote, base, tape.daily)
        bar = buy + 1
        if bar >= end:
            break  # a decision on the last bar could fill nowhere
        books = on_day_of(books, bar, days)
        price = ask_price(price_units(series.open[bar]), setup.slippage, setup.tick)
        is_outside = len(shut) > 0 and shut[minute_of_week(bars.open_time[bar])]
        decided = decided_on(buy, price, is_outside, books, peak.is_halted, setup)
        if decided.action != Action.ENTER:
            tape.rejected[decided.gate.value] += 1
            continue
        books = bought(books, bar, price, decided.lots, setup, tape)
        next_sell = place_from(sells, next_sell, bar)
        due = min(sells[next_sell] + 1, end) if next_sell < len(sells) else end
        if is_watched:
            out, sale = way_out(series, bar, due, end, price / UNITS, setup)
        else:
            out, sale = due, sale_on_signal(series.open, due, end, setup)
        quote, base = books.quote / UNITS, books.base / UNITS
        peak = watched(valued, bar, out, quote, base, peak, limit)
        next_day = valued_by_day(close, day_ends, next_day, out, quote, base, tape.daily)
        exposed += out - bar
        bar = out
        if out < end:
            books = sold(on_day_of(books, out, days), out, sale, setup, tape)
    if books.trades > books.closed:
        tape.exit_bar[books.closed], tape.net_pnl[books.closed] = -1, books.quote - books.quote_before
    return Outcome(books.trades, books.closed, peak.drawdown, exposed)


# Arrays come in and none goes out, so nothing has to count references to them: done for each trade, by two threads to
# the same counters, that took a third of a run.
run_bars_compiled: Any = njit(cache=True, nogil=True, _nrt=False)(run_bars)  # type: ignore[call-overload]
