"""Parse Binance's payloads into our frozen values. Nothing else in the project reads `data["origQty"]`.

A payload that lacks what it must have raises `BadPayload`, which says where; the caller knows what that means for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np

from exchange.api.types import (
    Account,
    Balance,
    BookTicker,
    CommissionRates,
    FillReport,
    Klines,
    OrderListReport,
    OrderReport,
    OrderStatus,
    OrderType,
    Side,
)


class BadPayload(ValueError):
    """An answer without the form it must have."""


def order_report(data: Any) -> OrderReport:
    """Parse an order from any answer that describes one: placing, cancelling, querying, or a leg of a list.

    A cancel report's `clientOrderId` names the cancel; the order's own id is in `origClientOrderId` there.
    """
    row = as_object(data, "an order")
    quantity, executed = _amount(row, "origQty"), _amount(row, "executedQty")
    quote = _number(row, "cummulativeQuoteQty")
    order_id, symbol = _integer(row, "orderId"), _string(row, "symbol")
    side, time_ms = _choice(Side, row, "side"), _first_time(row)
    fills = as_list(row.get("fills") or [], "the fills of an order")
    return OrderReport(
        symbol=symbol,
        order_id=order_id,
        client_order_id=_string(row, "origClientOrderId" if row.get("origClientOrderId") else "clientOrderId"),
        side=side,
        type=_choice(OrderType, row, "type"),
        status=_choice(OrderStatus, row, "status"),
        quantity=quantity,
        executed_quantity=executed,
        executed_quote=max(quote, Decimal(0)),  # -1 on very old orders: not known
        time_ms=time_ms,
        order_list_id=_integer(row, "orderListId") if "orderListId" in row else -1,
        limit_price=_optional_price(row, "price"),
        stop_price=_optional_price(row, "stopPrice"),
        fills=tuple(_placement_fill(fill, symbol, order_id, side, time_ms) for fill in fills),
    )


def _placement_fill(data: Any, symbol: str, order_id: int, side: Side, time_ms: int) -> FillReport:
    row = as_object(data, "a fill")
    price, quantity = _amount(row, "price"), _amount(row, "qty")
    return FillReport(
        symbol=symbol,
        trade_id=_integer(row, "tradeId"),
        order_id=order_id,
        side=side,
        price=price,
        quantity=quantity,
        quote_quantity=price * quantity,
        commission=_number(row, "commission"),
        commission_asset=_string(row, "commissionAsset"),
        time_ms=time_ms,
        is_maker=False,  # what fills while it is being placed took from the book
    )


def fill_report(data: Any) -> FillReport:
    """Parse a row of myTrades."""
    row = as_object(data, "a trade")
    return FillReport(
        symbol=_string(row, "symbol"),
        trade_id=_integer(row, "id"),
        order_id=_integer(row, "orderId"),
        side=Side.BUY if row.get("isBuyer") else Side.SELL,
        price=_amount(row, "price"),
        quantity=_amount(row, "qty"),
        quote_quantity=_amount(row, "quoteQty"),
        commission=_number(row, "commission"),
        commission_asset=_string(row, "commissionAsset"),
        time_ms=_integer(row, "time"),
        is_maker=bool(row.get("isMaker")),
    )


def order_list_report(data: Any, orders: tuple[OrderReport, ...] | None = None) -> OrderListReport:
    """Parse a list. Its legs are `orders`, or the reports that the answer itself carries."""
    row = as_object(data, "an order list")
    if orders is None:
        orders = tuple(order_report(leg) for leg in as_list(row.get("orderReports"), "the orders of a list"))
    return OrderListReport(
        symbol=_string(row, "symbol"),
        order_list_id=_integer(row, "orderListId"),
        list_client_order_id=_string(row, "listClientOrderId"),
        is_done=row.get("listOrderStatus") in ("ALL_DONE", "REJECT"),
        time_ms=_integer(row, "transactionTime"),
        orders=orders,
    )


def is_list(data: Any) -> bool:
    """Return True if a cancel answered with a list, as it does for one leg of an OCO."""
    return isinstance(data, Mapping) and "listClientOrderId" in data and "orderReports" in data


def server_time(data: Any) -> int:
    return _integer(as_object(data, "the time"), "serverTime")


def rate_limits(info: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the limits of exchangeInfo, as far as they can be read."""
    listed = info.get("rateLimits")
    return [entry for entry in listed if isinstance(entry, Mapping)] if isinstance(listed, list) else []


