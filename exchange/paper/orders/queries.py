"""Read an account's records: orders, lists, fills, balances, rates. Callers settle the account first."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from core.times import DAY_MS
from exchange.api.types import OrderStatus
from exchange.fills import from_units
from exchange.paper import errors
from exchange.paper.account.ledger import DISCOUNT, DISCOUNT_ASSET
from exchange.paper.models import PaperAccount, PaperBalance, PaperFill, PaperOrder, PaperOrderList
from exchange.paper.orders.cancel import OrderKey
from exchange.paper.protocol.endpoint import ApiRequest
from exchange.paper.protocol.responses import amount

_ARCHIVED_AFTER_MS = 90 * DAY_MS
_DEFAULT_LIMIT, _MOST = 500, 1000

Json = dict[str, Any]
Row = TypeVar("Row", bound=Model)


def account_id(request: ApiRequest) -> int:
    return int(request.holder.pk)


def fresh_account(request: ApiRequest) -> PaperAccount:
    """Return the account as it is now: the one of the key may have been cached for a while."""
    account = PaperAccount.objects.filter(pk=account_id(request)).first()
    if account is None:
        raise errors.rejected_key()
    return account


# Orders


def find_order(request: ApiRequest, key: OrderKey) -> PaperOrder:
    row = key.find(account_id(request))
    if row is None:
        raise errors.no_such_order()
    is_over = row.status in (OrderStatus.CANCELED, OrderStatus.EXPIRED) and row.executed_quantity == 0
    if is_over and request.now_ms - row.update_time_ms > _ARCHIVED_AFTER_MS:
        raise errors.archived_order()
    return row


def past_orders(request: ApiRequest) -> list[PaperOrder]:
    """Return the rows of allOrders: from an order id on, or within a span of at most a day."""
    params = request.params
    rows = PaperOrder.objects.filter(account_id=account_id(request), symbol=params.symbol())
    first_id = params.integer("orderId")
    if first_id is not None:
        rows = rows.filter(pk__gte=first_id)
    return _page(rows, request, from_start=first_id is not None)


def _page(rows: QuerySet[Row], request: ApiRequest, *, from_start: bool = False) -> list[Row]:
    """Return rows ascending: without a bound the newest, from a start the oldest, up to an end the newest before it."""
    params = request.params
    limit = params.limit(_DEFAULT_LIMIT, _MOST)
    start, end = params.time_ms("startTime"), params.time_ms("endTime")
    if start is not None and end is not None and end - start > DAY_MS:
        raise errors.span_too_long(24)
    if start is not None:
        rows = rows.filter(time_ms__gte=start)
    if end is not None:
        rows = rows.filter(time_ms__lte=end)
    if from_start or start is not None:
        return list(rows.order_by("pk")[:limit])
    return list(rows.order_by("-pk")[:limit])[::-1]


# Lists


def find_lists(
    request: ApiRequest, *, list_id: int | None = None, client_id: str | None = None
) -> list[PaperOrderList]:
    """Return lists by id, by client id (the newest last), or a page of all."""
    rows = PaperOrderList.objects.filter(account_id=account_id(request)).prefetch_related("orders")
    if list_id is not None or client_id is not None:
        if list_id is not None:
            rows = rows.filter(pk=list_id)
        if client_id is not None:
            rows = rows.filter(list_client_order_id=client_id)
        return list(rows.order_by("pk"))
    first_id = request.params.integer("fromId")
    if first_id is not None:
        if request.params.has("startTime") or request.params.has("endTime"):
            raise errors.bad_combination()
        rows = rows.filter(pk__gte=first_id)
    return _page(rows, request, from_start=first_id is not None)


def open_lists(request: ApiRequest) -> list[PaperOrderList]:
    rows = PaperOrderList.objects.filter(account_id=account_id(request), is_done=False)
    return list(rows.prefetch_related("orders").order_by("pk"))


# Fills

_TRADE_FILTERS: tuple[frozenset[str], ...] = (
    frozenset(),
    frozenset({"orderId"}),
    frozenset({"startTime"}),
    frozenset({"endTime"}),
    frozenset({"startTime", "endTime"}),
    frozenset({"fromId"}),
    frozenset({"orderId", "fromId"}),
)


def fills(request: ApiRequest) -> list[PaperFill]:
    """Return myTrades, by one of the combinations that the exchange allows (else -1128)."""
    params = request.params
    sent = frozenset(name for name in ("orderId", "fromId", "startTime", "endTime") if params.has(name))
    if sent not in _TRADE_FILTERS:
        raise errors.bad_combination()
    rows = PaperFill.objects.filter(account_id=account_id(request), symbol=params.symbol()).select_related("order")
    order_id, first_id = params.integer("orderId"), params.integer("fromId")
    if order_id is not None:
        rows = rows.filter(order_id=order_id)
    if first_id is not None:
        rows = rows.filter(pk__gte=first_id)
    return _page(rows, request, from_start=first_id is not None)


# The account


def balances(request: ApiRequest) -> list[Json]:
    """Return what is held, and a zero for every other asset of the market's symbols."""
    omit_zero = request.params.flag("omitZeroBalances")
    held = {row.asset: row for row in PaperBalance.objects.filter(account_id=account_id(request))}
    listed: dict[str, None] = {}
    for info in request.market.symbols().values():
        listed[info["baseAsset"]] = listed[info["quoteAsset"]] = None
    rows = []
    for asset in sorted({*held, *listed}):
        row = held.get(asset)
        free, locked = (row.free, row.locked) if row else (from_units(0), from_units(0))
        if free or locked or not omit_zero:
            rows.append({"asset": asset, "free": amount(free), "locked": amount(locked)})
    return rows


def commission_json(request: ApiRequest) -> Json:
    """Return account/commission: this account has standard rates alone."""
    account = fresh_account(request)
    nothing = dict.fromkeys(("maker", "taker", "buyer", "seller"), amount(from_units(0)))
    standard = nothing | {"maker": amount(account.maker_fee_rate), "taker": amount(account.taker_fee_rate)}
    return {
        "symbol": request.params.symbol(),
        "standardCommission": standard,
        "specialCommission": nothing,
        "taxCommission": nothing,
        "discount": {
            "enabledForAccount": account.pays_fees_in_bnb,
            "enabledForSymbol": True,
            "discountAsset": DISCOUNT_ASSET,
            "discount": amount(from_units(DISCOUNT)),
        },
    }
