"""Write orders, lists and fills as the exchange does: decimals as strings, ids and times as integers.

Times go through `ApiRequest.stamp`, which knows the unit the caller asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from exchange.paper.models import PaperFill, PaperOrder, PaperOrderList
from exchange.paper.protocol.endpoint import ApiRequest

Json = dict[str, Any]


def amount(value: Decimal) -> str:
    """Return eight decimals, as the exchange prints every amount and price."""
    return format(value, ".8f")


def _list_id(row: PaperOrder) -> int:
    return row.order_list_id if row.order_list_id is not None else -1


def _optional(row: PaperOrder) -> Json:
    """Return the fields that only some orders have."""
    extra: Json = {}
    if row.strategy_id is not None:
        extra["strategyId"] = row.strategy_id
    if row.strategy_type is not None:
        extra["strategyType"] = row.strategy_type
    if row.expiry_reason:
        extra["expiryReason"] = row.expiry_reason
    return extra


def _amounts(row: PaperOrder) -> Json:
    return {
        "price": amount(row.price),
        "origQty": amount(row.quantity),
        "executedQty": amount(row.executed_quantity),
        "origQuoteOrderQty": amount(row.quote_order_quantity),
        "cummulativeQuoteQty": amount(row.executed_quote),
        "status": row.status,
        "timeInForce": row.time_in_force,
        "type": row.type,
        "side": row.side,
    }


def _stop_and_iceberg(row: PaperOrder) -> Json:
    extra: Json = {}
    if row.stop_price:
        extra["stopPrice"] = amount(row.stop_price)
    if row.iceberg_quantity:
        extra["icebergQty"] = amount(row.iceberg_quantity)
    return extra


def placed(request: ApiRequest, row: PaperOrder, fills: Sequence[PaperFill], mode: str) -> Json:
    """Return the answer to placing an order, as ACK, RESULT or FULL."""
    fields: Json = {
        "symbol": row.symbol,
        "orderId": row.pk,
        "orderListId": _list_id(row),
        "clientOrderId": row.client_order_id,
        "transactTime": request.stamp(row.time_ms),
    }
    if mode == "ACK":
        return fields
    fields |= _amounts(row) | _stop_and_iceberg(row) | _optional(row)
    fields["workingTime"] = request.stamp(row.working_time_ms)
    fields["selfTradePreventionMode"] = row.self_trade_prevention_mode
    if mode == "FULL":
        fields["fills"] = [_placed_fill(fill) for fill in fills]
    return fields


def _placed_fill(fill: PaperFill) -> Json:
    return {
        "price": amount(fill.price),
        "qty": amount(fill.quantity),
        "commission": amount(fill.commission),
        "commissionAsset": fill.commission_asset,
        "tradeId": fill.pk,
    }


def queried(request: ApiRequest, row: PaperOrder) -> Json:
    """Return an order as GET order, openOrders and allOrders show it: no fills, no transactTime."""
    return {
        "symbol": row.symbol,
        "orderId": row.pk,
        "orderListId": _list_id(row),
        "clientOrderId": row.client_order_id,
        **_amounts(row),
        "stopPrice": amount(row.stop_price),
        "icebergQty": amount(row.iceberg_quantity),
        "time": request.stamp(row.time_ms),
        "updateTime": request.stamp(row.update_time_ms),
        "isWorking": row.is_working,
        "workingTime": request.stamp(row.working_time_ms),
        "selfTradePreventionMode": row.self_trade_prevention_mode,
        **_optional(row),
    }


def cancelled(request: ApiRequest, row: PaperOrder, cancel_id: str) -> Json:
    """Return a cancel report: `clientOrderId` names the cancelling, `origClientOrderId` the order."""
    return {
        "symbol": row.symbol,
        "origClientOrderId": row.client_order_id,
        "orderId": row.pk,
        "orderListId": _list_id(row),
        "clientOrderId": cancel_id,
        "transactTime": request.stamp(row.update_time_ms),
        **_amounts(row),
        **_stop_and_iceberg(row),
        **_optional(row),
        "selfTradePreventionMode": row.self_trade_prevention_mode,
    }


def order_list(
    request: ApiRequest, row: PaperOrderList, orders: Iterable[PaperOrder], reports: list[Json] | None = None
) -> Json:
    """Return a list. `reports` come with placing and cancelling only."""
    fields: Json = {
        "orderListId": row.pk,
        "contingencyType": "OCO",
        "listStatusType": "ALL_DONE" if row.is_done else "EXEC_STARTED",
        "listOrderStatus": "ALL_DONE" if row.is_done else "EXECUTING",
        "listClientOrderId": row.list_client_order_id,
        "transactionTime": request.stamp(row.time_ms),
        "symbol": row.symbol,
        "orders": [{"symbol": o.symbol, "orderId": o.pk, "clientOrderId": o.client_order_id} for o in orders],
    }
    if reports is not None:
        fields["orderReports"] = reports
    return fields


def trade(request: ApiRequest, fill: PaperFill, list_id: int | None) -> Json:
    """Return a fill as myTrades shows it."""
    return {
        "symbol": fill.symbol,
        "id": fill.pk,
        "orderId": fill.order_id,
        "orderListId": list_id if list_id is not None else -1,
        "price": amount(fill.price),
        "qty": amount(fill.quantity),
        "quoteQty": amount(fill.quote_quantity),
        "commission": amount(fill.commission),
        "commissionAsset": fill.commission_asset,
        "time": request.stamp(fill.time_ms),
        "isBuyer": fill.is_buyer,
        "isMaker": fill.is_maker,
        "isBestMatch": True,
    }
