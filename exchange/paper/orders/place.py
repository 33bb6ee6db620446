"""Place orders: the filters, the price against the market, the money set aside, and what fills at once.

Everything that may refuse comes before anything changes, and a refusal rolls back what was locked. What a fill does is
in ledger.py; orders that stay resting are filled by settle.py.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from django.db import transaction

from exchange.api.types import OrderRequest, OrderType, Side
from exchange.fills import UNITS, ask_price, floor_to, from_units, mul_units, to_units
from exchange.klines.intervals import open_time_at
from exchange.paper import errors
from exchange.paper.account.ledger import ALGO_TYPES, MARKET_ON_TRIGGER, BookOrder, PaperLedger
from exchange.paper.market.symbol_rules import SymbolListing, listing_of
from exchange.paper.models import PaperOrder, PaperOrderList
from exchange.paper.orders.match import UNLIMITED, crosses, market_price, volume_cap
from exchange.paper.orders.requests import OcoDraft, OrderDraft
from exchange.paper.orders.settle import execute_limit, execute_market, settled_ledger, triggers_rising
from exchange.paper.protocol.endpoint import ApiRequest
from exchange.symbols.filters import (
    OpenOrderUsage,
    Violation,
    lot_size,
    market_lot_size,
    max_num_order_lists,
    violations,
)
from exchange.symbols.filters import notional as notional_filter

_COUNTED_BY_ENGINE = frozenset({"MAX_NUM_ORDERS", "MAX_NUM_ALGO_ORDERS", "MAX_NUM_ORDER_LISTS", "MAX_POSITION"})
_UNSUPPORTED = {
    "MARKET": "Market orders are not supported for this symbol.",
    "STOP_LOSS": "Stop loss orders are not supported for this symbol.",
    "STOP_LOSS_LIMIT": "Stop loss limit orders are not supported for this symbol.",
    "TAKE_PROFIT": "Take profit orders are not supported for this symbol.",
    "TAKE_PROFIT_LIMIT": "Take profit limit orders are not supported for this symbol.",
}


# Checks that need no account


def check_symbol(request: ApiRequest, draft: OrderDraft) -> SymbolListing:
    """Check that the symbol exists, trades, and takes such an order."""
    listing = listing_of(request.market, draft.symbol)
    rules = listing.rules
    if rules.status != "TRADING":
        raise errors.market_closed()
    if not listing.is_spot:
        raise errors.symbol_not_permitted()
    if rules.order_types and draft.type not in rules.order_types and not request.replay_rules:
        raise errors.rejected(_UNSUPPORTED.get(draft.type, "Unsupported order combination"))
    if draft.quote_quantity and not rules.quote_order_qty_allowed:
        raise errors.rejected("Quote order qty market orders are not support for this symbol.")
    if draft.iceberg_quantity and not listing.info.get("icebergAllowed", True):
        raise errors.rejected("Iceberg orders are not supported for this symbol.")
    if draft.self_trade_mode is not None and draft.self_trade_mode not in listing.modes_of_self_trade():
        raise errors.invalid("selfTradePreventionMode")
    return listing


def check_filters(request: ApiRequest, draft: OrderDraft, listing: SymbolListing) -> None:
    """Raise -1013 for the first filter that the order's own numbers break."""
    average = average_price(request, draft, listing)
    if draft.quote_quantity:
        _raise_for(_quote_order_violation(draft, listing, average))
    else:
        broken = violations(listing.rules, _as_request(draft), average_price=average)
        if request.replay_rules and draft.type == "MARKET" and not draft.is_buy:
            broken = tuple(v for v in broken if v.filter not in ("NOTIONAL", "MIN_NOTIONAL"))
        _raise_for(broken[0] if broken else None)
    if draft.iceberg_quantity:
        _check_iceberg_parts(draft, listing)


