"""Serve the endpoints that place, cancel and look up orders: read parameters, call one function, write its answer."""

from __future__ import annotations

from typing import Any

from exchange.paper import errors
from exchange.paper.market.symbol_rules import listing_of
from exchange.paper.models import PaperOrder, PaperOrderList
from exchange.paper.orders.cancel import Cancelled, OrderKey, cancel_all, cancel_list, cancel_order
from exchange.paper.orders.place import check_filters, check_symbol, place_oco, place_order
from exchange.paper.orders.queries import commission_json, find_lists, find_order, open_lists, past_orders
from exchange.paper.orders.requests import (
    OCO_PARAMETERS,
    ORDER_PARAMETERS,
    answer_type,
    default_answer,
    generated_id,
    read_oco,
    read_order,
)
from exchange.paper.orders.settle import settle_account
from exchange.paper.protocol import responses
from exchange.paper.protocol.endpoint import ApiRequest, Endpoint, EndpointTable, Placed, Security
from exchange.paper.protocol.parameters import Parameters

Json = dict[str, Any]

_CANCEL_RESTRICTIONS = ("ONLY_NEW", "ONLY_PARTIALLY_FILLED")


# Placing


def new_order(request: ApiRequest) -> Placed:
    draft = read_order(request)
    mode = answer_type(request.params, default_answer(draft.type))
    order, ledger = place_order(request, draft)
    fills = ledger.fills_of(order)
    return Placed(responses.placed(request, order.row, fills, mode), filled=1 if fills else 0)


def test_order(request: ApiRequest) -> Json:
    """Run every check that needs no engine: parameters and the filters on the order's own numbers."""
    draft = read_order(request)
    answer_type(request.params, "ACK")
    listing = check_symbol(request, draft)
    check_filters(request, draft, listing)
    if not request.params.flag("computeCommissionRates"):
        return {}
    rates = commission_json(request)
    return {
        "standardCommissionForOrder": _maker_and_taker(rates["standardCommission"]),
        "specialCommissionForOrder": _maker_and_taker(rates["specialCommission"]),
        "taxCommissionForOrder": _maker_and_taker(rates["taxCommission"]),
        "discount": rates["discount"],
    }


def _maker_and_taker(rates: Json) -> Json:
    return {"maker": rates["maker"], "taker": rates["taker"]}


def new_oco(request: ApiRequest) -> Placed:
    draft = read_oco(request)
    mode = answer_type(request.params, "RESULT")
    order_list, orders, _ = place_oco(request, draft)
    rows = [order.row for order in orders]
    reports = [responses.placed(request, row, (), mode) for row in rows]
    return Placed(responses.order_list(request, order_list, rows, reports))


# Cancelling


def _order_key(params: Parameters) -> OrderKey:
    return OrderKey(params.symbol(), params.integer("orderId"), params.client_id("origClientOrderId"))


def _cancel_id(params: Parameters) -> str:
    return params.client_id("newClientOrderId") or generated_id()


def _cancelled(request: ApiRequest, done: Cancelled, cancel_id: str) -> Json:
    reports = [responses.cancelled(request, row, cancel_id) for row in done.orders]
    if done.order_list is None:
        return reports[0]
    return responses.order_list(request, done.order_list, done.legs, reports)


def delete_order(request: ApiRequest) -> Json:
    params = request.params
    key, cancel_id = _order_key(params), _cancel_id(params)
    restriction = params.choice("cancelRestrictions", _CANCEL_RESTRICTIONS, errors.bad_cancel_restrictions)
    listing_of(request.market, key.symbol)
    return _cancelled(request, cancel_order(request, key, restriction), cancel_id)


def delete_open_orders(request: ApiRequest) -> list[Json]:
    symbol = request.params.symbol()
    listing_of(request.market, symbol)
    cancel_id = generated_id()
    return [_cancelled(request, done, cancel_id) for done in cancel_all(request, symbol)]


def delete_order_list(request: ApiRequest) -> Json:
    params = request.params
    symbol, cancel_id = params.symbol(), _cancel_id(params)
    listing_of(request.market, symbol)
    list_id, client_id = params.integer("orderListId"), params.client_id("listClientOrderId")
    if list_id is None and client_id is None:
        raise errors.one_of_two_missing("orderListId", "listClientOrderId")
    return _cancelled(request, cancel_list(request, symbol, list_id, client_id), cancel_id)


