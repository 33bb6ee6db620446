"""Read a symbol's filters from exchangeInfo, apply them to quantities and prices, and explain them.

Pure: the client asks before it sends, the paper exchange asks before it accepts, with the same functions.
What a filter's price is, and how many orders are open, is the caller's knowledge and comes in as an argument.
The size of an entry is decided in bots/strategy/sizing.py; a symbol's rules as sentences are in describe.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from core.errors import UserError
from core.formats import plain
from exchange.api.types import OrderRequest, OrderType, Side, SymbolRules
from exchange.symbols.lots import is_multiple, times

ALGO_ORDER_TYPES = frozenset(
    {OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT}
)


class InvalidSymbolInfo(UserError):
    """An exchangeInfo entry that does not say what it must. The message names the field."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A filter that an order breaks: its name as the exchange prints it, and why, for a person."""

    filter: str
    words: str


@dataclass(frozen=True, slots=True)
class Lot:
    """What a quantity must obey. `minimum` and `maximum` None: no rule; `step` is never 0."""

    step: Decimal
    minimum: Decimal | None
    maximum: Decimal | None


@dataclass(frozen=True, slots=True)
class OpenOrderUsage:
    """What the account already has on one symbol, the order in question not counted."""

    open_orders: int = 0
    open_algo_orders: int = 0
    open_order_lists: int = 0
    base_held: Decimal = Decimal(0)  # free and locked
    open_buy_quantity: Decimal = Decimal(0)  # sum of the quantities of open buy orders


# Reading


def find_symbol(exchange_info: Mapping[str, Any], symbol: str) -> Mapping[str, Any]:
    """Return the entry of `symbol` in an exchangeInfo answer (or file). Raise `InvalidSymbolInfo` if absent."""
    entries = exchange_info.get("symbols") if isinstance(exchange_info, Mapping) else None
    if not isinstance(entries, list):
        raise InvalidSymbolInfo('this is not an exchangeInfo answer: it has no list named "symbols"')
    for entry in entries:
        if isinstance(entry, Mapping) and entry.get("symbol") == symbol:
            return entry
    examples = ", ".join(sorted(str(entry.get("symbol")) for entry in entries[:10] if isinstance(entry, Mapping)))
    raise InvalidSymbolInfo(f"{symbol} is not among the {len(entries)} symbols of this exchangeInfo ({examples} …)")


def parse_rules(info: Mapping[str, Any]) -> SymbolRules:
    """Return the rules of one symbol from its exchangeInfo entry, in today's form or that of 2021.

    A zero is no rule. Where NOTIONAL and MIN_NOTIONAL (or both PERCENT_PRICE filters) stand, the stricter counts.
    Raise `InvalidSymbolInfo` when a field is missing or not a number.
    """
    filters = _filters_by_name(info)
    lot, market_lot = filters.get("LOT_SIZE", {}), filters.get("MARKET_LOT_SIZE", {})
    price = filters.get("PRICE_FILTER", {})
    return SymbolRules(
        symbol=_text(info, "symbol"),
        base=_text(info, "baseAsset"),
        quote=_text(info, "quoteAsset"),
        status=str(info.get("status", "TRADING")),
        order_types=frozenset(str(name) for name in info.get("orderTypes", ())),
        oco_allowed=bool(info.get("ocoAllowed", True)),
        quote_order_qty_allowed=bool(info.get("quoteOrderQtyMarketAllowed", True)),
        base_precision=int(info.get("baseAssetPrecision", 8)),
        quote_precision=int(info.get("quoteAssetPrecision", info.get("quotePrecision", 8))),
        tick_size=_rule(price, "tickSize"),
        min_price=_rule(price, "minPrice"),
        max_price=_rule(price, "maxPrice"),
        step_size=_rule(lot, "stepSize"),
        min_quantity=_rule(lot, "minQty"),
        max_quantity=_rule(lot, "maxQty"),
        market_step_size=_rule(market_lot, "stepSize"),
        market_min_quantity=_rule(market_lot, "minQty"),
        market_max_quantity=_rule(market_lot, "maxQty"),
        max_orders=_count(filters.get("MAX_NUM_ORDERS", {}), "maxNumOrders", "limit"),
        max_algo_orders=_count(filters.get("MAX_NUM_ALGO_ORDERS", {}), "maxNumAlgoOrders", "limit"),
        max_order_lists=_count(filters.get("MAX_NUM_ORDER_LISTS", {}), "maxNumOrderLists", "limit"),
        max_position=_rule(filters.get("MAX_POSITION", {}), "maxPosition"),
        **_notional_rules(filters),
        **_percent_price_rules(filters),
    )


