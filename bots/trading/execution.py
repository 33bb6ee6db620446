"""Send the orders that a decision asks for. Each is recorded before it is sent, and none is sent twice.

Decisions are in decision.py; orders with a lost answer are looked up in reconcile.py.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

from bots import incidents
from bots.incidents import IncidentKind
from bots.models import Action, BotConfig, BotState, Decision, Order, OrderState, Purpose, Trade
from bots.trading import accounting, reconcile
from bots.trading.assess import Tick
from bots.trading.context import TradingContext
from bots.trading.leases import Lease, LeaseLost, locked_state
from bots.trading.orders import SEND_WITHIN_S, UNSETTLED, Draft, as_request, mark, record, send_by_s, unsettled_orders
from bots.trading.protective_levels import Protection, protection_of
from core.sql import find, get, update
from exchange.api.errors import (
    DuplicateOrder,
    ExchangeError,
    ExchangeUnavailable,
    InsufficientBalance,
    OrderNotFound,
    OutcomeUnknown,
    RateLimited,
    RequestRejected,
    WouldTriggerImmediately,
)
from exchange.api.types import OcoRequest, OrderReport, OrderType, Side

Report = TypeVar("Report")

PROTECTIVE = (Purpose.STOP, Purpose.TARGET)


def send(order: Order, context: TradingContext, lease: Lease) -> None:
    """Send one recorded order and record its outcome.

    Raises:
        StillUnknown: it may have been executed; the next settling looks it up.
        RequestRejected: the exchange refused it; the order is marked as refused.
        RateLimited, ExchangeUnavailable: it was not executed; the order is marked as refused.
    """
    report = _place([order], lambda: context.exchange.submit(as_request(order)), context, lease)
    if report is not None:
        _book_answer(lambda: reconcile.book_report(order, report, context, lease), [order], context)


def _place(orders: list[Order], submit: Callable[[], Report], context: TradingContext, lease: Lease) -> Report | None:
    """Send orders once. Return None if the answer was lost and settling has looked them up."""
    try:
        return submit()
    except (OutcomeUnknown, DuplicateOrder):
        _mark(orders, OrderState.UNKNOWN, "The exchange's answer was lost.", lease)
    except (RequestRejected, RateLimited, ExchangeUnavailable) as error:
        _mark(orders, OrderState.REJECTED, str(error), lease)
        raise
    reconcile.settle(lease, context)
    return None


def _book_answer(book: Callable[[], object], orders: list[Order], context: TradingContext) -> None:
    """Book an answer. If the lease is lost, leave the orders to be looked up: the answer is still true."""
    try:
        book()
    except LeaseLost:
        pks = [order.pk for order in orders]
        Order.objects.filter(pk__in=pks, state=OrderState.REJECTED).update(
            state=OrderState.UNKNOWN, sent_at=context.exchange_time()
        )
        raise


def _mark(orders: list[Order], state: OrderState, error: str, lease: Lease) -> None:
    with locked_state(lease):
        for order in orders:
            mark(order, state, error)


def enter(tick: Tick, decision: Decision, lease: Lease) -> None:
    """Send the entry of a decision; if the exchange refuses it, mark the decision as refused."""
    order = Order.objects.get(decision=decision, purpose=Purpose.ENTRY)
    try:
        send(order, tick.context, lease)
    except InsufficientBalance:
        _refuse(decision, "insufficient_balance", lease)
    except RequestRejected as error:
        _refuse(decision, "order_refused", lease)
        repair = "Compare the bot's size with the symbol's filters."
        incidents.report(tick.bot, IncidentKind.ENTRY_REFUSED, str(error), repair=repair)


def _refuse(decision: Decision, reason: str, lease: Lease) -> None:
    decision.action, decision.reason = Action.REFUSED, reason
    with locked_state(lease):
        decision.save(update_fields=["action", "reason"])


def open_trade(bot: BotConfig) -> Trade | None:
    """Return the bot's open trade, read from the database."""
    trades = find(Trade, "WHERE bot_id = %s AND closed_at IS NULL", [bot.pk])
    return trades[0] if trades else None


def resting_orders(bot: BotConfig) -> list[Order]:
    """Return the bot's protective orders that may still fill."""
    return [order for order in unsettled_orders(bot.pk) if order.purpose in PROTECTIVE]


