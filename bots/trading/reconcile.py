"""Settle: make our record agree with the exchange before anything is decided.

Every order that may still move is looked up by its own id; what it filled is booked. An order whose answer was lost
blocks its bot until the exchange has said, beyond doubt, what became of it.
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

# By the exchange's clock a request is signed at most so long after it went on record (orders.SEND_WITHIN_S, 10 s). A
# copy of it may pass the exchange's last gate within its recvWindow (5 s); then come the engine's own limit (10 s), and
# 20 s for an answer that lags behind.
PATIENCE = timedelta(seconds=45)


class StillUnknown(Exception):
    """An order's outcome cannot be told yet; the bot must wait."""


def settle(lease: Lease, context: TradingContext) -> int:
    """Bring every unsettled order of a bot up to date; return how many fills were booked.

    Raises:
        StillUnknown: an order's fate is not certain yet; nothing else may happen to this bot.
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
                "for this bot until it answers; `manage.py forget_orders` ends the wait if it has forgotten it for good"
            ) from None
        _give_up_on(order, context, lease)
        return 0
    return book_report(order, report, context, lease)


def book_report(order: Order, report: OrderReport, context: TradingContext, lease: Lease) -> int:
    """Book what an order has filled and then record its state, in one transaction."""
    fills = fills_of(order, report, context)
    price = discount_price(fills, context)
    with locked_state(lease) as state:
        booked = accounting.book(state, order, fills, context.rules, discount_price=price)
        apply_report(order, report)
    return booked


def fills_of(order: Order, report: OrderReport, context: TradingContext) -> tuple[FillReport, ...]:
    """All executions of an order: those its answer carried, else asked for.

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
    """What one unit of a third asset that commissions were paid in (BNB) is worth in quote."""
    assets = {fill.commission_asset for fill in fills} - {context.rules.base, context.rules.quote}
    if not assets:
        return None
    try:
        return context.exchange.book_ticker(f"{assets.pop()}{context.rules.quote}").bid
    except ExchangeError:
        return None  # the fill is booked in any case; only the fee's worth in quote stays unknown


def _give_up_on(order: Order, context: TradingContext, lease: Lease) -> None:
    """Decide that an order never reached the exchange, once no copy of it can still arrive.

    Raises:
        StillUnknown: it is too early to tell, or an execution that nobody asked for looks like this order's.
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
            repair="Compare the account's trades with the bot's orders; `manage.py forget_orders` then ends the wait.",
        )
        raise StillUnknown(f"order {order.client_order_id} may have been executed under another name")
    with locked_state(lease):
        mark(order, OrderState.REJECTED, "It never reached the exchange.")


def _has_unexplained_fill(order: Order, context: TradingContext) -> bool:
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
    strangers: dict[int, Decimal] = {}
    for fill in context.exchange.fills(order.symbol, start_ms=since_ms):
        if fill.side == order.side and fill.order_id not in ours and fill.trade_id not in booked:
            strangers[fill.order_id] = strangers.get(fill.order_id, Decimal(0)) + fill.quantity
    return order.quantity in strangers.values()
