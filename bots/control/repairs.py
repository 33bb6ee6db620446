"""Repair a bot's state. Each repair is refused during a run, and logged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from bots.control.action_log import ActionKind, Actor, log_action
from bots.control.lifecycle import ActionRefused
from bots.models import BotConfig, BotState, Fill
from bots.trading.leases import claim, locked_state, release
from core.formats import plain
from exchange.api.types import Side
from exchange.models import Symbol

ZERO = Decimal(0)


def rebuild_ledger(bot: BotConfig, *, by: Actor = None) -> str:
    """Set quote and base to the initial capital and the sum of the fills (rule 4). Return what was changed."""
    with _state_to_repair(bot) as state:
        quote, base = _ledger_of_fills(bot, _symbol_of(bot))
        before = f"{plain(state.quote)} quote and {plain(state.base)} base"
        state.quote, state.base = quote, base
        state.save(update_fields=["quote", "base"])
        done = f"The ledger of {bot.name} is {plain(quote)} quote and {plain(base)} base; it was {before}."
        log_action(ActionKind.REPAIR, bot, by=by, reason=done)
    return done


def restart_drawdown(bot: BotConfig, *, by: Actor = None) -> str:
    """Measure the drawdown from today's equity, which ends a drawdown halt. Return what was changed."""
    with _state_to_repair(bot) as state:
        before = state.peak_equity
        state.peak_equity, state.drawdown_reached_at = state.equity, None
        state.save(update_fields=["peak_equity", "drawdown_reached_at"])
        done = f"The drawdown of {bot.name} is measured from {state.equity:.8g}; its peak was {before:.8g}."
        log_action(ActionKind.REPAIR, bot, by=by, reason=done)
    return done


def clear_failures(bot: BotConfig, *, by: Actor = None) -> str:
    """Set the count of failed ticks in a row to 0. Return what was changed."""
    with _state_to_repair(bot) as state:
        before = state.failures
        state.failures, state.last_error = 0, ""
        state.save(update_fields=["failures", "last_error"])
        done = f"{before} failed ticks of {bot.name} were cleared."
        log_action(ActionKind.REPAIR, bot, by=by, reason=done)
    return done


@contextmanager
def _state_to_repair(bot: BotConfig) -> Iterator[BotState]:
    """Hold the bot's lease and lock its state. Raise `ActionRefused` in the middle of a run."""
    lease = claim(bot.pk)
    if lease is None:
        raise ActionRefused([f"{bot.name} is in the middle of a run; try again in a moment."])
    try:
        with locked_state(lease) as state:
            yield state
    finally:
        release(lease)


def _symbol_of(bot: BotConfig) -> Symbol:
    symbol = Symbol.objects.filter(venue=bot.api_key.venue, name=bot.symbol).first()
    if symbol is None:
        raise ActionRefused([f"What {bot.symbol} is made of is not on record; run refresh_symbols first."])
    return symbol


def _ledger_of_fills(bot: BotConfig, symbol: Symbol) -> tuple[Decimal, Decimal]:
    quote, base = bot.initial_capital, ZERO
    for fill in Fill.objects.filter(bot=bot).order_by("filled_at", "exchange_trade_id"):
        sign = 1 if fill.side == Side.BUY else -1
        quote -= sign * fill.quote_quantity
        base += sign * fill.quantity
        if fill.commission_asset == symbol.base:
            base -= fill.commission
        elif fill.commission_asset == symbol.quote:
            quote -= fill.commission
        base = max(base, ZERO)  # as accounting does: BNB spent as a fee of a BNB sale may exceed what was left
    return quote, base