def protect(tick: Tick, trade: Trade, lease: Lease) -> None:
    """Place or replace the protective orders so that they match the target levels.

    A stop that the price has already reached cannot be placed; the position is then sold at once (rule 8.4).
    """
    if trade.exit_requested:
        return
    bot, context = tick.bot, tick.context
    protection = protection_of(bot, trade, tick.klines, context.rules)
    resting = resting_orders(bot)
    _record_levels(trade, protection, lease)
    if _is_stop_left_behind(resting, context):
        request_exit(trade, protection.stop_reason, lease)
        close_position(tick, lease)
        return
    if _matches(resting, protection, tick):
        return
    if resting:
        cancel_protection(tick, lease)
        if open_trade(bot) is None:
            return  # it filled while we were cancelling it
    if protection.exists:
        _place_protection(tick, trade, protection, lease)


def _place_protection(tick: Tick, trade: Trade, protection: Protection, lease: Lease) -> None:
    try:
        _send_protection(_record_protection(tick, trade, protection, lease), tick.context, lease)
    except WouldTriggerImmediately:
        request_exit(trade, protection.stop_reason, lease)  # recorded before anything else may fail
        request_exit(trade, _reason_reached(protection, tick.context), lease)
        close_position(tick, lease)
    except RequestRejected as error:
        incidents.report(
            tick.bot,
            IncidentKind.UNPROTECTED_POSITION,
            f"The exchange refused the protective orders: {error}",
            repair="The next tick tries again; close the position manually if you cannot wait.",
        )
    else:
        incidents.resolve(tick.bot, IncidentKind.UNPROTECTED_POSITION)


def _matches(resting: list[Order], protection: Protection, tick: Tick) -> bool:
    """Return True if the resting orders match these levels and the whole position."""
    if not resting:
        return not protection.exists
    stops = [order.stop_price for order in resting if order.purpose == Purpose.STOP]
    targets = [order.limit_price for order in resting if order.purpose == Purpose.TARGET]
    if stops != protection.stops or targets != protection.targets:
        return False
    state = get(BotState, "WHERE bot_id = %s", [tick.bot.pk])
    quantity = accounting.sellable(state, tick.context.rules)
    return all(order.quantity - order.executed_quantity == quantity for order in resting)


def _is_stop_left_behind(resting: list[Order], context: TradingContext) -> bool:
    """Return True if a stop-limit was triggered and the price is under its limit, so that it does not fill."""
    limits = [order.stop_price for order in resting if order.type == OrderType.STOP_LOSS_LIMIT and order.stop_price]
    return bool(limits) and context.exchange.last_price(context.rules.symbol) <= limits[0]


def _record_levels(trade: Trade, protection: Protection, lease: Lease) -> None:
    levels = (protection.stop_price, protection.target_price, protection.highest)
    if (trade.stop_price, trade.target_price, trade.highest_price) == levels:
        return
    trade.stop_price, trade.target_price, trade.highest_price = levels
    with locked_state(lease):
        update(trade, "stop_price", "target_price", "highest_price")


def _record_protection(tick: Tick, trade: Trade, protection: Protection, lease: Lease) -> list[Order]:
    sent_at = tick.context.exchange_time()
    with locked_state(lease) as state:
        quantity = accounting.sellable(state, tick.context.rules)
        drafts = protection.drafts(quantity, tick.context.rules, tick.bot.stop_limit_distance)
        return record(tick.bot, drafts, tick.order_times(sent_at), trade=trade)


def _send_protection(orders: list[Order], context: TradingContext, lease: Lease) -> None:
    if len(orders) == 1:
        send(orders[0], context, lease)
        return
    stop, target = sorted(orders, key=lambda order: order.purpose != Purpose.STOP)
    request = _oco_request(stop, target)
    report = _place(orders, lambda: context.exchange.submit_oco(request), context, lease)
    if report is not None:
        legs = {leg.client_order_id: leg for leg in report.orders}
        _book_answer(lambda: _book_legs(orders, legs, context, lease), orders, context)


