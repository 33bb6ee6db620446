"""Serve the endpoints that show an account: balances, rates, fills and what is left of its order limits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from exchange.paper.market.symbol_rules import listing_of
from exchange.paper.orders.queries import balances, commission_json, fills, fresh_account
from exchange.paper.orders.settle import settle_account
from exchange.paper.protocol import responses
from exchange.paper.protocol.endpoint import ApiRequest, Endpoint, EndpointTable, Security
from exchange.paper.protocol.parameters import Parameters
from exchange.paper.protocol.responses import amount

Json = dict[str, Any]

_ZERO = amount(Decimal(0))
_BPS = 10_000


def get_account(request: ApiRequest) -> Json:
    settle_account(request)
    account = fresh_account(request)
    maker, taker = account.maker_fee_rate, account.taker_fee_rate
    return {
        "makerCommission": int(maker * _BPS),
        "takerCommission": int(taker * _BPS),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {"maker": amount(maker), "taker": amount(taker), "buyer": _ZERO, "seller": _ZERO},
        "canTrade": True,
        "canWithdraw": False,
        "canDeposit": False,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": request.stamp(request.now_ms),
        "accountType": "SPOT",
        "balances": balances(request),
        "permissions": ["SPOT"],
        "uid": account.pk,
    }


def get_commission(request: ApiRequest) -> Json:
    listing_of(request.market, request.params.symbol())
    return commission_json(request)


def get_my_trades(request: ApiRequest) -> list[Json]:
    listing_of(request.market, request.params.symbol())
    settle_account(request)
    return [responses.trade(request, fill, fill.order.order_list_id) for fill in fills(request)]


def get_order_limits(request: ApiRequest) -> list[Json]:
    return [limit.as_json() | {"count": count} for limit, count in request.order_counts()]


def _trades_weight(params: Parameters) -> int:
    return 5 if params.has("orderId") else 20


_TRADE_NAMES = frozenset({"symbol", "orderId", "startTime", "endTime", "fromId", "limit"})
_SIGNED = Security.USER_DATA

ENDPOINTS: EndpointTable = {
    ("GET", "account"): Endpoint(get_account, 20, _SIGNED, frozenset({"omitZeroBalances"})),
    ("GET", "account/commission"): Endpoint(get_commission, 20, _SIGNED, frozenset({"symbol"})),
    ("GET", "myTrades"): Endpoint(get_my_trades, _trades_weight, _SIGNED, _TRADE_NAMES),
    ("GET", "rateLimit/order"): Endpoint(get_order_limits, 40, _SIGNED),
}