# Looking up


def get_order(request: ApiRequest) -> Json:
    key = _order_key(request.params)
    listing_of(request.market, key.symbol)
    settle_account(request)
    return responses.queried(request, find_order(request, key))


def get_open_orders(request: ApiRequest) -> list[Json]:
    symbol = request.params.optional_symbol()
    if symbol is not None:
        listing_of(request.market, symbol)
    resting = settle_account(request)
    return [responses.queried(request, row) for row in resting if symbol in (None, row.symbol)]


def get_all_orders(request: ApiRequest) -> list[Json]:
    listing_of(request.market, request.params.symbol())
    settle_account(request)
    return [responses.queried(request, row) for row in past_orders(request)]


def _list_json(request: ApiRequest, row: PaperOrderList) -> Json:
    legs: list[PaperOrder] = sorted(row.orders.all(), key=lambda leg: leg.pk)
    return responses.order_list(request, row, legs)


def get_order_list(request: ApiRequest) -> Json:
    params = request.params
    list_id, client_id = params.integer("orderListId"), params.client_id("origClientOrderId")
    if list_id is None and client_id is None:
        raise errors.one_of_two_missing("orderListId", "origClientOrderId")
    settle_account(request)
    lists = find_lists(request, list_id=list_id, client_id=client_id)
    if not lists:
        raise errors.no_such_order_list()
    return _list_json(request, lists[-1])


def get_all_order_lists(request: ApiRequest) -> list[Json]:
    settle_account(request)
    return [_list_json(request, row) for row in find_lists(request)]


def get_open_order_lists(request: ApiRequest) -> list[Json]:
    settle_account(request)
    return [_list_json(request, row) for row in open_lists(request)]


def _names(*names: str) -> frozenset[str]:
    return frozenset(names)


def _open_orders_weight(params: Parameters) -> int:
    return 6 if params.has("symbol") else 80


def _test_weight(params: Parameters) -> int:
    return 20 if params.flag("computeCommissionRates") else 1


_ORDER_KEY = _names("symbol", "orderId", "origClientOrderId")
_CANCEL_LIST = _names("symbol", "orderListId", "listClientOrderId", "newClientOrderId")
_TRADE, _USER_DATA = Security.TRADE, Security.USER_DATA

ENDPOINTS: EndpointTable = {
    ("POST", "order"): Endpoint(new_order, 1, _TRADE, ORDER_PARAMETERS, orders=1, free_on_success=True),
    ("POST", "order/test"): Endpoint(test_order, _test_weight, _TRADE, ORDER_PARAMETERS | {"computeCommissionRates"}),
    ("DELETE", "order"): Endpoint(
        delete_order, 1, _TRADE, _ORDER_KEY | {"newClientOrderId", "cancelRestrictions"}, free_on_success=True
    ),
    ("GET", "order"): Endpoint(get_order, 4, _USER_DATA, _ORDER_KEY),
    ("GET", "openOrders"): Endpoint(get_open_orders, _open_orders_weight, _USER_DATA, _names("symbol")),
    ("DELETE", "openOrders"): Endpoint(delete_open_orders, 1, _TRADE, _names("symbol"), free_on_success=True),
    ("GET", "allOrders"): Endpoint(
        get_all_orders, 20, _USER_DATA, _names("symbol", "orderId", "startTime", "endTime", "limit")
    ),
    ("POST", "orderList/oco"): Endpoint(new_oco, 1, _TRADE, OCO_PARAMETERS, orders=2, free_on_success=True),
    ("GET", "orderList"): Endpoint(get_order_list, 4, _USER_DATA, _names("orderListId", "origClientOrderId")),
    ("DELETE", "orderList"): Endpoint(delete_order_list, 1, _TRADE, _CANCEL_LIST, free_on_success=True),
    ("GET", "openOrderList"): Endpoint(get_open_order_lists, 6, _USER_DATA),
    ("GET", "allOrderList"): Endpoint(
        get_all_order_lists, 20, _USER_DATA, _names("fromId", "startTime", "endTime", "limit")
    ),
}