def _oco_request(stop: Order, target: Order) -> OcoRequest:
    if target.limit_price is None or stop.stop_price is None:
        raise ValueError(f"the legs of {stop.list_client_order_id} lack their prices")
    return OcoRequest(
        symbol=stop.symbol,
        side=Side.SELL,
        quantity=stop.quantity,
        list_client_order_id=stop.list_client_order_id,
        target_client_order_id=target.client_order_id,
        stop_client_order_id=stop.client_order_id,
        target_price=target.limit_price,
        stop_price=stop.stop_price,
        stop_limit_price=stop.limit_price,
        send_by_s=send_by_s(stop),
    )


def _book_legs(orders: list[Order], legs: dict[str, OrderReport], context: TradingContext, lease: Lease) -> None:
    for order in orders:
        report = legs.get(order.client_order_id) or context.exchange.order(order.symbol, order.client_order_id)
        reconcile.book_report(order, report, context, lease)


def _reason_reached(protection: Protection, context: TradingContext) -> str:
    """Return which of the two levels the price has passed, so that it could not be placed."""
    if protection.stop_price is None:
        return Trade.Reason.TAKE_PROFIT
    last_price = context.exchange.last_price(context.rules.symbol)
    if protection.target_price is not None and last_price >= protection.target_price:
        return Trade.Reason.TAKE_PROFIT
    return protection.stop_reason


def cancel_protection(tick: Tick, lease: Lease) -> None:
    """Cancel the protective orders, confirm it, and book what they had filled.

    Nothing else is placed until every order here is final, so that two orders never sell the same position.
    """
    context = tick.context
    for resting in resting_orders(tick.bot):
        deadline_s = context.exchange_time().timestamp() + SEND_WITHIN_S
        with locked_state(lease):  # a run that lost its lease must not cancel the orders of another
            order = get(Order, "WHERE id = %s", [resting.pk])
        if order.state not in UNSETTLED:
            continue  # the other leg's cancel took it along
        try:
            context.exchange.cancel(order.symbol, order.client_order_id, send_by_s=deadline_s)
        except (OrderNotFound, OutcomeUnknown):
            pass  # it may have filled, never have arrived, or be cancelled with its answer lost: settling asks
        reconcile.settle(lease, context)
    still_open = resting_orders(tick.bot)
    if still_open:
        raise ExchangeError(f"order {still_open[0].client_order_id} is still open after it was cancelled")


def request_exit(trade: Trade, reason: str, lease: Lease) -> None:
    """Record that a position is to be sold; `close_position` sells it, now or on a later tick."""
    with locked_state(lease):
        Trade.objects.filter(pk=trade.pk, closed_at__isnull=True).update(exit_requested=reason)


def close_position(tick: Tick, lease: Lease) -> None:
    """Carry out a recorded exit: cancel the protection, confirm it, then sell what is left at market."""
    trade = open_trade(tick.bot)
    if trade is None or not trade.exit_requested:
        return
    cancel_protection(tick, lease)
    trade = open_trade(tick.bot)
    if trade is None:
        return  # the protection had filled
    order = _record_exit(tick, trade, lease)
    try:
        send(order, tick.context, lease)
    except RequestRejected as error:
        incidents.report(
            tick.bot,
            IncidentKind.EXIT_REFUSED,
            f"The exchange refused to sell the position: {error}",
            repair="It is tried again on every tick; if it is too small to sell, close it manually on the exchange.",
        )
    else:
        incidents.resolve(tick.bot, IncidentKind.EXIT_REFUSED)


def _record_exit(tick: Tick, trade: Trade, lease: Lease) -> Order:
    sent_at = tick.context.exchange_time()
    with locked_state(lease) as state:
        quantity = _market_quantity(state, tick.context)
        draft = Draft(Purpose.EXIT, Side.SELL, OrderType.MARKET, quantity, exit_reason=trade.exit_requested)
        return record(tick.bot, [draft], tick.order_times(sent_at), trade=trade)[0]


def _market_quantity(state: BotState, context: TradingContext) -> Decimal:
    """Return the quantity of one market sale; the rest is sold by the next tick."""
    rules = context.rules
    quantity = accounting.sellable(state, rules)
    maxima = [limit for limit in (rules.max_quantity, rules.market_max_quantity) if limit]
    return min([quantity, *maxima])
