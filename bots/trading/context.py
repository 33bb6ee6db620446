"""What one run works with: its exchange, its candles and its time. The only place that connects a bot to the world."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bots.models import BotConfig, Status
from bots.trading.accounting import moment
from exchange.api.base import Exchange
from exchange.api.types import Klines, SymbolRules
from exchange.factory import connect
from exchange.klines.candles import shared_candles
from exchange.symbol_catalogue import rules_for


class CandleSource(Protocol):
    """Closed bars, newest last; at least `bars` of them where the exchange has that many."""

    def closed(self, symbol: str, interval: str, *, bars: int, now_ms: int) -> Klines: ...


@dataclass(frozen=True, slots=True)
class TradingContext:
    """`now_ms` is market time. `asked_at_ms` is when the newest bar is judged for age: now, but in a replay right after
    that bar's close, so that a gap in the data makes nothing stale (rule 1)."""

    exchange: Exchange
    candles: CandleSource
    rules: SymbolRules
    now_ms: int
    asked_at_ms: int | None = None

    @property
    def now(self) -> datetime:
        return moment(self.now_ms)

    def exchange_time(self) -> datetime:
        """The exchange's own clock, which a step of ours does not move: how long ago an order went on record."""
        return moment(self.exchange.server_time_ms())

    def age_ms(self, close_time_ms: int) -> int:
        """How long ago a bar closed, as rule 1's staleness counts it."""
        return (self.asked_at_ms or self.now_ms) - close_time_ms


def open_context(bot: BotConfig) -> TradingContext:
    """Connect a bot to its key's exchange, at the exchange's time."""
    exchange = connect(bot.api_key)
    return TradingContext(
        exchange=exchange,
        candles=shared_candles(exchange, bot.api_key),
        rules=rules_for(bot.api_key, bot.symbol),
        now_ms=exchange.server_time_ms(),
    )


class StillPreparing(Exception):
    """The bot's past is being made; today's market must not reach into it."""


def context_for_tick(bot: BotConfig) -> TradingContext:
    """Connect a bot for a tick on today's market. Raise `StillPreparing` while its past is being made."""
    if bot.state.status == Status.PREPARING:
        raise StillPreparing("Its past is being made; today's market must not reach into it.")
    return open_context(bot)
