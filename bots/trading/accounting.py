"""Book fills: they alone move a bot's ledger and make its trades (rule 4).

Callers hold the locked state. The balances of the exchange account are never read here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from bots.models import BotState, Fill, Order, Purpose, Trade
from core.sql import find, insert, update
from core.times import to_datetime
from exchange.api.types import FillReport, Side, SymbolRules

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Booking:
    """Hold a fill's change of the ledger in base and quote, and its commission in quote."""

    base: Decimal
    quote: Decimal
    fee_quote: Decimal


def booking(fill: FillReport, rules: SymbolRules, discount_price: Decimal | None = None) -> Booking:
    """Return the booking of one execution (rule 4).

    A commission in a third asset (BNB) does not change the ledger. Its worth in quote follows from `discount_price`,
    the price of one unit of that asset in quote.
    """
    sign = 1 if fill.side == Side.BUY else -1
    base, quote = sign * fill.quantity, -sign * fill.quote_quantity
    if fill.commission_asset == rules.base:
        return Booking(base - fill.commission, quote, fill.commission * fill.price)
    if fill.commission_asset == rules.quote:
        return Booking(base, quote - fill.commission, fill.commission)
    return Booking(base, quote, fill.commission * (discount_price or ZERO))


def book(
    state: BotState,
    order: Order,
    reports: Sequence[FillReport],
    rules: SymbolRules,
    *,
    discount_price: Decimal | None = None,
) -> int:
    """Book the fills of an order that are not on record yet, and return how many were new."""
    booked_ids = set(order.fills.values_list("exchange_trade_id", flat=True)) if reports else set()
    new = sorted((fill for fill in reports if fill.trade_id not in booked_ids), key=lambda fill: fill.trade_id)
    for fill in new:
        entry = booking(fill, rules, discount_price)
        trade = _trade_of(state, order, fill)
        _store(order, trade, fill, entry)
        state.base = max(state.base + entry.base, ZERO)  # BNB spent as a fee of a BNB sale may exceed what was left
        state.quote += entry.quote
        _move_trade(trade, fill, entry)
        if fill.side == Side.SELL and is_flat(state, rules):
            _close(trade, order, fill)
        trade.save()
    if new:
        update(state, "base", "quote")
    return len(new)


def is_flat(state: BotState, rules: SymbolRules) -> bool:
    """Return True if the ledger's base is less than one step of the lot."""
    return sellable(state, rules) == 0


def sellable(state: BotState, rules: SymbolRules) -> Decimal:
    """Return the ledger's base, floored to the step of a market sale."""
    step = max(rules.step_size or ZERO, rules.market_step_size or ZERO) or Decimal("0.00000001")
    return state.base // step * step


def _trade_of(state: BotState, order: Order, fill: FillReport) -> Trade:
    """Return the trade of a fill: a sale's from its order, a purchase's the open one, else a new one."""
    if fill.side == Side.SELL and order.trade is not None:
        return Trade.objects.get(pk=order.trade.pk)
    trade = Trade.objects.filter(bot_id=state.bot_id, closed_at__isnull=True).first()
    if trade is not None:
        return trade
    return Trade.objects.create(
        bot_id=state.bot_id,
        version=order.version,
        symbol=order.symbol,
        opened_at=to_datetime(fill.time_ms),
        quantity=ZERO,
        entry_price=ZERO,
    )


def _store(order: Order, trade: Trade, fill: FillReport, entry: Booking) -> None:
    if order.trade_id != trade.pk:
        order.trade = trade
        order.save(update_fields=["trade"])
    booked = Fill(
        bot_id=order.bot_id,
        order=order,
        trade=trade,
        api_key_id=order.api_key_id,
        symbol=order.symbol,
        exchange_trade_id=fill.trade_id,
        side=fill.side,
        price=fill.price,
        quantity=fill.quantity,
        quote_quantity=fill.quote_quantity,
        commission=fill.commission,
        commission_asset=fill.commission_asset,
        fee_quote=entry.fee_quote,
        is_maker=fill.is_maker,
        filled_at=to_datetime(fill.time_ms),
    )
    insert([booked])


def _move_trade(trade: Trade, fill: FillReport, entry: Booking) -> None:
    trade.net_pnl += entry.quote
    trade.fees += entry.fee_quote
    if fill.side == Side.BUY:
        spent = trade.entry_price * trade.quantity + fill.price * fill.quantity
        trade.quantity += fill.quantity
        trade.entry_price = (spent / trade.quantity).quantize(Decimal("1e-16"))


def _close(trade: Trade, order: Order, fill: FillReport) -> None:
    sold = Fill.objects.filter(trade=trade, side=Side.SELL).values_list("price", "quantity")
    quantity = sum((part for _, part in sold), ZERO)
    trade.exit_price = (sum((price * part for price, part in sold), ZERO) / quantity).quantize(Decimal("1e-16"))
    trade.closed_at = to_datetime(fill.time_ms)
    trade.exit_reason = order.exit_reason or (
        Trade.Reason.TAKE_PROFIT if order.purpose == Purpose.TARGET else Trade.Reason.MANUAL
    )
    trade.exit_requested = ""


def newest_trade(bot_id: int) -> Trade | None:
    """Return the bot's open trade, else the last one that it closed."""
    trades = find(Trade, "WHERE bot_id = %s ORDER BY opened_at DESC, id DESC LIMIT 1", [bot_id])
    return trades[0] if trades else None
