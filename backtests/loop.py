"""The bar loop of a backtest: settle, decide, act, over arrays (rules 1, 4 to 8 and 10). Compiled by numba.

It calls the step functions of bots/strategy and exchange/fills.py that the live runner calls. Amounts, prices and
commissions are whole units of 1e-8 (int64), so that comparisons at a level are exact; what decisions look at is the
float64 that the runner sees, units over 1e8. What goes in and what comes out as values is in engine.py.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from backtests.compiled import FOLDER
from bots.strategy.decide import decide
from bots.strategy.exits import force, opening_levels, stop_reason, trail_level
from bots.strategy.risk import drawdown_reached
from bots.strategy.types import (
    Action,
    ExitParams,
    ExitReason,
    Gate,
    Gates,
    Levels,
    LotRules,
    RiskParams,
    Signal,
    SizeParams,
)
from exchange.fills import ask_price, bid_price, commission, mul_units

CACHE_FOLDER = FOLDER  # imported for its effect: it must come before the first compilation
UNITS = 1e8
DAY_MS = 86_400_000
NEVER = 1 << 40  # bars since an exit that has not happened
GATES = len(Gate)


class Bars(NamedTuple):
    """All bars of the data: arrays of equal length. `is_outside` says where the bar's decision may not enter."""

    open_time: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    signal: NDArray[np.int8]
    is_outside: NDArray[np.bool_]


class Setup(NamedTuple):
    """What holds for the whole run. Units of 1e-8 where the name does not say a fraction."""

    size: SizeParams
    exits: ExitParams
    risk: RiskParams
    rules: LotRules
    initial: int
    compounding: bool
    fee_rate: float
    fee: int
    maker_fee: int
    slippage: int
    tick: int
    step: int


class Tape(NamedTuple):
    """What the loop writes. Per bar of the span: `equity`, `is_exposed`. Per trade: the rest, units of 1e-8.

    Bars are row numbers in the data; an open trade has exit bar -1. `rejected` counts by `Gate`.
    """

    equity: NDArray[np.float64]
    is_exposed: NDArray[np.bool_]
    entry_bar: NDArray[np.int64]
    entry_price: NDArray[np.int64]
    quantity: NDArray[np.int64]
    entry_fee: NDArray[np.int64]
    exit_bar: NDArray[np.int64]
    exit_price: NDArray[np.int64]
    exit_fee: NDArray[np.int64]
    exit_reason: NDArray[np.int8]
    net_pnl: NDArray[np.int64]
    rejected: NDArray[np.int64]


class Sale(NamedTuple):
    """How a bar ends a position: price in units, and why; NONE where it does not."""

    price: int
    reason: ExitReason
    is_maker: bool


@register_jitable
def price_units(price: float) -> int:
    """A price with at most 8 decimals as whole units."""
    return math.floor(price * UNITS + 0.5)


@register_jitable
def sale_at_open(open_: int, rest: Levels, now: Levels, wants_exit: bool, setup: Setup) -> Sale:
    """Rule 8.1 to 8.4: what the open itself does to a position of an earlier bar."""
    if force(rest) > 0 and open_ <= force(rest) * setup.tick:
        return Sale(bid_price(open_, setup.slippage, setup.tick), stop_reason(rest), False)
    if now.target > 0 and open_ >= now.target * setup.tick:
        return Sale(now.target * setup.tick, ExitReason.TAKE_PROFIT, True)
    if wants_exit:
        return Sale(bid_price(open_, setup.slippage, setup.tick), ExitReason.SIGNAL, False)
    return Sale(0, ExitReason.NONE, False)


@register_jitable
def sale_in_bar(open_: int, high: int, low: int, now: Levels, setup: Setup) -> Sale:
    """Rule 8.4 to 8.6: what a bar does to a position held since its open or bought at it."""
    stop = force(now) * setup.tick
    if stop > 0 and open_ <= stop:
        return Sale(bid_price(open_, setup.slippage, setup.tick), stop_reason(now), False)
    if stop > 0 and low <= stop:
        return Sale(bid_price(stop, setup.slippage, setup.tick), stop_reason(now), False)
    if now.target > 0 and high >= now.target * setup.tick:
        return Sale(now.target * setup.tick, ExitReason.TAKE_PROFIT, True)
    return Sale(0, ExitReason.NONE, False)


