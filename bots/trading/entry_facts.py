"""Gather the inputs of an entry: the exchange's quote and the facts of rule 6."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
from django.db.models import Q, Sum

from bots.models import BotConfig, BotState, KillSwitch, Order, OrderState, Purpose, Status, Trade
from bots.settings import trading_hours
from bots.strategy.types import EntryFacts
from bots.trading.context import TradingContext
from core.times import to_datetime
from exchange.api.types import INTERVAL_MS, Account, BookTicker, CommissionRates, Klines, OrderReport
from exchange.models import ApiKey, Symbol
from exchange.symbols.filters import OpenOrderUsage, room_for_protection

NEVER = 1 << 40  # bars since the last exit, without one


@dataclass(frozen=True, slots=True)
class EntryQuote:
    """Hold what the exchange says before an entry; asked for only if one is possible."""

    account: Account
    ticker: BookTicker
    rates: CommissionRates
    orders: tuple[OrderReport, ...]  # open on this symbol, foreign ones too


@dataclass(frozen=True, slots=True)
class EntryRequest:
    """Hold a possible entry: the bot and its state, the closed bars, and the quote."""

    bot: BotConfig
    state: BotState
    close_time_ms: int
    klines: Klines
    context: TradingContext
    quote: EntryQuote


def ask_quote(bot: BotConfig, context: TradingContext) -> EntryQuote:
    """Ask the exchange for balances, prices, fee rates and open orders."""
    return EntryQuote(
        account=context.exchange.account(),
        ticker=context.exchange.book_ticker(bot.symbol),
        rates=context.exchange.commission_rates(bot.symbol),
        orders=context.exchange.open_orders(bot.symbol),
    )


def capital_at(bot: BotConfig, until: datetime) -> Decimal:
    """Return the capital that sizes are based on (rule 4)."""
    return bot.initial_capital + (_net(_closed(bot, until)) if bot.compounding else 0)


def _closed(bot: BotConfig, until: datetime) -> Any:
    return Trade.objects.filter(bot=bot, closed_at__lte=until)


def _net(trades: Any) -> Decimal:
    total: Decimal | None = trades.aggregate(total=Sum("net_pnl"))["total"]
    return total or Decimal(0)


def gather_facts(request: EntryRequest, *, is_drawdown_reached: bool) -> EntryFacts:
    """Return the facts of rule 6. "Today" is the day of the fill, that of `now`; the rest is as of the bar's close."""
    bot, context, closed_at = request.bot, request.context, to_datetime(request.close_time_ms)
    today = context.now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    closed = _closed(bot, closed_at)
    entries = Trade.objects.filter(bot=bot, opened_at__gte=today, opened_at__lte=closed_at).count()
    return EntryFacts(
        is_halted=request.state.status == Status.PAUSED or KillSwitch.load().is_on,
        is_outside_schedule=not trading_hours.contains(bot.trading_hours, context.now),
        is_stale=context.age_ms(request.close_time_ms) > max_age_ms(bot),
        bars_since_exit=_bars_since_exit(closed, request.klines),
        entries_today=entries,
        net_pnl_today=float(_net(closed.filter(closed_at__gte=today))),
        capital_at_day_start=float(bot.initial_capital + _net(closed.filter(closed_at__lt=today))),
        drawdown_reached=is_drawdown_reached,
        has_order_room=_has_order_room(bot, context, request.quote),
        exposure_room=_exposure_room(bot, context, request.quote),
    )


def max_age_ms(bot: BotConfig) -> int:
    """Return the largest age of a signal (rule 1): half the interval by default."""
    if bot.max_signal_age_s is not None:
        return bot.max_signal_age_s * 1000
    return INTERVAL_MS[bot.timeframe] // 2


def _bars_since_exit(closed: Any, klines: Klines) -> int:
    last = closed.order_by("-closed_at").values_list("closed_at", flat=True).first()
    if last is None:
        return NEVER
    exit_bar = int(np.searchsorted(klines.open_time, int(last.timestamp() * 1000), side="right")) - 1
    return NEVER if exit_bar < 0 else len(klines) - 1 - exit_bar


def _has_order_room(bot: BotConfig, context: TradingContext, quote: EntryQuote) -> bool:
    """Check gate 9: room for the protective orders of this entry, beside foreign orders and other bots'."""
    if not _needs_stop(bot) and bot.take_profit is None:
        return True
    usage = _usage(bot, quote)
    if not _needs_stop(bot):
        return context.rules.max_orders is None or usage.open_orders < context.rules.max_orders
    return room_for_protection(context.rules, usage, bot.take_profit is not None) is None


def _needs_stop(bot: BotConfig) -> bool:
    return bot.stop_loss is not None or bot.trailing_stop is not None


def _usage(bot: BotConfig, quote: EntryQuote) -> OpenOrderUsage:
    """Count the orders on this symbol: those that the key's other bots need or will need, and foreign ones."""
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
    foreign_orders = [order for order in quote.orders if order.client_order_id not in ours]
    return OpenOrderUsage(
        open_orders=sum(stop + target for stop, target in needs) + len(foreign_orders),
        open_algo_orders=sum(stop for stop, _ in needs) + sum(bool(order.stop_price) for order in foreign_orders),
        open_order_lists=sum(stop and target for stop, target in needs)
        + len({order.order_list_id for order in foreign_orders if order.order_list_id >= 0}),
    )


def _exposure_room(bot: BotConfig, context: TradingContext, quote: EntryQuote) -> float:
    """Return the quote that all bots of the key may still spend on this base asset (gate 10)."""
    limit = ApiKey.objects.values_list("max_exposure_quote", flat=True).get(pk=bot.api_key_id)
    if limit is None:
        return float("inf")
    names = Symbol.objects.filter(base=context.rules.base).values("name")
    same_base = BotConfig.objects.filter(Q(symbol__in=names) | Q(symbol=bot.symbol), api_key_id=bot.api_key_id)
    base = BotState.objects.filter(bot__in=same_base).aggregate(total=Sum("base"))["total"] or Decimal(0)
    pending = Order.objects.filter(
        bot__in=same_base, purpose=Purpose.ENTRY, state__in=(OrderState.CREATED, OrderState.UNKNOWN)
    ).aggregate(total=Sum("quantity"))["total"] or Decimal(0)
    return float(limit - (base + pending) * quote.ticker.ask)
