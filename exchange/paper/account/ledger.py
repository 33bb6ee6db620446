"""Hold an account's money while one request has it locked: balances, open orders and the fills of this request.

Loaded and saved in one transaction under `select_for_update` on the account's row, so that two requests at once never
spend a balance twice. Amounts are whole units of 1e-8. When a bar fills an order is decided in settle.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property, partial
from typing import NamedTuple

from core.sql import insert, update
from exchange.api.types import OrderStatus
from exchange.fills import UNITS, commission, from_units, mul_units, slippage_units, to_units
from exchange.paper import errors
from exchange.paper.account.sql import balances, lock_account, open_orders, write_balances
from exchange.paper.market.base import Market
from exchange.paper.market.symbol_rules import SymbolListing, listing_of
from exchange.paper.models import PaperAccount, PaperFill, PaperOrder, PaperOrderList

OPEN_STATUSES = (OrderStatus.NEW.value, OrderStatus.PARTIALLY_FILLED.value)
ALGO_TYPES = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})
MARKET_ON_TRIGGER = frozenset({"STOP_LOSS", "TAKE_PROFIT"})

DISCOUNT_ASSET = "BNB"
DISCOUNT = 75_000_000  # the part of the rate that is left when fees are paid in BNB, in units

_ORDER_FIELDS = (
    "status",
    "executed_quantity",
    "executed_quote",
    "locked_amount",
    "is_working",
    "expiry_reason",
    "update_time_ms",
    "working_time_ms",
)


class PaperBalances:
    """Free and locked units of each asset. Nothing goes below zero: what cannot be paid is refused.

    Most requests move no money, so `read` is asked for the balances when the first of them is looked at.
    """

    def __init__(self, read: Callable[[], Iterable[tuple[str, Decimal, Decimal]]]) -> None:
        self._read = read
        self._changed: set[str] = set()

    @cached_property
    def _held(self) -> dict[str, list[int]]:
        return {asset: [to_units(free), to_units(locked)] for asset, free, locked in self._read()}

    def free(self, asset: str) -> int:
        return self._held.get(asset, (0, 0))[0]

    def total(self, asset: str) -> int:
        return sum(self._held.get(asset, (0, 0)))

    def lock(self, asset: str, amount: int) -> None:
        """Set aside what an order may spend; -2010 when the free balance does not reach."""
        if self.free(asset) < amount:
            raise errors.insufficient_balance()
        self._move(asset, -amount, amount)

    def unlock(self, asset: str, amount: int) -> None:
        self._move(asset, amount, -amount)

    def spend_locked(self, asset: str, amount: int) -> None:
        self._move(asset, 0, -amount)

    def spend(self, asset: str, amount: int) -> None:
        self._move(asset, -amount, 0)

    def receive(self, asset: str, amount: int) -> None:
        self._move(asset, amount, 0)

    def _move(self, asset: str, free: int, locked: int) -> None:
        held = self._held.setdefault(asset, [0, 0])
        if held[0] + free < 0 or held[1] + locked < 0:
            raise ValueError(f"the paper balance of {asset} would go below zero")
        held[0] += free
        held[1] += locked
        self._changed.add(asset)

    def save(self, account: PaperAccount) -> None:
        if not self._changed:
            return
        held = [(asset, self._held[asset]) for asset in sorted(self._changed)]
        write_balances(account.pk, [(asset, from_units(free), from_units(locked)) for asset, (free, locked) in held])
        self._changed.clear()


@dataclass(slots=True, eq=False)
class BookOrder:
    """An order with its numbers in units; `row` gets them back when the ledger is saved."""

    row: PaperOrder
    quantity: int
    price: int = 0
    stop: int = 0
    executed: int = 0
    executed_quote: int = 0
    locked: int = 0
    is_changed: bool = False

    @classmethod
    def of(cls, row: PaperOrder) -> BookOrder:
        return cls(
            row,
            quantity=to_units(row.quantity),
            price=to_units(row.price),
            stop=to_units(row.stop_price),
            executed=to_units(row.executed_quantity),
            executed_quote=to_units(row.executed_quote),
            locked=to_units(row.locked_amount),
        )

    @property
    def is_buy(self) -> bool:
        return self.row.side == "BUY"

    @property
    def remaining(self) -> int:
        return self.quantity - self.executed

    @property
    def is_open(self) -> bool:
        return self.row.status in OPEN_STATUSES

    @property
    def waits_for_trigger(self) -> bool:
        return self.row.type in ALGO_TYPES and not self.row.is_working

    def write_back(self) -> PaperOrder:
        row = self.row
        row.quantity = from_units(self.quantity)
        row.executed_quantity = from_units(self.executed)
        row.executed_quote = from_units(self.executed_quote)
        row.locked_amount = from_units(self.locked)
        return row


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """What trading costs the account, in units: fractions of a price, a notional or a volume."""

    maker_rate: int
    taker_rate: int
    slippage: int
    volume_share: int | None
    pays_in_bnb: bool

    @classmethod
    def of(cls, account: PaperAccount) -> OrderTerms:
        return cls(
            maker_rate=to_units(account.maker_fee_rate),
            taker_rate=to_units(account.taker_fee_rate),
            slippage=slippage_units(account.slippage_bps),
            volume_share=None if account.volume_share is None else to_units(account.volume_share),
            pays_in_bnb=account.pays_fees_in_bnb,
        )


@dataclass(slots=True)
class PaperLedger:
    """One account under lock. Build it with `open_ledger` inside a transaction; nothing is written before `save`."""

    account: PaperAccount
    market: Market
    now_ms: int
    terms: OrderTerms
    balances: PaperBalances
    orders: list[BookOrder]
    settled_to_ms: int
    fills: list[tuple[BookOrder, PaperFill]] = field(default_factory=list)
    done_lists: set[int] = field(default_factory=set)

    def open_orders(self, symbol: str | None = None) -> list[BookOrder]:
        return [o for o in self.orders if o.is_open and (symbol is None or o.row.symbol == symbol)]

    def listing(self, symbol: str) -> SymbolListing:
        return listing_of(self.market, symbol)

    def fills_of(self, order: BookOrder) -> list[PaperFill]:
        return [fill for owner, fill in self.fills if owner is order]

    # What happens to one order

    def fill(self, order: BookOrder, price: int, quantity: int, *, is_maker: bool, at_ms: int) -> None:
        """Execute part or all of an order: money, commission, status. Its list sibling ends first."""
        rules = self.listing(order.row.symbol).rules
        self.end_sibling(order, at_ms)
        value = int(mul_units(price, quantity))
        rate = self.terms.maker_rate if is_maker else self.terms.taker_rate
        if order.is_buy:
            self._pay(order, rules.quote, value)
            received, amount = rules.base, quantity
        else:
            self._pay(order, rules.base, quantity)
            received, amount = rules.quote, value
        fee_asset, fee = self._commission(received, amount, rules.quote, value, rate, at_ms)
        self.balances.receive(received, amount)
        self.balances.spend(fee_asset, fee)
        order.executed += quantity
        order.executed_quote += value
        row = order.row
        row.status = OrderStatus.FILLED.value if order.remaining == 0 else OrderStatus.PARTIALLY_FILLED.value
        row.update_time_ms = at_ms
        order.is_changed = True
        self.fills.append((order, _fill_row(order, Execution(price, quantity, value, is_maker, at_ms), fee, fee_asset)))
        if order.remaining == 0:
            self._close(order)

    def _pay(self, order: BookOrder, asset: str, amount: int) -> None:
        """Pay from what the order has locked. A stop that bought above its level also takes free balance."""
        from_lock = min(order.locked, amount)
        order.locked -= from_lock
        self.balances.spend_locked(asset, from_lock)
        if amount > from_lock:
            self.balances.spend(asset, amount - from_lock)

    def _commission(self, received: str, amount: int, quote: str, value: int, rate: int, at_ms: int) -> tuple[str, int]:
        """Take the fee out of what is received, or in BNB if the account pays so and holds enough of it."""
        if self.terms.pays_in_bnb and rate:
            in_bnb = self._commission_in_bnb(quote, value, rate, at_ms)
            if in_bnb is not None and in_bnb <= self.balances.free(DISCOUNT_ASSET):
                return DISCOUNT_ASSET, in_bnb
        return received, int(commission(amount, rate))

    def _commission_in_bnb(self, quote: str, value: int, rate: int, at_ms: int) -> int | None:
        """Return the fee at BNB's market price, rounded down, or None if this market has no such price."""
        due = value * rate * DISCOUNT  # in units cubed
        if quote == DISCOUNT_ASSET:
            return due // UNITS**2
        if DISCOUNT_ASSET + quote not in self.market.symbols():
            return None
        return due // (UNITS * self.market.last_price(DISCOUNT_ASSET + quote, at_ms))

    def trigger(self, order: BookOrder, at_ms: int) -> None:
        """Activate a stop. Its sibling of a list ends before it does."""
        order.row.is_working = True
        order.row.working_time_ms = order.row.update_time_ms = at_ms
        order.is_changed = True
        self.end_sibling(order, at_ms)

    def end_sibling(self, order: BookOrder, at_ms: int) -> None:
        """Expire the other leg of an OCO. What the pair had locked stays with this one."""
        list_id = order.row.order_list_id
        if list_id is None:
            return
        for other in self.orders:
            if other.row.order_list_id == list_id and other is not order and other.is_open:
                order.locked += other.locked
                other.locked = 0
                order.is_changed = True
                self.expire(other, "OCO_TRIGGER", at_ms)

    def expire(self, order: BookOrder, reason: str, at_ms: int) -> None:
        order.row.expiry_reason = reason
        self._end(order, OrderStatus.EXPIRED, at_ms)

    def cancel(self, order: BookOrder) -> None:
        self._end(order, OrderStatus.CANCELED, self.now_ms)

    def _end(self, order: BookOrder, status: OrderStatus, at_ms: int) -> None:
        order.row.status = status.value
        order.row.update_time_ms = at_ms
        order.is_changed = True
        self._close(order)

    def _close(self, order: BookOrder) -> None:
        """Give back what a finished order had locked; a list is done when none of its orders is open."""
        if order.locked:
            rules = self.listing(order.row.symbol).rules
            self.balances.unlock(rules.quote if order.is_buy else rules.base, order.locked)
            order.locked = 0
        list_id = order.row.order_list_id
        if list_id is not None and not any(o.is_open and o.row.order_list_id == list_id for o in self.orders):
            self.done_lists.add(list_id)

    # Saving

    def save(self) -> None:
        """Write what changed: a statement for each table's new rows, and one for each older row."""
        new = [o for o in self.orders if o.row.pk is None]
        changed = [o for o in self.orders if o.is_changed and o.row.pk is not None]
        insert([order.write_back() for order in new])
        for order in changed:
            update(order.write_back(), *_ORDER_FIELDS)
        for order, fill in self.fills:
            fill.order_id = order.row.pk
        insert([fill for _, fill in self.fills])
        if self.done_lists:
            PaperOrderList.objects.filter(pk__in=self.done_lists).update(is_done=True)
        self.balances.save(self.account)
        if self.settled_to_ms != self.account.settled_to_ms:
            self.account.settled_to_ms = self.settled_to_ms
            update(self.account, "settled_to_ms")


class Execution(NamedTuple):
    """One execution of an order; amounts in units."""

    price: int
    quantity: int
    value: int
    is_maker: bool
    at_ms: int


def _fill_row(order: BookOrder, execution: Execution, fee: int, fee_asset: str) -> PaperFill:
    return PaperFill(
        account_id=order.row.account_id,
        symbol=order.row.symbol,
        price=from_units(execution.price),
        quantity=from_units(execution.quantity),
        quote_quantity=from_units(execution.value),
        commission=from_units(fee),
        commission_asset=fee_asset,
        is_buyer=order.is_buy,
        is_maker=execution.is_maker,
        time_ms=execution.at_ms,
    )


def open_ledger(account_id: int, market: Market, now_ms: int) -> PaperLedger:
    """Lock the account and load what it holds. Must be called inside a transaction; -2015 when it is gone."""
    account = lock_account(account_id)
    if account is None:
        raise errors.rejected_key()
    return PaperLedger(
        account=account,
        market=market,
        now_ms=now_ms,
        terms=OrderTerms.of(account),
        balances=PaperBalances(partial(balances, account_id)),
        orders=[BookOrder.of(row) for row in open_orders(account_id, OPEN_STATUSES)],
        settled_to_ms=account.settled_to_ms,
    )
