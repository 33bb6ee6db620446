"""What a bot would do right now, and why, without sending anything or writing anything down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bots.models import Action, BotConfig, BotState, Trade
from bots.trading import decision
from bots.trading.accounting import moment, sellable
from bots.trading.context import TradingContext, open_context
from bots.trading.protective_levels import protection_of
from core.formats import plain
from exchange.api.types import Klines


@dataclass(frozen=True, slots=True)
class Preview:
    """One dry tick. `orders` are the exact orders it would send, in words a person can check."""

    bar: datetime
    close: float
    signal: int
    values: dict[str, float | None]
    action: str
    reason: str
    facts: dict[str, Any]
    orders: tuple[dict[str, str], ...]
    is_decided: bool


class NothingToPreview(Exception):
    """The exchange has too few bars to say anything; the message says how many are missing."""


def preview(bot: BotConfig, desk: TradingContext | None = None) -> Preview:
    """Decide on the newest closed bar as the next tick would. Raise `NothingToPreview` without one."""
    desk = desk or open_context(bot)
    needed = decision.bars_needed(bot)
    klines = desk.candles.closed(bot.symbol, bot.timeframe, bars=needed, now_ms=desk.now_ms)
    if len(klines) == 0:
        raise NothingToPreview(f"The exchange has no closed {bot.timeframe} bar of {bot.symbol} yet.")
    bar = decision.read_bar(bot, klines)
    state = BotState.objects.get(bot=bot)
    verdict = _judge(bot, state, bar, klines, desk)
    return Preview(
        bar=bar.opened_at,
        close=bar.close,
        signal=bar.signal,
        values=bar.values,
        action=verdict.action,
        reason=verdict.reason or ("warming_up" if len(klines) < needed else ""),
        facts=verdict.facts,
        orders=tuple(_orders(bot, verdict, klines, desk)),
        is_decided=state.last_bar is not None and state.last_bar >= bar.opened_at,
    )


def _judge(
    bot: BotConfig, state: BotState, bar: decision.Bar, klines: Klines, desk: TradingContext
) -> decision.Verdict:
    latest = Trade.objects.filter(bot=bot).order_by("-opened_at", "-pk").first()
    was_long = latest is not None and decision.was_held(latest, bar.closed_at)
    quote = decision.ask_quote(bot, desk) if bar.signal > 0 and not was_long else None
    first_new = len(klines) - 1
    ledger = decision.ledger_since(state, moment(klines.close_time_ms(first_new)), desk.rules, latest)
    path = decision.walk_equity(bot, state, ledger, klines, first_new)
    return decision.judge(bot, state, bar, was_long, klines, path, desk, quote)


def _orders(bot: BotConfig, verdict: decision.Verdict, klines: Klines, desk: TradingContext) -> list[dict[str, str]]:
    if verdict.action == Action.ENTER and verdict.quantity is not None and verdict.price is not None:
        entry = {"side": "BUY", "type": "MARKET", "quantity": plain(verdict.quantity), "at about": plain(verdict.price)}
        trade = Trade(bot=bot, opened_at=desk.now, entry_price=verdict.price, quantity=verdict.quantity)
        wanted = protection_of(bot, trade, klines, desk.rules)
        return [
            entry,
            *(_in_words(draft) for draft in wanted.drafts(verdict.quantity, desk.rules, bot.stop_limit_distance)),
        ]
    if verdict.action == Action.EXIT:
        held = sellable(BotState.objects.get(bot=bot), desk.rules)
        return [
            {"side": "SELL", "type": "MARKET", "quantity": plain(held), "note": "after cancelling its stop and target"}
        ]
    return []


def _in_words(draft: Any) -> dict[str, str]:
    words = {"side": str(draft.side), "type": str(draft.type), "quantity": plain(draft.quantity)}
    if draft.stop_price is not None:
        words["stop price"] = plain(draft.stop_price)
    if draft.limit_price is not None:
        words["limit price"] = plain(draft.limit_price)
    return words
