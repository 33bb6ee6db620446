"""Order records: client order ids, creation, and updates by the exchange's reports.

Sending is in execution.py, looking up lost orders in reconcile.py, booking fills in accounting.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bots.models import BotConfig, Decision, Order, OrderState, Purpose, Trade
from bots.versions import current_version
from core.sql import find, insert, update
from exchange.api.types import OrderReport, OrderRequest, OrderStatus, OrderType, Side, TimeInForce

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
LETTER = {Purpose.ENTRY: "e", Purpose.STOP: "s", Purpose.TARGET: "t", Purpose.EXIT: "x"}
LIST_LETTER = "l"
SEND_WITHIN_S = 10.0

STATE_OF = {
    OrderStatus.NEW: OrderState.OPEN,
    OrderStatus.PENDING_NEW: OrderState.OPEN,
    OrderStatus.PARTIALLY_FILLED: OrderState.OPEN,
    OrderStatus.FILLED: OrderState.FILLED,
    OrderStatus.CANCELED: OrderState.CANCELED,
    OrderStatus.EXPIRED: OrderState.EXPIRED,
    OrderStatus.EXPIRED_IN_MATCH: OrderState.EXPIRED,
    OrderStatus.REJECTED: OrderState.REJECTED,
}
UNSETTLED = (OrderState.CREATED, OrderState.UNKNOWN, OrderState.OPEN)
IN_DOUBT = (OrderState.CREATED, OrderState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Draft:
    """Hold the terms of an order that is not recorded yet."""

    purpose: Purpose
    side: Side
    type: OrderType
    quantity: Decimal
    exit_reason: str = ""
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class OrderTimes:
    """Hold an order's times: its bar's open time, market time, and the exchange's own time."""

    bar: datetime
    now: datetime
    sent_at: datetime


def base36(number: int) -> str:
    """Return a whole number in base 36."""
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = DIGITS[digit] + digits
    return digits or "0"


def stem(bot: BotConfig, bar: datetime) -> str:
    """Return the prefix of the order ids of one bot and bar.

    The bot's creation time tells apart sites that share an account.
    """
    return f"{base36(bot.pk)}-{base36(int(bot.created_at.timestamp()))}-{base36(int(bar.timestamp()))}-"


def next_attempt(bot: BotConfig, bar: datetime) -> int:
    """Return 1 for the first orders of a bot's bar, then up: an id is never used twice."""
    return Order.objects.filter(client_order_id__startswith=stem(bot, bar), bot=bot).count() + 1


def record(
    bot: BotConfig,
    drafts: list[Draft],
    times: OrderTimes,
    *,
    trade: Trade | None = None,
    decision: Decision | None = None,
) -> list[Order]:
    """Record orders before they are sent; two drafts are the legs of an OCO. Call it with the state locked."""
    bar = times.bar
    attempt = next_attempt(bot, bar)
    prefix = stem(bot, bar)
    list_id = f"{prefix}{LIST_LETTER}{attempt}" if len(drafts) > 1 else ""
    orders = [
        Order(
            bot=bot,
            version=current_version(bot),
            trade=trade,
            decision=decision,
            api_key_id=bot.api_key_id,
            symbol=bot.symbol,
            purpose=draft.purpose,
            exit_reason=draft.exit_reason,
            side=draft.side,
            type=draft.type,
            quantity=draft.quantity,
            limit_price=draft.limit_price,
            stop_price=draft.stop_price,
            client_order_id=f"{prefix}{LETTER[draft.purpose]}{attempt}",
            list_client_order_id=list_id,
            created_at=times.now,
            sent_at=times.sent_at,
        )
        for draft in drafts
    ]
    insert(orders)
    return orders


def as_request(order: Order) -> OrderRequest:
    """Return the request that sends a recorded order."""
    rests_with_terms = order.type in (OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT)
    return OrderRequest(
        symbol=order.symbol,
        side=Side(order.side),
        type=OrderType(order.type),
        quantity=order.quantity,
        client_order_id=order.client_order_id,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        time_in_force=TimeInForce.GTC if rests_with_terms else None,
        send_by_s=send_by_s(order),
    )


def send_by_s(order: Order) -> float | None:
    """Return the latest time to send an order, in Unix seconds by the exchange's clock.

    It is given up as lost only long after that.
    """
    return order.sent_at.timestamp() + SEND_WITHIN_S if order.sent_at else None


def apply_report(order: Order, report: OrderReport) -> None:
    """Store an exchange's report in the order. Fills are booked by accounting.py."""
    order.exchange_order_id = report.order_id
    order.state = STATE_OF[report.status]
    order.executed_quantity = report.executed_quantity
    order.executed_quote = max(report.executed_quote, Decimal(0))
    update(order, "exchange_order_id", "state", "executed_quantity", "executed_quote", "updated_at")


def mark(order: Order, state: OrderState, error: str = "") -> None:
    """Store an order's state and the reason for it."""
    order.state = state
    order.error = error[:300]
    update(order, "state", "error", "updated_at")


def unsettled_orders(bot_id: int) -> list[Order]:
    """Return the bot's orders that may still move, oldest first."""
    return find(Order, "WHERE bot_id = %s AND state IN %s ORDER BY id", [bot_id, UNSETTLED])