def average_price(request: ApiRequest, draft: OrderDraft, listing: SymbolListing) -> Decimal:
    """Return the price that filters compare with. Under a replay's rules it is what a market order would pay or get."""
    market, now_ms = request.market, request.now_ms
    if request.replay_rules or listing.rules.average_price_minutes == 0:
        last = market.last_price(draft.symbol, now_ms)
        if request.replay_rules:
            last = market_price(last, draft.is_buy, request.slippage, listing.tick)
        return from_units(last)
    return from_units(market.average_price(draft.symbol, now_ms, listing.rules.average_price_minutes))


def _as_request(draft: OrderDraft) -> OrderRequest:
    return OrderRequest(
        symbol=draft.symbol,
        side=Side(draft.side),
        type=OrderType(draft.type),
        quantity=draft.quantity,
        client_order_id=draft.client_order_id,
        limit_price=draft.price or None,
        stop_price=draft.stop_price or None,
    )


def _quote_order_violation(draft: OrderDraft, listing: SymbolListing, average: Decimal) -> Violation | None:
    """Check a quote amount, which is its own notional."""
    return notional_filter(listing.rules, Decimal(1), draft.quote_quantity, True)


def _check_iceberg_parts(draft: OrderDraft, listing: SymbolListing) -> None:
    _raise_for(lot_size(listing.rules, draft.iceberg_quantity))
    most = listing.filter_value("ICEBERG_PARTS", "limit")
    if most is not None and draft.quantity > draft.iceberg_quantity * int(most):
        raise errors.filter_failure("ICEBERG_PARTS")


def _raise_for(violation: Violation | None) -> None:
    if violation is not None:
        counted = violation.filter in _COUNTED_BY_ENGINE
        raise errors.filter_failure(violation.filter, counted_by_engine=counted)


# Checks of the engine


def usage_of(ledger: PaperLedger, listing: SymbolListing) -> OpenOrderUsage:
    resting = ledger.open_orders(listing.symbol)
    return OpenOrderUsage(
        open_orders=len(resting),
        open_algo_orders=sum(o.row.type in ALGO_TYPES for o in resting),
        open_order_lists=len({o.row.order_list_id for o in resting if o.row.order_list_id is not None}),
        base_held=from_units(ledger.balances.total(listing.rules.base)),
        open_buy_quantity=from_units(sum(o.remaining for o in resting if o.is_buy)),
    )


def _check_counts(ledger: PaperLedger, listing: SymbolListing, drafts: tuple[OrderDraft, ...]) -> None:
    """Check MAX_NUM_ORDERS and its kin against what is open already. The legs of a list count one by one."""
    usage = usage_of(ledger, listing)
    if len(drafts) > 1:
        _raise_for(max_num_order_lists(listing.rules, usage))
    for draft in drafts:
        broken = [
            v for v in violations(listing.rules, _as_request(draft), usage=usage) if v.filter in _COUNTED_BY_ENGINE
        ]
        _raise_for(broken[0] if broken else None)
        _check_iceberg_count(ledger, listing, draft)
        usage = replace(
            usage,
            open_orders=usage.open_orders + 1,
            open_algo_orders=usage.open_algo_orders + draft.is_algo,
        )


def _check_iceberg_count(ledger: PaperLedger, listing: SymbolListing, draft: OrderDraft) -> None:
    most = listing.filter_value("MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders")
    if most is None or not draft.iceberg_quantity:
        return
    if sum(bool(o.row.iceberg_quantity) for o in ledger.open_orders(listing.symbol)) >= int(most):
        raise errors.filter_failure("MAX_NUM_ICEBERG_ORDERS", counted_by_engine=True)


def _check_id_is_free(ledger: PaperLedger, client_order_id: str) -> None:
    """Refuse an id of an open order. As on Binance, a filled order's id is accepted again."""
    if any(o.row.client_order_id == client_order_id for o in ledger.open_orders()):
        raise errors.duplicate_order()