# One long function: the state it carries from bar to bar would be a dozen values in and out of every part of it.
def run_bars(bars: Bars, first: int, end: int, setup: Setup, tape: Tape) -> tuple[int, int]:  # noqa: C901
    """Trade the rows `first` to `end` (excluded) and write the tape. Gives the number of trades, and of closed ones."""
    tick, step = setup.tick, setup.step
    quote, base, lots = setup.initial, 0, 0
    closed_pnl, pnl_before_today, entries_today = 0, 0, 0
    trades, closed, last_exit = 0, 0, -NEVER
    peak, is_halted = setup.initial / UNITS, False
    wanted, wants_exit = 0, False
    quote_before, highest = 0, 0.0
    rest, levels = Levels(0, 0, 0), Levels(0, 0, 0)
    protects = setup.exits.stop_loss > 0.0 or setup.exits.take_profit > 0.0 or setup.exits.trailing_stop > 0.0
    trails, limits_drawdown = setup.exits.trailing_stop > 0.0, setup.risk.max_drawdown > 0.0
    quote_now, base_now = quote / UNITS, base / UNITS
    next_day = 0  # when today ends
    tape.rejected[:] = 0

    for bar in range(first, end):
        # Settle: what was wanted at the last close fills at this open, what rests meets this bar.
        if wanted > 0 or wants_exit or (protects and lots > 0):
            if bars.open_time[bar] >= next_day:
                next_day = (bars.open_time[bar] // DAY_MS + 1) * DAY_MS
                pnl_before_today, entries_today = closed_pnl, 0
            open_ = price_units(bars.open[bar])
            sale = Sale(0, ExitReason.NONE, False)
            if lots > 0:
                sale = sale_at_open(open_, rest, levels, wants_exit, setup)
            else:
                price = ask_price(open_, setup.slippage, tick)
                quantity = wanted * step
                fee = commission(quantity, setup.fee)
                quote_before = quote
                quote -= mul_units(price, quantity)
                base += quantity - fee
                lots = base // step
                highest = price / UNITS
                levels = opening_levels(setup.exits, highest, setup.rules.tick_size)
                entries_today += 1
                tape.entry_bar[trades], tape.entry_price[trades] = bar, price
                tape.quantity[trades], tape.entry_fee[trades] = quantity, fee
                trades += 1
            if protects and sale.reason == ExitReason.NONE:
                sale = sale_in_bar(open_, price_units(bars.high[bar]), price_units(bars.low[bar]), levels, setup)
            if sale.reason != ExitReason.NONE:
                sold = lots * step
                proceeds = mul_units(sale.price, sold)
                fee = commission(proceeds, setup.maker_fee if sale.is_maker else setup.fee)
                quote += proceeds - fee
                base -= sold
                lots = 0
                closed_pnl += quote - quote_before
                last_exit = bar
                tape.exit_bar[closed], tape.exit_price[closed], tape.exit_fee[closed] = bar, sale.price, fee
                tape.exit_reason[closed], tape.net_pnl[closed] = sale.reason.value, quote - quote_before
                closed += 1
            else:
                rest = levels
                if trails and bars.high[bar] > highest:
                    highest = bars.high[bar]
                    trail = trail_level(setup.exits, highest, setup.rules.tick_size)
                    levels = Levels(levels.stop, levels.target, trail)
            quote_now, base_now = quote / UNITS, base / UNITS
            wanted, wants_exit = 0, False

        # The books at this close.
        equity = quote_now + base_now * bars.close[bar]
        tape.equity[bar - first] = equity
        tape.is_exposed[bar - first] = lots > 0
        peak = max(peak, equity)
        if limits_drawdown and not is_halted and drawdown_reached(peak, equity, setup.risk.max_drawdown):
            is_halted = True

        # Decide. A decision on the last bar could fill nowhere.
        signal = bars.signal[bar]
        if signal == Signal.NONE or bar == end - 1 or (lots > 0) == (signal == Signal.BUY):
            continue
        if bars.open_time[bar + 1] >= next_day:
            next_day = (bars.open_time[bar + 1] // DAY_MS + 1) * DAY_MS
            pnl_before_today, entries_today = closed_pnl, 0
        capital = (setup.initial + closed_pnl if setup.compounding else setup.initial) / UNITS
        facts = Gates(
            False,
            bars.is_outside[bar],
            False,
            bar - last_exit,
            entries_today,
            (closed_pnl - pnl_before_today) / UNITS,
            (setup.initial + pnl_before_today) / UNITS,
            is_halted,
            True,
            math.inf,
        )
        price_now = ask_price(price_units(bars.open[bar + 1]), setup.slippage, tick) / UNITS
        decided = decide(
            signal, lots, facts, setup.risk, setup.size, setup.exits, setup.rules,
            capital, quote_now, quote_now, price_now, setup.fee_rate,
        )  # fmt: skip
        if decided.action == Action.ENTER:
            wanted = decided.lots
        elif decided.action == Action.EXIT:
            wants_exit = True
        elif decided.action == Action.REFUSED:
            tape.rejected[decided.gate.value] += 1

    if trades > closed:
        tape.exit_bar[closed], tape.net_pnl[closed] = -1, quote - quote_before
    return trades, closed


run_bars_compiled: Any = njit(cache=True, nogil=True)(run_bars)
