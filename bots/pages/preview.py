"""Preview what a bot would do now, and why, without sending or storing anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bots.models import Action, BotConfig, BotState, Trade
from bots.trading.accounting import newest_trade, sellable
from bots.trading.assess import Assessment, Tick, assess, bars_needed
from bots.trading.context import TradingContext, open_context
from bots.trading.entry_facts import ask_quote
from bots.trading.orders import Draft
from bots.trading.protective_levels import protection_of
from core.errors import UserError
from core.formats import plain


@dataclass(frozen=True, slots=True)
class BotPreview:
    """Hold the result of a dry tick. `orders` are the orders that it would send, as texts."""

    bar: datetime
    close: float
    signal: int
    values: dict[str, float | None]
    action: str
    reason: str
    facts: dict[str, Any]
    orders: tuple[dict[str, str], ...]
    is_decided: bool


class NothingToPreview(UserError):
    """Report that the exchange has no closed bar yet."""


def preview(bot: BotConfig, context: TradingContext | None = None) -> BotPreview:
    """Assess the newest closed bar as the next tick would. Raise `NothingToPreview` without one."""
    context = context or open_context(bot)
    klines = context.candles.closed(bot.symbol, bot.timeframe, bars=bars_needed(bot), now_ms=context.now_ms)
    if len(klines) == 0:
        raise NothingToPreview(f"The exchange has no closed {bot.timeframe} bar of {bot.symbol} yet.")
    state = BotState.objects.get(bot=bot)
    tick = Tick(bot, context, klines, newest_trade(bot.pk))
    assessment = assess(tick, state, ask_quote(bot, context) if tick.needs_quote else None)
    bar = assessment.bar
    return BotPreview(
        bar=bar.opened_at,
        close=bar.close,
        signal=bar.signal,
        values=bar.values,
        action=assessment.proposal.action,
        reason=assessment.reason,
        facts=assessment.proposal.facts,
        orders=tuple(_orders(tick, state, assessment)),
        is_decided=state.last_bar is not None and state.last_bar >= bar.opened_at,
    )


def _orders(tick: Tick, state: BotState, assessment: Assessment) -> list[dict[str, str]]:
    proposal, rules = assessment.proposal, tick.context.rules
    if proposal.action == Action.ENTER and proposal.quantity is not None and proposal.price is not None:
        quantity, price = proposal.quantity, proposal.price
        entry = {"side": "BUY", "type": "MARKET", "quantity": plain(quantity), "at about": plain(price)}
        trade = Trade(bot=tick.bot, opened_at=tick.context.now, entry_price=price, quantity=quantity)
        protection = protection_of(tick.bot, trade, tick.klines, rules)
        return [
            entry,
            *(_as_texts(draft) for draft in protection.drafts(quantity, rules, tick.bot.stop_limit_distance)),
        ]
    if proposal.action == Action.EXIT:
        quantity = sellable(state, rules)
        note = "after cancelling stop and target"
        return [{"side": "SELL", "type": "MARKET", "quantity": plain(quantity), "note": note}]
    return []


def _as_texts(draft: Draft) -> dict[str, str]:
    texts = {"side": str(draft.side), "type": str(draft.type), "quantity": plain(draft.quantity)}
    if draft.stop_price is not None:
        texts["stop price"] = plain(draft.stop_price)
    if draft.limit_price is not None:
        texts["limit price"] = plain(draft.limit_price)
    return texts
