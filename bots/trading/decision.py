"""Decide: rows and answers in, plain values out, and the one shared `decide` asked.

Position, ledger and gates are taken as they stood at the decided bar's close, by the market time of the fills (rule 1).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from django.db.models import Q, Sum

from bots.bot_settings import strategy_params
from bots.control import lifecycle
from bots.models import Action, BotConfig, BotState, Order, OrderState, Purpose, Status, Trade
from bots.settings import trading_hours
from bots.settings.engine import rule_settings
from bots.settings.lot_rules import lot_rules
from bots.strategy import registry
from bots.strategy.decide import decide
from bots.strategy.risk import drawdown_reached
from bots.strategy.types import Action as Act
from bots.strategy.types import Candles, EntryFacts, Funds, LotRules, RejectionReason, Signal
from bots.trading.accounting import moment
from bots.trading.context import TradingContext
from bots.trading.sql import fills_after
from core.formats import plain
from exchange.api.types import (
    INTERVAL_MS,
    Account,
    BookTicker,
    CommissionRates,
    Klines,
    OrderReport,
    Side,
    SymbolRules,
)
from exchange.models import ApiKey, Symbol
from exchange.symbols.filters import Usage, room_for_protection

NEVER = 1 << 40  # bars since an exit that has not happened

ACTIONS = {
    Act.ENTER: Action.ENTER,
    Act.EXIT: Action.EXIT,
    Act.HOLD: Action.HOLD,
    Act.WAIT: Action.WAIT,
    Act.REFUSED: Action.REFUSED,
}
NO_FACTS = EntryFacts(False, False, False, NEVER, 0, 0.0, 0.0, False, True, float("inf"))
NO_RULES = LotRules(1.0, 1.0, 1, 1, 0.0)
NO_FUNDS = Funds(0.0, 0.0, 0.0, 1.0, 0.0)


@dataclass(frozen=True, slots=True)
class Bar:
    """The newest closed bar and what the strategy says of it."""

    index: int
    open_time_ms: int
    close_time_ms: int
    close: float
    signal: int
    values: dict[str, float | None]

    @property
    def opened_at(self) -> datetime:
        return moment(self.open_time_ms)

    @property
    def closed_at(self) -> datetime:
        return moment(self.close_time_ms)


@dataclass(frozen=True, slots=True)
class Quote:
    """What the exchange says at the moment of an entry; asked for only when one is in sight."""

    account: Account
    ticker: BookTicker
    rates: CommissionRates
    orders: tuple[OrderReport, ...]  # open on this symbol, whoever placed them


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done about one bar, and why."""

    action: Action
    reason: str = ""
    quantity: Decimal | None = None
    price: Decimal | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    terms: dict[str, str] = field(default_factory=dict)  # as Decision.terms has them


def warmup_bars(bot: BotConfig) -> int:
    return int(registry.get(bot.strategy).warmup_bars(strategy_params(bot)))


def bars_needed(bot: BotConfig) -> int:
    """Bars that a decision looks at: the warm-up and itself, and as many as its cooldown counts."""
    return max(warmup_bars(bot) + 1, bot.cooldown_bars + 2)


def as_candles(klines: Klines) -> Candles:
    return Candles(klines.open_time, klines.open, klines.high, klines.low, klines.close, klines.volume)


def read_bar(bot: BotConfig, klines: Klines) -> Bar:
    """The newest bar with the strategy's signal and indicator values.

    Raises:
        ValueError: the bar's close is not a positive number. Bad data is worse than no data.
    """
    params, strategy, candles = strategy_params(bot), registry.get(bot.strategy), as_candles(klines)
    close = float(klines.close[-1])
    if not close > 0:
        raise ValueError(f"the close of the bar at {moment(int(klines.open_time[-1]))} is {close}, which is no price")
    series = strategy.indicators(candles, params)
    return Bar(
        index=len(klines) - 1,
        open_time_ms=int(klines.open_time[-1]),
        close_time_ms=klines.close_time_ms(len(klines) - 1),
        close=close,
        signal=int(strategy.signals(candles, params)[-1]),
        values={name: _shown(values[-1]) for name, values in series.items()},
    )


