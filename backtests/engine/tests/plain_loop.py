"""The rules bar by bar, plainly: what the engine's loop, which skips bars on which nothing can happen, is held to.

Interpreted, one long function, nothing clever. It calls the same step functions.
"""

from __future__ import annotations

import math

import numpy as np

from backtests.engine.buffers import UNITS, BarArrays, EngineSettings, RunBuffers, price_units
from backtests.engine.exits import ExitFill
from backtests.engine.loop import MINUTE_MS, MONDAY_MINUTE, NEVER, WEEK_MINUTES
from bots.strategy.decide import decide
from bots.strategy.exits import active_stop, opening_levels, stop_reason, trail_level
from bots.strategy.risk import drawdown_reached
from bots.strategy.types import EntryFacts, ExitReason, Funds, Levels, Signal, StrategyAction
from exchange.fills import ask_price, bid_price, commission, mul_units

DAY_MS = 86_400_000


def exit_at_open(open_: int, rest: Levels, now: Levels, wants_exit: bool, settings: EngineSettings) -> ExitFill:
    """Rule 8.1 to 8.4: what the open itself does to a position of an earlier bar."""
    if active_stop(rest) > 0 and open_ <= active_stop(rest) * settings.tick:
        return ExitFill(bid_price(open_, settings.slippage, settings.tick), stop_reason(rest), False)
    if now.target > 0 and open_ >= now.target * settings.tick:
        return ExitFill(now.target * settings.tick, ExitReason.TAKE_PROFIT, True)
    if wants_exit:
        return ExitFill(bid_price(open_, settings.slippage, settings.tick), ExitReason.SIGNAL, False)
    return ExitFill(0, ExitReason.NONE, False)


def exit_in_bar(open_: int, high: int, low: int, now: Levels, settings: EngineSettings) -> ExitFill:
    """Rule 8.4 to 8.6: what a bar does to a position held since its open or bought at it."""
    stop = active_stop(now) * settings.tick
    if stop > 0 and open_ <= stop:
        return ExitFill(bid_price(open_, settings.slippage, settings.tick), stop_reason(now), False)
    if stop > 0 and low <= stop:
        return ExitFill(bid_price(stop, settings.slippage, settings.tick), stop_reason(now), False)
    if now.target > 0 and high >= now.target * settings.tick:
        return ExitFill(now.target * settings.tick, ExitReason.TAKE_PROFIT, True)
    return ExitFill(0, ExitReason.NONE, False)