def klines(data: Any, interval: str) -> Klines:
    """Parse rows of klines. Refuse a row with a number that is not finite, or out of order."""
    rows = as_list(data, "klines")
    try:
        open_time = np.array([row[0] for row in rows], dtype=np.int64)
        columns = [np.array([float(row[n]) for row in rows]) for n in range(1, 6)]
    except (TypeError, ValueError, IndexError, KeyError, OverflowError) as error:
        raise BadPayload(f"a kline is malformed ({type(error).__name__})") from None
    if len(open_time) > 1 and not (np.diff(open_time) > 0).all():
        raise BadPayload("klines are not in the order of their open times")
    if not all(np.isfinite(column).all() for column in columns):
        raise BadPayload("a kline holds a number that is not finite")
    return Klines(interval, open_time, *columns)


def book_ticker(data: Any) -> BookTicker:
    row = as_object(data, "a book ticker")
    return BookTicker(_string(row, "symbol"), _number(row, "bidPrice"), _number(row, "askPrice"))


def last_price(data: Any) -> Decimal:
    return _number(as_object(data, "a price"), "price")


def account(data: Any) -> Account:
    row = as_object(data, "an account")
    held = [as_object(entry, "a balance") for entry in as_list(row.get("balances"), "balances")]
    balances = (Balance(_string(b, "asset"), _number(b, "free"), _number(b, "locked")) for b in held)
    return Account(
        can_trade=bool(row.get("canTrade")),
        can_withdraw=bool(row.get("canWithdraw")),
        balances={balance.asset: balance for balance in balances},
    )


def commission_rates(data: Any) -> CommissionRates:
    """Return standard, special and tax rates added up; if buyer and seller pay differently, the higher one.

    The discount for paying in another asset is not taken off: what was really paid is on each fill.
    """
    row = as_object(data, "commission rates")
    parts = [
        as_object(row.get(name) or {}, name) for name in ("standardCommission", "specialCommission", "taxCommission")
    ]
    sums = {who: sum((_number(part, who, Decimal(0)) for part in parts), Decimal(0)) for who in _PAYERS}
    by_side = max(sums["buyer"], sums["seller"])
    discount = as_object(row.get("discount") or {}, "a discount")
    is_on = bool(discount.get("enabledForAccount")) and bool(discount.get("enabledForSymbol"))
    return CommissionRates(
        maker=sums["maker"] + by_side,
        taker=sums["taker"] + by_side,
        discount_asset=str(discount.get("discountAsset") or "") or None if is_on else None,
    )


_PAYERS = ("maker", "taker", "buyer", "seller")


# Reading one field


def as_object(data: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise BadPayload(f"{what} is not an object")
    return data


def as_list(data: Any, what: str) -> list[Any]:
    if not isinstance(data, list):
        raise BadPayload(f"{what} is not a list")
    return data


def _string(row: Mapping[str, Any], field: str) -> str:
    value = row.get(field)
    if not isinstance(value, str) or not value:
        raise BadPayload(f"{field} is missing")
    return value


def _integer(row: Mapping[str, Any], field: str) -> int:
    value = row.get(field)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadPayload(f"{field} is not a whole number")
    return value


def _number(row: Mapping[str, Any], field: str, default: Decimal | None = None) -> Decimal:
    if field not in row and default is not None:
        return default
    try:
        value = Decimal(str(row.get(field)))
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise BadPayload(f"{field} is not a number")
    return value


def _amount(row: Mapping[str, Any], field: str) -> Decimal:
    """Return a price or a quantity, which is never under zero."""
    value = _number(row, field)
    if value < 0:
        raise BadPayload(f"{field} is under zero")
    return value


def _optional_price(row: Mapping[str, Any], field: str) -> Decimal | None:
    """Return a price, or None for zero, by which the exchange says that an order has no such price."""
    return _number(row, field, Decimal(0)) or None


def _choice(kind: Any, row: Mapping[str, Any], field: str) -> Any:
    try:
        return kind(row.get(field))
    except ValueError:
        raise BadPayload(f"{field} is none of ours: {str(row.get(field))[:40]!r}") from None


def _first_time(row: Mapping[str, Any]) -> int:
    """Return the time of an order: placing and cancelling give transactTime, a query the last change."""
    for field in ("transactTime", "updateTime", "time"):
        value = row.get(field)
        if isinstance(value, int) and value >= 0:
            return value
    raise BadPayload("the time of an order is missing")