def _shown(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


# --- As of a bar's close ----------------------------------------------------------------------------------------------


def was_held(trade: Trade, at: datetime) -> bool:
    """Whether a trade was open at that moment of market time."""
    return trade.opened_at <= at and (trade.closed_at is None or trade.closed_at > at)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Quote and base of a bot, and every fill since `since`, to look back with."""

    quote: Decimal
    base: Decimal
    later: tuple[tuple[datetime, Decimal, Decimal], ...]

    def at(self, moment_: datetime) -> tuple[Decimal, Decimal]:
        """(quote, base) as they stood then."""
        quote, base = self.quote, self.base
        for filled_at, quote_change, base_change in self.later:
            if filled_at > moment_:
                quote, base = quote - quote_change, base - base_change
        return quote, base

    def equity(self, moment_: datetime, close: float) -> float:
        quote, base = self.at(moment_)
        return float(quote) + float(base) * close


def ledger_since(state: BotState, since: datetime, rules: SymbolRules, latest: Trade | None) -> Ledger:
    """The bot's ledger, able to answer for any moment from `since` on. `latest` is the bot's newest trade."""
    if latest is None or (latest.closed_at is not None and latest.closed_at <= since):
        return Ledger(state.quote, state.base, ())
    later = []
    for fill in fills_after(state.bot_id, since):
        sign = 1 if fill.side == Side.BUY else -1
        quote, base = -sign * fill.quote_quantity, sign * fill.quantity
        if fill.commission_asset == rules.base:
            base -= fill.commission
        elif fill.commission_asset == rules.quote:
            quote -= fill.commission
        later.append((fill.filled_at, quote, base))
    return Ledger(state.quote, state.base, tuple(later))


@dataclass(frozen=True, slots=True)
class EquityPath:
    """Equity at the newest close, the peak so far, and whether (and when) the drawdown limit was reached."""

    equity: float
    peak: float
    reached_at: datetime | None


def walk_equity(bot: BotConfig, state: BotState, ledger: Ledger, klines: Klines, first_new: int) -> EquityPath:
    """Follow the equity over every bar that closed since the last decision (gate 8 looks at each of them)."""
    limit = rule_settings(bot).risk.max_drawdown
    equity, peak, reached_at = state.equity, state.peak_equity, state.drawdown_reached_at
    for index in range(first_new, len(klines)):
        closed_at = moment(klines.close_time_ms(index))
        equity = ledger.equity(closed_at, float(klines.close[index]))
        peak = max(peak, equity)
        if reached_at is None and drawdown_reached(peak, equity, limit):
            reached_at = closed_at
    return EquityPath(equity, peak, reached_at)


# --- What an entry needs to know --------------------------------------------------------------------------------------


def ask_quote(bot: BotConfig, desk: TradingContext) -> Quote:
    """Balances, prices, fee rates and open orders, from the exchange."""
    return Quote(
        account=desk.exchange.account(),
        ticker=desk.exchange.book_ticker(bot.symbol),
        rates=desk.exchange.commission_rates(bot.symbol),
        orders=desk.exchange.open_orders(bot.symbol),
    )


def judge(
    bot: BotConfig,
    state: BotState,
    bar: Bar,
    was_long: bool,
    klines: Klines,
    path: EquityPath,
    desk: TradingContext,
    quote: Quote | None,
) -> Verdict:
    """Ask the shared `decide` about one bar. `quote` is needed for a BUY while flat only.

    Call it inside the transaction that records its answer: the rooms it counts are held by the key's lock.
    """
    lots = 1 if was_long else 0
    if quote is None:
        # Without prices nothing is entered, so a BUY cannot get here while flat.
        decided = decide(bar.signal, lots, NO_FACTS, rule_settings(bot), NO_RULES, NO_FUNDS)
        return Verdict(ACTIONS[Act(decided.action)], reason=_seen(bar.signal, lots))
    capital = _capital(bot, bar.closed_at)
    facts = gather(bot, state, bar, klines, path, desk, quote)
    rules = lot_rules(desk.rules)
    funds = Funds(
        capital=float(capital),
        ledger_quote=float(state.quote),
        account_quote=float(quote.account.free(desk.rules.quote)),
        price=float(quote.ticker.ask),
        fee_rate=float(quote.rates.taker),
    )
    decided = decide(bar.signal, lots, facts, rule_settings(bot), rules, funds)
    step = Decimal(repr(rules.step_size))
    return Verdict(
        action=ACTIONS[Act(decided.action)],
        reason="" if decided.gate == RejectionReason.OPEN else RejectionReason(decided.gate).name.lower(),
        quantity=decided.lots * step if decided.action == Act.ENTER else None,
        price=quote.ticker.ask,
        facts={**facts._asdict(), "capital": float(capital)},
        terms={
            "price": plain(quote.ticker.ask),
            "free_quote": plain(quote.account.free(desk.rules.quote)),
            "fee_rate": plain(quote.rates.taker),
        },
    )


def _seen(signal: int, lots: int) -> str:
    if signal == Signal.BUY and lots:
        return "already_long"
    if signal == Signal.SELL and not lots:
        return "nothing_to_sell"
    return "signal" if signal else ""


def _closed(bot: BotConfig, until: datetime) -> Any:
    return Trade.objects.filter(bot=bot, closed_at__lte=until)


def _net(trades: Any) -> Decimal:
    total: Decimal | None = trades.aggregate(total=Sum("net_pnl"))["total"]
    return total or Decimal(0)


def _capital(bot: BotConfig, until: datetime) -> Decimal:
    """Rule 4: what sizes are taken of."""
    return bot.initial_capital + (_net(_closed(bot, until)) if bot.compounding else 0)


def gather(
    bot: BotConfig, state: BotState, bar: Bar, klines: Klines, path: EquityPath, desk: TradingContext, quote: Quote
) -> EntryFacts:
    """The facts of rule 6. "Today" is the day of the fill, that of `now`; everything else is as of the bar's close."""
    today = desk.now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    closed = _closed(bot, bar.closed_at)
    entries = Trade.objects.filter(bot=bot, opened_at__gte=today, opened_at__lte=bar.closed_at).count()
    return EntryFacts(
        is_halted=state.status == Status.PAUSED or lifecycle.kill_switch().is_on,
        is_outside_schedule=not trading_hours.contains(bot.trading_hours, desk.now),
        is_stale=desk.age_ms(bar.close_time_ms) > max_age_ms(bot),
        bars_since_exit=_bars_since_exit(closed, klines),
        entries_today=entries,
        net_pnl_today=float(_net(closed.filter(closed_at__gte=today))),
        capital_at_day_start=float(bot.initial_capital + _net(closed.filter(closed_at__lt=today))),
        drawdown_reached=path.reached_at is not None,
        has_order_room=_has_order_room(bot, desk, quote),
        exposure_room=_exposure_room(bot, desk, quote),
    )


def max_age_ms(bot: BotConfig) -> int:
    """Rule 1: half the interval where nothing is set."""
    if bot.max_signal_age_s is not None:
        return bot.max_signal_age_s * 1000
    return INTERVAL_MS[bot.timeframe] // 2


def _bars_since_exit(closed: Any, klines: Klines) -> int:
    last = closed.order_by("-closed_at").values_list("closed_at", flat=True).first()
    if last is None:
        return NEVER
    exit_bar = int(np.searchsorted(klines.open_time, int(last.timestamp() * 1000), side="right")) - 1
    return NEVER if exit_bar < 0 else len(klines) - 1 - exit_bar


def _has_order_room(bot: BotConfig, desk: TradingContext, quote: Quote) -> bool:
    """Gate 9. Room is what the exchange counts, or what our records will need, whichever is more."""
    if not _needs_stop(bot) and bot.take_profit is None:
        return True
    usage = _usage(bot, quote)
    if not _needs_stop(bot):
        return desk.rules.max_orders is None or usage.open_orders < desk.rules.max_orders
    return room_for_protection(desk.rules, usage, bot.take_profit is not None) is None


def _needs_stop(bot: BotConfig) -> bool:
    return bot.stop_loss is not None or bot.trailing_stop is not None


def _usage(bot: BotConfig, quote: Quote) -> Usage:
    """Orders on this symbol that count against its limits: what other bots of the key hold or are about to need, and
    whatever else rests on the account."""
    entering = Q(orders__purpose=Purpose.ENTRY, orders__state__in=(OrderState.CREATED, OrderState.UNKNOWN))
    others = (
        BotConfig.objects.filter(api_key_id=bot.api_key_id, symbol=bot.symbol)
        .exclude(pk=bot.pk)
        .filter(Q(trades__closed_at__isnull=True, trades__isnull=False) | entering)
        .distinct()
    )
    needs = [(_needs_stop(other), other.take_profit is not None) for other in others]
    ours = set(
        Order.objects.filter(api_key_id=bot.api_key_id, symbol=bot.symbol, state=OrderState.OPEN).values_list(
            "client_order_id", flat=True
        )
    )
    strange = [order for order in quote.orders if order.client_order_id not in ours]
    return Usage(
        open_orders=sum(stop + target for stop, target in needs) + len(strange),
        open_algo_orders=sum(stop for stop, _ in needs) + sum(bool(order.stop_price) for order in strange),
        open_order_lists=sum(stop and target for stop, target in needs)
        + len({order.order_list_id for order in strange if order.order_list_id >= 0}),
    )


def _exposure_room(bot: BotConfig, desk: TradingContext, quote: Quote) -> float:
    """Gate 10: quote that all bots of the key may still put into this base asset."""
    limit = ApiKey.objects.values_list("max_exposure_quote", flat=True).get(pk=bot.api_key_id)
    if limit is None:
        return float("inf")
    names = Symbol.objects.filter(base=desk.rules.base).values("name")
    same_base = BotConfig.objects.filter(Q(symbol__in=names) | Q(symbol=bot.symbol), api_key_id=bot.api_key_id)
    held = BotState.objects.filter(bot__in=same_base).aggregate(total=Sum("base"))["total"] or Decimal(0)
    pending = Order.objects.filter(
        bot__in=same_base, purpose=Purpose.ENTRY, state__in=(OrderState.CREATED, OrderState.UNKNOWN)
    ).aggregate(total=Sum("quantity"))["total"] or Decimal(0)
    return float(limit - (held + pending) * quote.ticker.ask)


def wall_lateness_s(bar: Bar, now: datetime) -> float:
    return max((now - bar.closed_at - timedelta(milliseconds=1)).total_seconds(), 0.0)
