"""Assess the newest closed bar, for the tick that records it and the preview that shows it. Nothing is written.

Position, ledger and gates are those at the decided bar's close, by the market time of the fills (rule 1).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np

from bots.bot_settings import strategy_params
from bots.models import Action, BotConfig, BotState, Order, Purpose, Trade
from bots.settings.engine import rule_settings
from bots.settings.lot_rules import lot_rules
from bots.strategy import registry
from bots.strategy.decide import decide
from bots.strategy.types import (
    Candles,
    Decided,
    EntryFacts,
    Funds,
    LotRules,
    RejectionReason,
    RuleSettings,
    Signal,
    StrategyAction,
)
from bots.trading.context import TradingContext
from bots.trading.entry_facts import NEVER, EntryQuote, EntryRequest, capital_at, gather_facts
from bots.trading.equity import EquityPath, follow_equity, ledger_since
from bots.trading.orders import UNSETTLED, OrderTimes
from core.formats import plain
from core.times import to_datetime
from exchange.api.types import Klines

ACTIONS = {
    StrategyAction.ENTER: Action.ENTER,
    StrategyAction.EXIT: Action.EXIT,
    StrategyAction.HOLD: Action.HOLD,
    StrategyAction.WAIT: Action.WAIT,
    StrategyAction.REFUSED: Action.REFUSED,
}
# Without a quote there is no entry, so these values change no decision.
NO_FACTS = EntryFacts(False, False, False, NEVER, 0, 0.0, 0.0, False, True, float("inf"))
NO_RULES = LotRules(1.0, 1.0, 1, 1, 0.0)
NO_FUNDS = Funds(0.0, 0.0, 0.0, 1.0, 0.0)


@dataclass(frozen=True, slots=True)
class SignalBar:
    """Hold the newest closed bar with its signal and indicator values."""

    open_time_ms: int
    close_time_ms: int
    close: float
    signal: int
    values: dict[str, float | None]

    @property
    def opened_at(self) -> datetime:
        return to_datetime(self.open_time_ms)

    @property
    def closed_at(self) -> datetime:
        return to_datetime(self.close_time_ms)


@dataclass(frozen=True)
class Tick:
    """Hold the inputs of one tick: the bot, its market, the closed bars, and its newest trade, open or not."""

    bot: BotConfig
    context: TradingContext
    klines: Klines
    latest_trade: Trade | None

    @cached_property
    def settings(self) -> RuleSettings:
        return rule_settings(self.bot)

    @cached_property
    def bar(self) -> SignalBar:
        """Return the newest bar. Raise `ValueError` if its close is no price: bad data is worse than no data."""
        return read_bar(self.bot, self.klines)

    @property
    def bar_time(self) -> datetime:
        """Return the newest bar's open time, which is part of client order ids."""
        return to_datetime(int(self.klines.open_time[-1]))

    @property
    def open_trade(self) -> Trade | None:
        trade = self.latest_trade
        return trade if trade is not None and trade.closed_at is None else None

    @property
    def was_long(self) -> bool:
        """Return True if a position was held at the bar's close."""
        trade, at = self.latest_trade, self.bar.closed_at
        return trade is not None and trade.opened_at <= at and (trade.closed_at is None or trade.closed_at > at)

    @property
    def needs_quote(self) -> bool:
        """Return True if an entry is possible, so that prices and balances are needed."""
        return self.bar.signal > 0 and not self.was_long

    def order_times(self, sent_at: datetime) -> OrderTimes:
        return OrderTimes(self.bar_time, self.context.now, sent_at)

    def first_undecided(self, state: BotState) -> int:
        """Return the row of the first bar since the last decision; a new bot begins with the newest."""
        if state.last_bar is None:
            return len(self.klines) - 1
        return int(np.searchsorted(self.klines.open_time, round(state.last_bar.timestamp() * 1000), side="right"))


@dataclass(frozen=True, slots=True)
class Proposal:
    """Hold what to do about one bar, and why."""

    action: Action
    reason: str = ""
    quantity: Decimal | None = None
    price: Decimal | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    terms: dict[str, str] = field(default_factory=dict)  # as Decision.terms has them


@dataclass(frozen=True, slots=True)
class Assessment:
    """Hold the assessment: the bar, the equity up to its close, and what to do."""

    bar: SignalBar
    path: EquityPath
    proposal: Proposal
    is_warming_up: bool

    @property
    def reason(self) -> str:
        return "warming_up" if self.is_warming_up else self.proposal.reason


