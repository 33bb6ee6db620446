"""Mark orders that the exchange no longer knows as lost (operator action).

A bot waits for such an order, because a run cannot tell a deleted order from one that the exchange lists late. After a
testnet reset it would wait for ever.
"""

from __future__ import annotations

from bots import incidents
from bots.control.action_log import ActionKind, Actor, actor_name, log_action
from bots.control.lifecycle import ActionRefused
from bots.incidents import IncidentKind
from bots.models import BotConfig, Order, OrderState
from bots.trading.context import TradingContext
from bots.trading.leases import claim, locked_state, release
from bots.trading.orders import IN_DOUBT, UNSETTLED, mark
from bots.trading.reconcile import PATIENCE
from exchange.api.errors import OrderNotFound

# The incidents of a bot that waits for an order; abandoning the order resolves them.
WAITING_INCIDENTS = (IncidentKind.ORDER_IN_DOUBT, IncidentKind.UNEXPLAINED_FILL)


def abandon(bot: BotConfig, context: TradingContext, *, by: Actor, reason: str) -> list[Order]:
    """Mark every unsettled order of a bot that the exchange does not know as lost, and return them.

    Their fills stay booked. Nothing is changed where this raises.

    Raises:
        ActionRefused: there is no reason, a run is under way, or an order may still arrive.
        ExchangeError: the exchange cannot be asked.
    """
    if not reason.strip():
        raise ActionRefused(["Give a reason why these orders are lost; it is stored with each of them."])
    note = f"Marked as lost by {actor_name(by)}: {reason.strip()}"
    lease = claim(bot.pk)
    if lease is None:
        raise ActionRefused([f"{bot.name} is in the middle of a run; try again in a moment."])
    try:
        unknown = unknown_orders(bot, context)
        with locked_state(lease):
            for order in unknown:
                mark(order, OrderState.REJECTED if order.exchange_order_id is None else OrderState.CANCELED, note)
            if unknown:
                log_action(ActionKind.ABANDON_ORDERS, bot, by=by, reason=reason.strip())
    finally:
        release(lease)
    if unknown:
        incidents.resolve(bot, *WAITING_INCIDENTS, resolution=note[:500])
    return unknown


def unknown_orders(bot: BotConfig, context: TradingContext) -> list[Order]:
    """Return the bot's unsettled orders that the exchange does not know. Raise as `abandon` does."""
    unsettled = Order.objects.filter(bot=bot, state__in=UNSETTLED).order_by("pk")
    return [order for order in unsettled if not _is_known(order, context)]


def _is_known(order: Order, context: TradingContext) -> bool:
    try:
        context.exchange.order(order.symbol, order.client_order_id)
    except OrderNotFound:
        if order.state in IN_DOUBT and context.exchange_time() < (order.sent_at or order.updated_at) + PATIENCE:
            raise ActionRefused(
                [f"{order.client_order_id} was sent just now and may still arrive; wait a minute."]
            ) from None
        return False
    return True