def _check_against_market(ledger: PaperLedger, draft: OrderDraft, listing: SymbolListing, last: int) -> None:
    """Raise -2010 for a stop that is reached already, and for a post-only order that would take."""
    if draft.is_algo:
        stop = to_units(draft.stop_price)
        if stop <= last if triggers_rising(draft.type, draft.is_buy) else stop >= last:
            raise errors.would_trigger()
    elif draft.type == "LIMIT_MAKER":
        best = market_price(last, draft.is_buy, ledger.terms.slippage, listing.tick)
        if crosses(to_units(draft.price), best, draft.is_buy):
            raise errors.would_take()


# One order


@transaction.atomic
def place_order(request: ApiRequest, draft: OrderDraft) -> tuple[BookOrder, PaperLedger]:
    """Put one order to the market. The answer is read from the order and the ledger's fills."""
    listing = check_symbol(request, draft)
    check_filters(request, draft, listing)
    ledger = settled_ledger(request)
    _check_id_is_free(ledger, draft.client_order_id)
    _check_counts(ledger, listing, (draft,))
    last = request.market.last_price(draft.symbol, request.now_ms)
    _check_against_market(ledger, draft, listing, last)
    order = _book(ledger, draft, listing)
    cap = _cap_now(ledger, listing)
    if draft.type == "MARKET":
        _size_by_quote(ledger, order, draft, listing, last, cap)
        _lock(ledger, order, listing, last)
        execute_market(ledger, order, listing, last, request.now_ms, cap)
    else:
        _lock(ledger, order, listing, last)
        if draft.type == "LIMIT":
            execute_limit(ledger, order, listing, last, request.now_ms, cap)
    ledger.save()
    return order, ledger


def _cap_now(ledger: PaperLedger, listing: SymbolListing) -> int:
    """Return what an order may take at once: a share of the volume of the last bar that has ended."""
    share = ledger.terms.volume_share
    if share is None:
        return UNLIMITED
    opened = open_time_at(ledger.market.base_interval(listing.symbol), ledger.now_ms)
    bars = ledger.market.bars(listing.symbol, opened - 1, opened - 1)
    return volume_cap(bars, len(bars) - 1, share, listing.step)


def _book(
    ledger: PaperLedger, draft: OrderDraft, listing: SymbolListing, order_list: PaperOrderList | None = None
) -> BookOrder:
    """Return the order as a new row, among the account's orders."""
    waits = draft.is_algo
    row = PaperOrder(
        account_id=ledger.account.pk,
        order_list=order_list,
        symbol=draft.symbol,
        client_order_id=draft.client_order_id,
        side=draft.side,
        type=draft.type,
        time_in_force=draft.time_in_force,
        status="NEW",
        quantity=draft.quantity,
        quote_order_quantity=draft.quote_quantity,
        price=draft.price,
        stop_price=draft.stop_price,
        iceberg_quantity=draft.iceberg_quantity,
        is_working=not waits,
        strategy_id=draft.strategy_id,
        strategy_type=draft.strategy_type,
        self_trade_prevention_mode=draft.self_trade_mode or listing.default_self_trade_mode,
        time_ms=ledger.now_ms,
        update_time_ms=ledger.now_ms,
        working_time_ms=-1 if waits else ledger.now_ms,
    )
    order = BookOrder(row, to_units(draft.quantity), to_units(draft.price), to_units(draft.stop_price))
    ledger.orders.append(order)
    return order


