"""Act: the orders that a decision asks for. Each is on record before it leaves, and none is sent twice.

What was decided comes from decision.py; what became of lost answers is reconcile.py's matter.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from bots import incidents
from bots.incidents import Kind
from bots.models import BotConfig, BotConfigVersion, BotState, Order, OrderState, Purpose, Trade
from bots.trading import accounting, reconcile
from bots.trading.context import TradingContext
from bots.trading.leases import Lease, LeaseLost, locked_state
from bots.trading.orders import SEND_WITHIN_S, UNSETTLED, Draft, as_request, mark, record, send_by_s
from bots.trading.protective_levels import Protection, protection_of
from bots.trading.sql import unsettled_orders
from core.sql import find, get, update
from exchange.api.errors import (
    DuplicateOrder,
    ExchangeError,
    ExchangeUnavailable,
    OrderNotFound,
    OutcomeUnknown,
    RateLimited,
    RequestRejected,
    WouldTriggerImmediately,
)
from exchange.api.types import Klines, OcoRequest, OrderReport, OrderType, Side

Report = TypeVar("Report")

PROTECTIVE = (Purpose.STOP, Purpose.TARGET)


def send(order: Order, desk: TradingContext, held: Lease) -> None:
    """Send one order that is on record, and record what became of it.

    Raises:
        StillUnknown: it may have been executed, and the exchange cannot say yet; the next settling looks it up.
        RequestRejected: the exchange said no; the order is marked so.
        RateLimited, ExchangeUnavailable: it was not executed; the order is marked so.
    """
    report = _place([order], lambda: desk.exchange.submit(as_request(order)), desk, held)
    if report is not None:
        _keep(lambda: reconcile.take_over(order, report, desk, held), [order], desk)


def _place(orders: list[Order], submit: Callable[[], Report], desk: TradingContext, held: Lease) -> Report | None:
    """Send orders once; None when the answer was lost and the exchange, asked for them by their ids, knew them."""
    try:
        return submit()
    except (OutcomeUnknown, DuplicateOrder):
        _mark(orders, OrderState.UNKNOWN, "The exchange's answer was lost.", held)
    except (RequestRejected, RateLimited, ExchangeUnavailable) as error:
        _mark(orders, OrderState.REJECTED, str(error), held)
        raise
    reconcile.settle(orders[0].bot, desk, held)
    return None


def _keep(book: Callable[[], object], orders: list[Order], desk: TradingContext) -> None:
    """Book an answer. If the lease is lost, the answer is true all the same: leave the orders to be looked up."""
    try:
        book()
    except LeaseLost:
        pks = [order.pk for order in orders]
        Order.objects.filter(pk__in=pks, state=OrderState.REJECTED).update(
            state=OrderState.UNKNOWN, sent_at=desk.exchange_time()
        )
        raise


def _mark(orders: list[Order], state: OrderState, error: str, held: Lease) -> None:
    with locked_state(held):
        for order in orders:
            mark(order, state, error)


# --- Protective orders ------------------------------------------------------------------------------------------------


def protect(
    bot: BotConfig,
    version: BotConfigVersion,
    trade: Trade | None,
    candles: Klines,
    desk: TradingContext,
    held: Lease,
    bar: datetime,
) -> None:
    """Make the stop and target that should hold, hold: place them where none rest, replace them when the trail rose.

    A stop that the price has already reached cannot be placed; the position is then sold at once (rule 8.4).
    """
    if trade is None or trade.exit_wanted:
        return
    wanted = protection_of(bot, trade, candles, desk.rules)
    resting = resting_orders(bot)
    _remember_levels(trade, wanted, held)
    if _is_stranded(resting, desk):
        request_exit(trade, wanted.stop_reason, held)
        sell_out(bot, version, desk, held, bar)
        return
    if _already_holds(resting, wanted, bot, desk):
        return
    if resting:
        cancel_protection(bot, desk, held)
        if open_trade(bot) is None:
            return  # it filled while we were cancelling it
    if not wanted.exists:
        return
    orders = _record_protection(bot, version, trade, wanted, desk, held, bar)
    try:
        _send_protection(orders, wanted, desk, held)
    except WouldTriggerImmediately:
        request_exit(trade, wanted.stop_reason, held)  # on record before anything else may fail
        request_exit(trade, _reason_reached(wanted, desk), held)
        sell_out(bot, version, desk, held, bar)
    except RequestRejected as error:
        incidents.report(
            bot,
            Kind.UNPROTECTED_POSITION,
            f"The exchange refused the protective orders: {error}",
            repair="The next tick tries again; close the position by hand if you cannot wait.",
        )
    else:
        incidents.over(bot, Kind.UNPROTECTED_POSITION)


def open_trade(bot: BotConfig) -> Trade | None:
    found = find(Trade, "WHERE bot_id = %s AND closed_at IS NULL", [bot.pk])
    return found[0] if found else None


def resting_orders(bot: BotConfig) -> list[Order]:
    """The protective orders of ours that may still fill."""
    return [order for order in unsettled_orders(bot.pk) if order.purpose in PROTECTIVE]


def _already_holds(resting: list[Order], wanted: Protection, bot: BotConfig, desk: TradingContext) -> bool:
    """Whether what rests is what should: these levels, for all that is held."""
    if not resting:
        return not wanted.exists
    stops = [order.stop_price for order in resting if order.purpose == Purpose.STOP]
    targets = [order.limit_price for order in resting if order.purpose == Purpose.TARGET]
    if stops != wanted.stops or targets != wanted.targets:
        return False
    state = get(BotState, "WHERE bot_id = %s", [bot.pk])
    held = accounting.sellable(state, desk.rules)
    return all(order.quantity - order.executed_quantity == held for order in resting)


def _is_stranded(resting: list[Order], desk: TradingContext) -> bool:
    """Whether a stop with a limit was triggered and left behind: the price is under it and it has not filled."""
    limits = [order.stop_price for order in resting if order.type == OrderType.STOP_LOSS_LIMIT and order.stop_price]
    return bool(limits) and desk.exchange.last_price(desk.rules.symbol) <= limits[0]


def _remember_levels(trade: Trade, wanted: Protection, held: Lease) -> None:
    levels = (wanted.stop_price, wanted.target_price, wanted.highest)
    if (trade.stop_price, trade.target_price, trade.highest_price) == levels:
        return
    trade.stop_price, trade.target_price, trade.highest_price = levels
    with locked_state(held):
        update(trade, "stop_price", "target_price", "highest_price")


def _record_protection(
    bot: BotConfig,
    version: BotConfigVersion,
    trade: Trade,
    wanted: Protection,
    desk: TradingContext,
    held: Lease,
    bar: datetime,
) -> list[Order]:
    sent_at = desk.exchange_time()
    with locked_state(held) as state:
        quantity = accounting.sellable(state, desk.rules)
        drafts = wanted.drafts(quantity, desk.rules, bot.stop_limit_distance)
        return record(bot, version, drafts, bar=bar, now=desk.now, sent_at=sent_at, trade=trade)


def _send_protection(orders: list[Order], wanted: Protection, desk: TradingContext, held: Lease) -> None:
    if len(orders) == 1:
        send(orders[0], desk, held)
        return
    stop, target = sorted(orders, key=lambda order: order.purpose != Purpose.STOP)
    if target.limit_price is None or stop.stop_price is None:
        raise ValueError(f"the legs of {stop.list_client_order_id} lack their prices")
    request = OcoRequest(
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
    report = _place(orders, lambda: desk.exchange.submit_oco(request), desk, held)
    if report is not None:
        legs = {leg.client_order_id: leg for leg in report.orders}
        _keep(lambda: _take_over_legs(orders, legs, desk, held), orders, desk)


def _take_over_legs(orders: list[Order], legs: dict[str, OrderReport], desk: TradingContext, held: Lease) -> None:
    for order in orders:
        report = legs.get(order.client_order_id) or desk.exchange.order(order.symbol, order.client_order_id)
        reconcile.take_over(order, report, desk, held)


def _reason_reached(wanted: Protection, desk: TradingContext) -> str:
    """Which of the two levels the price stands beyond, so that it could not be placed."""
    if wanted.stop_price is None:
        return Trade.Reason.TAKE_PROFIT
    if wanted.target_price is not None and desk.exchange.last_price(desk.rules.symbol) >= wanted.target_price:
        return Trade.Reason.TAKE_PROFIT
    return wanted.stop_reason


def cancel_protection(bot: BotConfig, desk: TradingContext, held: Lease) -> None:
    """Cancel what protects the position and have that confirmed, booking whatever it had still filled.

    There is never a moment with two sellers: nothing else is placed until every order here is final.
    """
    for resting in resting_orders(bot):
        send_by_s = desk.exchange_time().timestamp() + SEND_WITHIN_S
        with locked_state(held):  # a run that was overtaken must not take away what the other relies on
            order = get(Order, "WHERE id = %s", [resting.pk])
        if order.state not in UNSETTLED:
            continue  # the other leg's cancel took it along
        try:
            desk.exchange.cancel(order.symbol, order.client_order_id, send_by_s=send_by_s)
        except (OrderNotFound, OutcomeUnknown):
            pass  # it may have filled, never have arrived, or be cancelled with its answer lost: settling asks
        reconcile.settle(bot, desk, held)
    left = resting_orders(bot)
    if left:
        raise ExchangeError(f"order {left[0].client_order_id} is still open after it was cancelled")


# --- Exits ------------------------------------------------------------------------------------------------------------


def request_exit(trade: Trade, reason: str, held: Lease) -> None:
    """Put on record that a position is to be sold; `sell_out` carries it out, now or on a later tick."""
    with locked_state(held):
        Trade.objects.filter(pk=trade.pk, closed_at__isnull=True).update(exit_wanted=reason)


def sell_out(bot: BotConfig, version: BotConfigVersion, desk: TradingContext, held: Lease, bar: datetime) -> None:
    """Carry out an exit on record: cancel the protection, have it confirmed, then sell what is left at market."""
    trade = open_trade(bot)
    if trade is None or not trade.exit_wanted:
        return
    cancel_protection(bot, desk, held)
    trade = open_trade(bot)
    if trade is None:
        return  # the protection had filled
    order = _record_exit(bot, version, trade, desk, held, bar)
    try:
        send(order, desk, held)
    except RequestRejected as error:
        incidents.report(
            bot,
            Kind.EXIT_REFUSED,
            f"The exchange refused to sell the position: {error}",
            repair="It is tried again on every tick; if it is too small to sell, close it by hand on the exchange.",
        )
    else:
        incidents.over(bot, Kind.EXIT_REFUSED)


def _record_exit(
    bot: BotConfig, version: BotConfigVersion, trade: Trade, desk: TradingContext, held: Lease, bar: datetime
) -> Order:
    sent_at = desk.exchange_time()
    with locked_state(held) as state:
        quantity = _market_quantity(state, desk)
        draft = Draft(Purpose.EXIT, Side.SELL, OrderType.MARKET, quantity, exit_reason=trade.exit_wanted)
        return record(bot, version, [draft], bar=bar, now=desk.now, sent_at=sent_at, trade=trade)[0]


def _market_quantity(state: BotState, desk: TradingContext) -> Decimal:
    """What one market sale may carry; the rest goes out with the next tick."""
    quantity = accounting.sellable(state, desk.rules)
    most = min(
        (limit for limit in (desk.rules.max_quantity, desk.rules.market_max_quantity) if limit), default=quantity
    )
    return min(quantity, most)