def run_plainly(  # noqa: C901
    bars: BarArrays, first: int, end: int, settings: EngineSettings, buffers: RunBuffers
) -> tuple[int, int]:
    """Trade the rows `first` to `end` (excluded) and write the tape. Gives the number of trades, and of closed ones."""
    signals = np.zeros(len(bars.close), dtype=np.int8)
    signals[bars.buys], signals[bars.sells] = 1, -1
    tick, step = settings.tick, settings.step
    quote, base, lots = settings.initial, 0, 0
    closed_pnl, pnl_before_today, entries_today = 0, 0, 0
    trades, closed, last_exit = 0, 0, -NEVER
    peak, is_halted = settings.initial / UNITS, False
    wanted, wants_exit = 0, False
    quote_before, highest = 0, 0.0
    rest, levels = Levels(0, 0, 0), Levels(0, 0, 0)
    protects = (
        settings.rule_settings.exits.stop_loss > 0.0
        or settings.rule_settings.exits.take_profit > 0.0
        or settings.rule_settings.exits.trailing_stop > 0.0
    )
    trails, limits_drawdown = (
        settings.rule_settings.exits.trailing_stop > 0.0,
        settings.rule_settings.risk.max_drawdown > 0.0,
    )
    quote_now, base_now = quote / UNITS, base / UNITS
    next_day = 0  # when today ends
    buffers.rejected[:] = 0

    for bar in range(first, end):
        # Settle: what was wanted at the last close fills at this open, what rests meets this bar.
        if wanted > 0 or wants_exit or (protects and lots > 0):
            if bars.open_time[bar] >= next_day:
                next_day = (bars.open_time[bar] // DAY_MS + 1) * DAY_MS
                pnl_before_today, entries_today = closed_pnl, 0
            open_ = price_units(bars.open[bar])
            sale = ExitFill(0, ExitReason.NONE, False)
            if lots > 0:
                sale = exit_at_open(open_, rest, levels, wants_exit, settings)
            else:
                price = ask_price(open_, settings.slippage, tick)
                quantity = wanted * step
                fee = commission(quantity, settings.fee)
                quote_before = quote
                quote -= mul_units(price, quantity)
                base += quantity - fee
                lots = base // step
                highest = price / UNITS
                levels = opening_levels(settings.rule_settings.exits, highest, settings.rules.tick_size)
                entries_today += 1
                buffers.entry_bar[trades], buffers.entry_price[trades] = bar, price
                buffers.quantity[trades], buffers.entry_fee[trades] = quantity, fee
                trades += 1
            if protects and sale.reason == ExitReason.NONE:
                sale = exit_in_bar(open_, price_units(bars.high[bar]), price_units(bars.low[bar]), levels, settings)
            if sale.reason != ExitReason.NONE:
                sold = lots * step
                proceeds = mul_units(sale.price, sold)
                fee = commission(proceeds, settings.maker_fee if sale.is_maker else settings.fee)
                quote += proceeds - fee
                base -= sold
                lots = 0
                closed_pnl += quote - quote_before
                last_exit = bar
                buffers.exit_bar[closed], buffers.exit_price[closed], buffers.exit_fee[closed] = bar, sale.price, fee
                buffers.exit_reason[closed], buffers.net_pnl[closed] = sale.reason.value, quote - quote_before
                closed += 1
            else:
                rest = levels
                if trails and bars.high[bar] > highest:
                    highest = bars.high[bar]
                    trail = trail_level(settings.rule_settings.exits, highest, settings.rules.tick_size)
                    levels = Levels(levels.stop, levels.target, trail)
            quote_now, base_now = quote / UNITS, base / UNITS
            wanted, wants_exit = 0, False

        # The books at this close.
        equity = quote_now + base_now * bars.close[bar]
        buffers.equity[bar - first] = equity
        peak = max(peak, equity)
        if (
            limits_drawdown
            and not is_halted
            and drawdown_reached(peak, equity, settings.rule_settings.risk.max_drawdown)
        ):
            is_halted = True

        # Decide. A decision on the last bar could fill nowhere.
        signal = signals[bar]
        if signal == Signal.NONE or bar == end - 1 or (lots > 0) == (signal == Signal.BUY):
            continue
        if bars.open_time[bar + 1] >= next_day:
            next_day = (bars.open_time[bar + 1] // DAY_MS + 1) * DAY_MS
            pnl_before_today, entries_today = closed_pnl, 0
        minute = (bars.open_time[bar + 1] // MINUTE_MS - MONDAY_MINUTE) % WEEK_MINUTES
        is_outside = bool(len(bars.blocked)) and bars.blocked[minute]
        capital = (settings.initial + closed_pnl if settings.compounding else settings.initial) / UNITS
        facts = EntryFacts(
            False,
            is_outside,
            False,
            bar - last_exit,
            entries_today,
            (closed_pnl - pnl_before_today) / UNITS,
            (settings.initial + pnl_before_today) / UNITS,
            is_halted,
            True,
            math.inf,
        )
        price_now = ask_price(price_units(bars.open[bar + 1]), settings.slippage, tick) / UNITS
        decided = decide(
            signal, lots, facts, settings.rule_settings, settings.rules,
            Funds(capital, quote_now, quote_now, price_now, settings.fee_rate),
        )  # fmt: skip
        if decided.action == StrategyAction.ENTER:
            wanted = decided.lots
        elif decided.action == StrategyAction.EXIT:
            wants_exit = True
        elif decided.action == StrategyAction.REFUSED:
            buffers.rejected[decided.gate.value] += 1

    if trades > closed:
        buffers.exit_bar[closed], buffers.net_pnl[closed] = -1, quote - quote_before
    return trades, closed