def _size_by_quote(
    ledger: PaperLedger, order: BookOrder, draft: OrderDraft, listing: SymbolListing, last: int, cap: int
) -> None:
    """Return the whole lots that a quote amount buys, or must be sold for it."""
    if not draft.quote_quantity:
        return
    price = market_price(last, draft.is_buy, ledger.terms.slippage, listing.tick)
    order.quantity = int(floor_to(to_units(draft.quote_quantity) * UNITS // price, listing.market_step))
    quantity = from_units(order.quantity)
    _raise_for(lot_size(listing.rules, quantity) or market_lot_size(listing.rules, quantity))
    if cap == 0:
        raise errors.too_little_liquidity("symbol")
    leasts = {"LOT_SIZE": listing.rules.min_quantity, "MARKET_LOT_SIZE": listing.rules.market_min_quantity}
    for name, least in leasts.items():
        if least is not None and cap < to_units(least):
            raise errors.too_little_liquidity(f"`{name}` filter")


def money_needed(order: BookOrder, slippage: int, listing: SymbolListing, last: int) -> int:
    """Return what the order must be able to pay: base for a sale; for a buy the quote at its limit, or at the ask of
    the price at which it goes to the market.
    """
    if not order.is_buy:
        return order.quantity
    if order.row.type == "MARKET":
        price = int(ask_price(last, slippage, listing.tick))
    elif order.row.type in MARKET_ON_TRIGGER:
        price = int(ask_price(order.stop, slippage, listing.tick))
    else:
        price = order.price
    return int(mul_units(price, order.quantity))


def _lock(ledger: PaperLedger, order: BookOrder, listing: SymbolListing, last: int) -> None:
    """Set the order's money aside; -2010 when there is too little of it."""
    needed = money_needed(order, ledger.terms.slippage, listing, last)
    if needed == 0:
        raise errors.rejected("Price * QTY is zero or less.")
    ledger.balances.lock(listing.rules.quote if order.is_buy else listing.rules.base, needed)
    order.locked = needed


# OCO


@transaction.atomic
def place_oco(request: ApiRequest, draft: OcoDraft) -> tuple[PaperOrderList, list[BookOrder], PaperLedger]:
    """Put a pair to the market. Its quantity is set aside once, for whichever leg works."""
    legs = (draft.stop, draft.target)
    listing = check_symbol(request, legs[0])
    check_symbol(request, legs[1])
    if not listing.rules.oco_allowed:
        raise errors.rejected("OCO orders are not supported for this symbol")
    for leg in legs:
        check_filters(request, leg, listing)
    ledger = settled_ledger(request)
    for leg in legs:
        _check_id_is_free(ledger, leg.client_order_id)
    _check_list_id_is_free(ledger, draft.list_client_order_id)
    _check_counts(ledger, listing, legs)
    last = request.market.last_price(listing.symbol, request.now_ms)
    _check_price_order(draft, last)
    order_list = PaperOrderList.objects.create(
        account_id=ledger.account.pk,
        symbol=listing.symbol,
        list_client_order_id=draft.list_client_order_id,
        time_ms=request.now_ms,
    )
    orders = [_book(ledger, leg, listing, order_list) for leg in legs]
    _lock_once(ledger, orders, listing, last)
    ledger.save()
    return order_list, orders, ledger


def _check_list_id_is_free(ledger: PaperLedger, list_client_order_id: str) -> None:
    lists = {o.row.order_list_id for o in ledger.open_orders() if o.row.order_list_id is not None}
    if lists and PaperOrderList.objects.filter(pk__in=lists, list_client_order_id=list_client_order_id).exists():
        raise errors.duplicate_order()


def _check_price_order(draft: OcoDraft, last: int) -> None:
    """Check SELL: target > last > stop, or BUY: target < last < stop."""
    stop, target = to_units(draft.stop.stop_price), to_units(draft.target.stop_price or draft.target.price)
    ordered = target < last < stop if draft.stop.is_buy else stop < last < target
    if not ordered:
        raise errors.wrong_price_order()


def _lock_once(ledger: PaperLedger, orders: list[BookOrder], listing: SymbolListing, last: int) -> None:
    """Lock the dearer leg's need with the first leg; the survivor inherits it."""
    needed = max(money_needed(order, ledger.terms.slippage, listing, last) for order in orders)
    ledger.balances.lock(listing.rules.quote if orders[0].is_buy else listing.rules.base, needed)
    orders[0].locked = needed