def warmup_bars(bot: BotConfig) -> int:
    """Return the bars that the bot's strategy needs before its first signal."""
    return int(registry.get(bot.strategy).warmup_bars(strategy_params(bot)))


def bars_needed(bot: BotConfig) -> int:
    """Return how many bars a decision needs: the warm-up and the bar, or the cooldown's."""
    return max(warmup_bars(bot) + 1, bot.cooldown_bars + 2)


def read_bar(bot: BotConfig, klines: Klines) -> SignalBar:
    """Return the newest bar with the strategy's signal and values. Raise `ValueError` if its close is no price."""
    params, strategy = strategy_params(bot), registry.get(bot.strategy)
    candles = Candles(klines.open_time, klines.open, klines.high, klines.low, klines.close, klines.volume)
    close = float(klines.close[-1])
    if not close > 0:
        raise ValueError(
            f"the close of the bar at {to_datetime(int(klines.open_time[-1]))} is {close}, which is no price"
        )
    series = strategy.indicators(candles, params)
    return SignalBar(
        open_time_ms=int(klines.open_time[-1]),
        close_time_ms=klines.close_time_ms(len(klines) - 1),
        close=close,
        signal=int(strategy.signals(candles, params)[-1]),
        values={name: _finite(values[-1]) for name, values in series.items()},
    )


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def assess(tick: Tick, state: BotState, quote: EntryQuote | None) -> Assessment:
    """Decide about the newest bar from the bot's state; `quote` is needed where `tick.needs_quote`.

    A tick calls it inside the transaction that records the decision; the key's lock protects what it counts.
    """
    first_new = min(tick.first_undecided(state), len(tick.klines) - 1)
    since = to_datetime(tick.klines.close_time_ms(first_new))
    ledger = ledger_since(state, since, tick.context.rules, tick.latest_trade)
    path = follow_equity(state, ledger, tick.klines, first_new, tick.settings.risk.max_drawdown)
    proposal = _propose(tick, state, path, quote)
    if proposal.action == Action.ENTER and _has_entered(tick):
        proposal = Proposal(Action.HOLD, reason="already_long")
    is_warming_up = not tick.bar.signal and len(tick.klines) <= warmup_bars(tick.bot)
    return Assessment(tick.bar, path, proposal, is_warming_up)


def _has_entered(tick: Tick) -> bool:
    """Return True if an earlier entry filled after the decided bar's close, or may still fill."""
    unsettled_entry = Order.objects.filter(bot=tick.bot, purpose=Purpose.ENTRY, state__in=UNSETTLED)
    return tick.open_trade is not None or unsettled_entry.exists()


def _propose(tick: Tick, state: BotState, path: EquityPath, quote: EntryQuote | None) -> Proposal:
    bar, lots = tick.bar, int(tick.was_long)
    if quote is None:
        decided = decide(bar.signal, lots, NO_FACTS, tick.settings, NO_RULES, NO_FUNDS)
        return Proposal(ACTIONS[StrategyAction(decided.action)], reason=_reason_without_entry(bar.signal, lots))
    rules, context = lot_rules(tick.context.rules), tick.context
    request = EntryRequest(tick.bot, state, bar.close_time_ms, tick.klines, context, quote)
    facts = gather_facts(request, is_drawdown_reached=path.drawdown_reached_at is not None)
    capital, free_quote = capital_at(tick.bot, bar.closed_at), quote.account.free(context.rules.quote)
    funds = Funds(
        capital=float(capital),
        ledger_quote=float(state.quote),
        account_quote=float(free_quote),
        price=float(quote.ticker.ask),
        fee_rate=float(quote.rates.taker),
    )
    decided = decide(bar.signal, lots, facts, tick.settings, rules, funds)
    terms = {"price": quote.ticker.ask, "free_quote": free_quote, "fee_rate": quote.rates.taker}
    return Proposal(
        action=ACTIONS[StrategyAction(decided.action)],
        reason=_rejection(decided),
        quantity=decided.lots * Decimal(repr(rules.step_size)) if decided.action == StrategyAction.ENTER else None,
        price=quote.ticker.ask,
        facts={**facts._asdict(), "capital": float(capital)},
        terms={name: plain(value) for name, value in terms.items()},
    )


def _rejection(decided: Decided) -> str:
    return "" if decided.gate == RejectionReason.OPEN else RejectionReason(decided.gate).name.lower()


def _reason_without_entry(signal: int, lots: int) -> str:
    if signal == Signal.BUY and lots:
        return "already_long"
    if signal == Signal.SELL and not lots:
        return "nothing_to_sell"
    return "signal" if signal else ""