def _filters_by_name(info: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    if not isinstance(info, Mapping):
        raise InvalidSymbolInfo("a symbol's entry in exchangeInfo must be an object")
    listed = info.get("filters")
    if not isinstance(listed, list) or not all(isinstance(entry, Mapping) for entry in listed):
        raise InvalidSymbolInfo(f'{info.get("symbol", "a symbol")}: exchangeInfo has no list named "filters" for it')
    return {str(entry.get("filterType")): entry for entry in listed}


def _text(info: Mapping[str, Any], field: str) -> str:
    value = info.get(field)
    if not isinstance(value, str) or not value:
        raise InvalidSymbolInfo(f"{info.get('symbol', 'a symbol')}: exchangeInfo does not give its {field}")
    return value


def _rule(entry: Mapping[str, Any], field: str) -> Decimal | None:
    """Return the number of a filter, or None if it is absent or zero."""
    if field not in entry:
        return None
    try:
        value = Decimal(str(entry[field]))
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0:
        raise InvalidSymbolInfo(f"{entry.get('filterType')}.{field} is {entry[field]!r}, which is no amount")
    return value or None


def _count(entry: Mapping[str, Any], *fields: str) -> int | None:
    for field in fields:
        value = _rule(entry, field)
        if value is not None:
            return int(value)
    return None


def _notional_rules(filters: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    new, old = filters.get("NOTIONAL", {}), filters.get("MIN_NOTIONAL", {})
    new_minimum, old_minimum = _rule(new, "minNotional"), _rule(old, "minNotional")
    old_counts = old_minimum is not None and (new_minimum is None or old_minimum > new_minimum)
    stricter = old if old_counts else new
    applies = bool(stricter.get("applyToMarket" if old_counts else "applyMinToMarket", True))
    return {
        "min_notional": old_minimum if old_counts else new_minimum,
        "min_notional_applies_to_market": applies,
        "min_notional_filter": "MIN_NOTIONAL" if old_counts else "NOTIONAL",
        "max_notional": _rule(new, "maxNotional"),
        "max_notional_applies_to_market": bool(new.get("applyMaxToMarket", False)),
        "average_price_minutes": int(_average_minutes(filters)),
    }


def _average_minutes(filters: Mapping[str, Mapping[str, Any]]) -> int:
    for name in ("NOTIONAL", "MIN_NOTIONAL", "PERCENT_PRICE_BY_SIDE", "PERCENT_PRICE"):
        if "avgPriceMins" in filters.get(name, {}):
            return int(filters[name]["avgPriceMins"])
    return 5


def _percent_price_rules(filters: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    by_side, both = filters.get("PERCENT_PRICE_BY_SIDE", {}), filters.get("PERCENT_PRICE", {})
    up, down = _rule(both, "multiplierUp"), _rule(both, "multiplierDown")
    return {
        "bid_multiplier_up": _smaller(_rule(by_side, "bidMultiplierUp"), up),
        "bid_multiplier_down": _larger(_rule(by_side, "bidMultiplierDown"), down),
        "ask_multiplier_up": _smaller(_rule(by_side, "askMultiplierUp"), up),
        "ask_multiplier_down": _larger(_rule(by_side, "askMultiplierDown"), down),
        "percent_price_filter": "PERCENT_PRICE_BY_SIDE" if by_side or not both else "PERCENT_PRICE",
    }


def _larger(*values: Decimal | None) -> Decimal | None:
    return max((value for value in values if value is not None), default=None)


def _smaller(*values: Decimal | None) -> Decimal | None:
    return min((value for value in values if value is not None), default=None)


# Rounding


def lot(rules: SymbolRules, is_market: bool) -> Lot:
    """Return what a quantity must obey: LOT_SIZE, and for a market order the stricter of it and MARKET_LOT_SIZE."""
    step, least, most = rules.step_size, rules.min_quantity, rules.max_quantity
    if is_market:
        step = _larger(step, rules.market_step_size)
        least = _larger(least, rules.market_min_quantity)
        most = _smaller(most, rules.market_max_quantity)
    return Lot(step or Decimal(1).scaleb(-rules.base_precision), least, most)


# The filters, one by one: None where the order passes


def lot_size(rules: SymbolRules, quantity: Decimal) -> Violation | None:
    """Check LOT_SIZE: every order, market orders too."""
    return _quantity_within("LOT_SIZE", rules.base, quantity, rules.step_size, rules.min_quantity, rules.max_quantity)


def market_lot_size(rules: SymbolRules, quantity: Decimal) -> Violation | None:
    """Check MARKET_LOT_SIZE: market orders, on top of LOT_SIZE."""
    return _quantity_within(
        "MARKET_LOT_SIZE",
        rules.base,
        quantity,
        rules.market_step_size,
        rules.market_min_quantity,
        rules.market_max_quantity,
    )


def _quantity_within(
    name: str, base: str, quantity: Decimal, step: Decimal | None, least: Decimal | None, most: Decimal | None
) -> Violation | None:
    if least is not None and quantity < least:
        return Violation(name, f"{plain(quantity)} {base} is less than the smallest quantity, {plain(least)} {base}")
    if most is not None and quantity > most:
        return Violation(name, f"{plain(quantity)} {base} is more than the largest quantity, {plain(most)} {base}")
    if step is not None and not is_multiple(quantity, step):
        return Violation(name, f"{plain(quantity)} {base} is not a whole number of steps of {plain(step)} {base}")
    return None


def price_filter(rules: SymbolRules, price: Decimal, name: str = "price") -> Violation | None:
    """Check PRICE_FILTER, of a limit price or (with `name`) a stop price."""
    quote = rules.quote
    if rules.min_price is not None and price < rules.min_price:
        words = f"the {name} {plain(price)} {quote} is under the lowest allowed, {plain(rules.min_price)} {quote}"
    elif rules.max_price is not None and price > rules.max_price:
        words = f"the {name} {plain(price)} {quote} is over the highest allowed, {plain(rules.max_price)} {quote}"
    elif rules.tick_size is not None and not is_multiple(price, rules.tick_size):
        words = f"the {name} {plain(price)} {quote} is not a multiple of the tick, {plain(rules.tick_size)} {quote}"
    else:
        return None
    return Violation("PRICE_FILTER", words)


def notional(rules: SymbolRules, price: Decimal, quantity: Decimal, is_market: bool) -> Violation | None:
    """Check NOTIONAL or MIN_NOTIONAL. `price` is the order's own, for a market order the average price."""
    value = times(price, quantity)
    worth = f"{plain(quantity)} {rules.base} at {plain(price)} is worth {plain(value)} {rules.quote}"
    least, most = rules.min_notional, rules.max_notional
    if least is not None and value < least and (rules.min_notional_applies_to_market or not is_market):
        return Violation(rules.min_notional_filter, f"{worth}, less than the least, {plain(least)} {rules.quote}")
    if most is not None and value > most and (rules.max_notional_applies_to_market or not is_market):
        return Violation("NOTIONAL", f"{worth}, more than the most, {plain(most)} {rules.quote}")
    return None


def percent_price(rules: SymbolRules, side: Side, price: Decimal, average_price: Decimal) -> Violation | None:
    """Check PERCENT_PRICE or PERCENT_PRICE_BY_SIDE, of a limit price."""
    if side == Side.BUY:
        up, down = rules.bid_multiplier_up, rules.bid_multiplier_down
    else:
        up, down = rules.ask_multiplier_up, rules.ask_multiplier_down
    away = f"the price {plain(price)} {rules.quote} is too far from the average, {plain(average_price)}"
    if up is not None and price > times(average_price, up):
        words = f"{away}: a {side} may ask for at most {plain(up)} times it"
    elif down is not None and price < times(average_price, down):
        words = f"{away}: a {side} must ask for at least {plain(down)} times it"
    else:
        return None
    return Violation(rules.percent_price_filter, words)


def max_num_orders(rules: SymbolRules, usage: OpenOrderUsage, adding: int = 1) -> Violation | None:
    """Check MAX_NUM_ORDERS: open orders of every type; an OCO adds 2."""
    return _count_within("MAX_NUM_ORDERS", "open orders", rules, usage.open_orders, adding, rules.max_orders)


def max_num_algo_orders(rules: SymbolRules, usage: OpenOrderUsage, adding: int = 1) -> Violation | None:
    """Check MAX_NUM_ALGO_ORDERS: open stops and take-profits; an OCO of a limit and a stop adds 1."""
    return _count_within(
        "MAX_NUM_ALGO_ORDERS", "open stop orders", rules, usage.open_algo_orders, adding, rules.max_algo_orders
    )


def max_num_order_lists(rules: SymbolRules, usage: OpenOrderUsage, adding: int = 1) -> Violation | None:
    """Check MAX_NUM_ORDER_LISTS: open OCOs."""
    return _count_within(
        "MAX_NUM_ORDER_LISTS", "open order lists", rules, usage.open_order_lists, adding, rules.max_order_lists
    )


def _count_within(
    name: str, what: str, rules: SymbolRules, have: int, adding: int, most: int | None
) -> Violation | None:
    if most is None or have + adding <= most:
        return None
    return Violation(name, f"{rules.symbol} has {have} {what}; with {adding} more the limit of {most} is passed")


def max_position(rules: SymbolRules, side: Side, usage: OpenOrderUsage, quantity: Decimal) -> Violation | None:
    """Check MAX_POSITION: what a buy, with all held and all open buys, may come to."""
    if rules.max_position is None or side != Side.BUY:
        return None
    total = usage.base_held + usage.open_buy_quantity + quantity
    if total <= rules.max_position:
        return None
    base = rules.base
    words = f"the account would hold {plain(total)} {base}, more than the most, {plain(rules.max_position)} {base}"
    return Violation("MAX_POSITION", words)


# A whole order


def violations(
    rules: SymbolRules,
    request: OrderRequest,
    *,
    average_price: Decimal | None = None,
    usage: OpenOrderUsage | None = None,
) -> tuple[Violation, ...]:
    """Return every filter that `request` breaks, in the order in which they are checked.

    Without `average_price` PERCENT_PRICE and a market order's notional are not judged; without `usage` the counts
    and MAX_POSITION are not. The notional of a stop that becomes a market order is taken at its stop price.
    """
    is_market = request.type == OrderType.MARKET
    violations: list[Violation | None] = []
    if request.limit_price is not None:
        violations.append(price_filter(rules, request.limit_price))
        if average_price is not None:
            violations.append(percent_price(rules, request.side, request.limit_price, average_price))
    if request.stop_price is not None:
        violations.append(price_filter(rules, request.stop_price, "stop price"))
    violations.append(lot_size(rules, request.quantity))
    if is_market:
        violations.append(market_lot_size(rules, request.quantity))
    valued_at = average_price if is_market else request.limit_price or request.stop_price
    if valued_at is not None:
        violations.append(notional(rules, valued_at, request.quantity, is_market))
    if usage is not None:
        violations.append(max_num_orders(rules, usage))
        violations.append(max_num_algo_orders(rules, usage) if request.type in ALGO_ORDER_TYPES else None)
        violations.append(max_position(rules, request.side, usage, request.quantity))
    return tuple(violation for violation in violations if violation is not None)


def room_for_protection(rules: SymbolRules, usage: OpenOrderUsage, with_target: bool) -> Violation | None:
    """Return the filter that leaves no room for one more stop, alone or (with a target) in an OCO, or None."""
    checks: Iterable[Violation | None] = (
        max_num_orders(rules, usage, adding=2 if with_target else 1),
        max_num_algo_orders(rules, usage),
        max_num_order_lists(rules, usage) if with_target else None,
    )
    return next((violation for violation in checks if violation), None)
