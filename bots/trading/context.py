"""The context of one run: its exchange, candles, symbol rules and time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bots.models import BotConfig, Status
from core.times import to_datetime
from exchange.api.base import Exchange
from exchange.api.types import Klines, SymbolRules
from exchange.factory import connect
from exchange.klines.candles import shared_candles
from exchange.symbol_catalogue import rules_for


class CandleSource(Protocol):
    """Return closed bars, newest last; at least `bars` of them if the exchange has so many."""

    def closed(self, symbol: str, interval: str, *, bars: int, now_ms: int) -> Klines: ...


@dataclass(frozen=True, slots=True)
class TradingContext:
    """Hold the context of one run. `now_ms` is market time.

    `asked_at_ms` is the time by which a bar's age is measured: now, but in a replay right after the bar's close, so
    that a gap in the data makes no signal stale (rule 1).
    """

    exchange: Exchange
    candles: CandleSource
    rules: SymbolRules
    now_ms: int
    asked_at_ms: int | None = None

    @property
    def now(self) -> datetime:
        return to_datetime(self.now_ms)

    def exchange_time(self) -> datetime:
        """Return the exchange's own time, which does not jump with this machine's clock."""
        return to_datetime(self.exchange.server_time_ms())

    def age_ms(self, close_time_ms: int) -> int:
        """Return how long ago a bar closed, for the age limit of rule 1."""
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
    """Report that the bot's history is being simulated."""


def context_for_tick(bot: BotConfig) -> TradingContext:
    """Connect a bot for a tick on today's market. Raise `StillPreparing` while its history is being simulated."""
    if bot.state.status == Status.PREPARING:
        raise StillPreparing("Its history is being simulated; today's market must not reach it.")
    return open_context(bot)
