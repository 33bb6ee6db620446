"""Settle orders: reconcile our records with the exchange before anything is decided.

Every unsettled order is looked up by its client order id, and its fills are booked. An order whose answer was lost
blocks its bot until its outcome is certain.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from bots import incidents
from bots.models import Fill, Order, OrderState
from bots.trading import accounting
from bots.trading.context import TradingContext
from bots.trading.leases import Lease, locked_state
from bots.trading.orders import IN_DOUBT, apply_report, mark, unsettled_orders
from exchange.api.errors import ExchangeError, OrderNotFound
from exchange.api.types import FillReport, OrderReport

# By the exchange's clock a request is signed at most 10 s after it was recorded (orders.SEND_WITHIN_S). The exchange
# accepts it within its recvWindow (5 s); then come the matching engine's own limit (10 s), and 20 s for delays.
PATIENCE = timedelta(seconds=45)


class StillUnknown(Exception):
    """Report that an order's outcome is not certain yet; the bot must wait."""


def settle(lease: Lease, context: TradingContext) -> int:
    """Update every unsettled order of a bot, and return how many fills were booked.

    Raises:
        StillUnknown: an order's outcome is not certain yet; the bot must do nothing else.
    """
    unsettled = unsettled_orders(lease.bot_id)
    if not unsettled:
        return 0
    resting = {report.client_order_id: report for report in context.exchange.open_orders(lease.bot.symbol)}
    return sum(_settle_one(order, resting.get(order.client_order_id), context, lease) for order in unsettled)


def _settle_one(order: Order, resting: OrderReport | None, context: TradingContext, lease: Lease) -> int:
    if resting is not None and resting.executed_quantity == order.executed_quantity and order.state == OrderState.OPEN:
        return 0
    try:
        report = resting or context.exchange.order(order.symbol, order.client_order_id)
    except OrderNotFound:
        if order.state not in IN_DOUBT:
            raise StillUnknown(
                f"the exchange does not know order {order.client_order_id}, which it had accepted; nothing is placed "
                "for this bot until it answers; `manage.py abandon_orders` ends the wait if the order is lost for good"
            ) from None
        _give_up_on(order, context, lease)
        return 0
    return book_report(order, report, context, lease)


def book_report(order: Order, report: OrderReport, context: TradingContext, lease: Lease) -> int:
    """Book an order's new fills and store its state, in one transaction."""
    fills = fills_of(order, report, context)
    price = discount_price(fills, context)
    with locked_state(lease) as state:
        booked = accounting.book(state, order, fills, context.rules, discount_price=price)
        apply_report(order, report)
    return booked


def fills_of(order: Order, report: OrderReport, context: TradingContext) -> tuple[FillReport, ...]:
    """Return an order's executions, from its report or by asking the exchange.

    Raises:
        StillUnknown: the exchange's trade list lags behind the order's executed quantity.
    """
    if report.executed_quantity == 0 or report.executed_quantity == order.executed_quantity:
        return ()
    fills = report.fills or context.exchange.fills(order.symbol, order_id=report.order_id)
    if sum((fill.quantity for fill in fills), Decimal(0)) < report.executed_quantity:
        raise StillUnknown(f"the fills of order {order.client_order_id} are not all listed yet")
    return fills


def discount_price(fills: tuple[FillReport, ...], context: TradingContext) -> Decimal | None:
    """Return the price in quote of a third asset that commissions were paid in (BNB), if any."""
    assets = {fill.commission_asset for fill in fills} - {context.rules.base, context.rules.quote}
    if not assets:
        return None
    try:
        return context.exchange.book_ticker(f"{assets.pop()}{context.rules.quote}").bid
    except ExchangeError:
        return None  # the fill is booked in any case; only the fee in quote stays unknown


def _give_up_on(order: Order, context: TradingContext, lease: Lease) -> None:
    """Mark an order as never received by the exchange, once it cannot arrive any more.

    Raises:
        StillUnknown: it is too early, or an unexplained execution may be this order's.
    """
    sent_at = order.sent_at or order.updated_at
    if context.exchange_time() < sent_at + PATIENCE:
        raise StillUnknown(f"order {order.client_order_id} is not known to the exchange; waiting until that is certain")
    if _has_unexplained_fill(order, context):
        incidents.report(
            order.bot,
            incidents.IncidentKind.UNEXPLAINED_FILL,
            f"Order {order.client_order_id} is not known to the exchange, but the account has an execution like it "
            "that no order on record explains.",
            repair="Compare the account's trades with the bot's orders; `manage.py abandon_orders` then ends the wait.",
        )
        raise StillUnknown(f"order {order.client_order_id} may have been executed under another name")
    with locked_state(lease):
        mark(order, OrderState.REJECTED, "It never reached the exchange.")


def _has_unexplained_fill(order: Order, context: TradingContext) -> bool:
    """Return True if the account has executions of this quantity that no order on record explains."""
    since_ms = int(order.created_at.timestamp() * 1000) - 5_000
    ours = set(
        Order.objects.filter(api_key_id=order.api_key_id)
        .exclude(exchange_order_id=None)
        .filter(symbol=order.symbol, created_at__gte=order.created_at - timedelta(days=1))
        .values_list("exchange_order_id", flat=True)
    )
    booked = set(
        Fill.objects.filter(api_key_id=order.api_key_id, symbol=order.symbol)
        .order_by("-pk")
        .values_list("exchange_trade_id", flat=True)[:1000]
    )
    foreign_orders: dict[int, Decimal] = {}  # executed quantity by order id
    for fill in context.exchange.fills(order.symbol, start_ms=since_ms):
        if fill.side == order.side and fill.order_id not in ours and fill.trade_id not in booked:
            foreign_orders[fill.order_id] = foreign_orders.get(fill.order_id, Decimal(0)) + fill.quantity
    return order.quantity in foreign_orders.values()
