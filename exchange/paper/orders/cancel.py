"""Cancel open orders. One leg of a list takes the whole list with it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from core.sql import find, get
from exchange.paper import errors
from exchange.paper.account.ledger import BookOrder, PaperLedger
from exchange.paper.account.sql import newest_order
from exchange.paper.models import PaperOrder, PaperOrderList
from exchange.paper.orders.settle import settled_ledger
from exchange.paper.protocol.endpoint import ApiRequest


@dataclass(frozen=True, slots=True)
class OrderKey:
    """How a caller names an order: by number, by its client id, or both (which must then be one order's)."""

    symbol: str
    order_id: int | None = None
    client_order_id: str | None = None

    def __post_init__(self) -> None:
        if self.order_id is None and self.client_order_id is None:
            raise errors.one_of_two_missing("origClientOrderId", "orderId")

    def find(self, account_id: int) -> PaperOrder | None:
        """Return the order, the newest if an id was used again. Raise -2039 if two ids do not belong together."""
        if self.order_id is None:
            return newest_order(account_id, self.symbol, self.client_order_id)
        order = PaperOrder.objects.filter(account_id=account_id, symbol=self.symbol, pk=self.order_id).first()
        if order is not None and self.client_order_id not in (None, order.client_order_id):
            raise errors.ids_do_not_match()
        return order


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What one cancellation ended: a single order, or a list with its legs (the ended ones in `orders`)."""

    orders: list[PaperOrder]
    order_list: PaperOrderList | None = None
    legs: tuple[PaperOrder, ...] = ()


@transaction.atomic
def cancel_order(request: ApiRequest, key: OrderKey, restriction: str | None = None) -> Cancelled:
    """Cancel an open order, or -2011. `restriction` is ONLY_NEW or ONLY_PARTIALLY_FILLED."""
    ledger = settled_ledger(request)
    row = key.find(ledger.account.pk)
    order = next((o for o in ledger.open_orders() if row is not None and o.row.pk == row.pk), None)
    if order is None and row is not None and key.order_id is None:  # an open order goes before a newer, finished one
        order = next((o for o in ledger.open_orders(key.symbol) if o.row.client_order_id == key.client_order_id), None)
    if order is None:
        raise errors.unknown_order()  # what was settled is undone too: the next request settles to the same result
    if restriction is not None and order.row.status != restriction.removeprefix("ONLY_"):
        raise errors.cancel_restricted()
    done = _cancel(ledger, order)
    ledger.save()
    return _with_legs(done)


def _cancel(ledger: PaperLedger, order: BookOrder) -> Cancelled:
    if order.row.order_list_id is None:
        ledger.cancel(order)
        return Cancelled([order.row])
    return _cancel_list(ledger, order.row.order_list_id)


def _cancel_list(ledger: PaperLedger, list_id: int) -> Cancelled:
    legs = [o for o in ledger.open_orders() if o.row.order_list_id == list_id]
    for leg in legs:
        ledger.cancel(leg)
    return Cancelled([leg.row for leg in legs], PaperOrderList(pk=list_id))


def _with_legs(done: Cancelled) -> Cancelled:
    """Read the list of a cancelled leg again, as it stands now."""
    if done.order_list is None:
        return done
    list_id = [done.order_list.pk]
    legs = find(PaperOrder, "WHERE order_list_id = %s ORDER BY id", list_id)
    return Cancelled(done.orders, get(PaperOrderList, "WHERE id = %s", list_id), tuple(legs))


@transaction.atomic
def cancel_list(request: ApiRequest, symbol: str, list_id: int | None, client_id: str | None) -> Cancelled:
    """Cancel an open list by number or client id, or -2011."""
    ledger = settled_ledger(request)
    open_lists = {o.row.order_list_id for o in ledger.open_orders(symbol) if o.row.order_list_id is not None}
    lists = PaperOrderList.objects.filter(pk__in=open_lists)
    if list_id is not None:
        lists = lists.filter(pk=list_id)
    if client_id is not None:
        lists = lists.filter(list_client_order_id=client_id)
    order_list = lists.order_by("-pk").first() if open_lists else None
    if order_list is None:
        raise errors.unknown_order()
    done = _cancel_list(ledger, order_list.pk)
    ledger.save()
    return _with_legs(done)


@transaction.atomic
def cancel_all(request: ApiRequest, symbol: str) -> list[Cancelled]:
    """Cancel every open order of a symbol, lists as lists; -2011 when there is none."""
    ledger = settled_ledger(request)
    done: list[Cancelled] = []
    while resting := ledger.open_orders(symbol):
        done.append(_cancel(ledger, resting[0]))
    if not done:
        raise errors.unknown_order()
    ledger.save()
    return [_with_legs(entry) for entry in done]
