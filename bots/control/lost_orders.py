"""Orders on record that the exchange does not know any more: a person says that they are gone, and why.

A bot waits for such an order, because a run cannot tell an exchange that forgot from one that has not looked yet. A
testnet that was wiped, or an account's history that was cleared, would keep it waiting for good.
"""

from __future__ import annotations

from bots import incidents
from bots.control.lifecycle import ActionRefused
from bots.incidents import IncidentKind
from bots.models import BotConfig, Order, OrderState
from bots.trading.context import TradingContext
from bots.trading.leases import claim, locked_state, release
from bots.trading.orders import IN_DOUBT, UNSETTLED, mark
from bots.trading.reconcile import PATIENCE
from exchange.api.errors import OrderNotFound

ENDS = (IncidentKind.ORDER_IN_DOUBT, IncidentKind.UNEXPLAINED_FILL)  # the incidents of a bot that waits for an order


def forget(bot: BotConfig, context: TradingContext, *, by: str, reason: str) -> list[Order]:
    """Record as gone every order of a bot that may still move and that the exchange does not know; give them.

    What had filled of them stays booked. Raise `ActionRefused` without a reason, in the middle of a run, or while a
    copy of one may still arrive; `ExchangeError` when the exchange cannot be asked. Then nothing is changed.
    """
    if not reason.strip():
        raise ActionRefused(["Say why these orders are gone: the reason stays with each of them."])
    declared = f"Declared gone by {by}: {reason.strip()}"
    held = claim(bot.pk)
    if held is None:
        raise ActionRefused([f"{bot.name} is in the middle of a run; try again in a moment."])
    try:
        unknown = unknown_orders(bot, context)
        with locked_state(held):
            for order in unknown:
                mark(order, OrderState.REJECTED if order.exchange_order_id is None else OrderState.CANCELED, declared)
    finally:
        release(held)
    if unknown:
        incidents.resolve(bot, *ENDS, resolution=declared[:500])
    return unknown


def unknown_orders(bot: BotConfig, context: TradingContext) -> list[Order]:
    """The bot's orders that may still move and that the exchange does not know. Raise as `forget` does."""
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
