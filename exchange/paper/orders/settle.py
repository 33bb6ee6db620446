"""Fill now what the bars since the last request would have filled.

Events go in market time; of one event stops come before limits, then the older order. Which event meets an order is in
match.py, what it does to the money in ledger.py. An order placed inside a bar has not seen its open, and meets its
whole range (rule 10).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.db import transaction

from exchange.api.types import INTERVAL_MS
from exchange.fills import UNITS, floor_to
from exchange.klines.intervals import open_time_at
from exchange.paper.account.ledger import MARKET_ON_TRIGGER, OPEN_STATUSES, BookOrder, PaperLedger, open_ledger
from exchange.paper.account.sql import open_orders_at
from exchange.paper.market.base import Market, MarketBars
from exchange.paper.market.symbol_rules import SymbolListing
from exchange.paper.models import PaperOrder
from exchange.paper.orders.match import (
    UNLIMITED,
    LevelTouch,
    LevelWait,
    crosses,
    first_touch,
    key_after,
    market_price,
    volume_cap,
)
from exchange.paper.protocol.endpoint import ApiRequest

_MOST_BARS = 20_000  # looked at in one go

NO_LIQUIDITY = "INSUFFICIENT_LIQUIDITY"
UNFILLED_IOC = "UNFILLED_IOC_QUANTITY_EXPIRED"
UNFILLED_FOK = "UNFILLED_FOK_ORDER_EXPIRED"


def is_due(rows: Iterable[PaperOrder], settled_to_ms: int, market: Market, now_ms: int) -> bool:
    """Return True if a bar of any resting order's symbol has opened or ended since the last settling."""
    for row in rows:
        interval = market.base_interval(row.symbol)
        since = max(settled_to_ms, row.time_ms)
        if since < now_ms and open_time_at(interval, since) != open_time_at(interval, now_ms):
            return True
    return False


def settled_ledger(request: ApiRequest) -> PaperLedger:
    """Return the account's ledger, locked and settled up to now. Call it inside a transaction."""
    ledger = open_ledger(request.holder.pk, request.market, request.now_ms)
    settle(ledger)
    return ledger


def settle_account(request: ApiRequest) -> list[PaperOrder]:
    """Bring an account up to now before it is read, and give its open orders, oldest first. Costs one statement when no
    bar has opened or ended since."""
    settled_to_ms, resting = open_orders_at(request.holder.pk, OPEN_STATUSES)
    if not is_due(resting, settled_to_ms, request.market, request.now_ms):
        return resting
    with transaction.atomic():
        ledger = settled_ledger(request)
        ledger.save()
    return [order.row for order in ledger.open_orders()]


def settle(ledger: PaperLedger) -> None:
    """Take the account through every event up to `ledger.now_ms` that meets one of its open orders."""
    if not is_due((o.row for o in ledger.open_orders()), ledger.settled_to_ms, ledger.market, ledger.now_ms):
        return
    keys = {id(o): key_after(max(ledger.settled_to_ms, o.row.time_ms)) for o in ledger.open_orders()}
    for until_ms in _spans(ledger):
        _Span(ledger, keys, until_ms).run()
    ledger.settled_to_ms = ledger.now_ms


def _spans(ledger: PaperLedger) -> Iterator[int]:
    """Yield the ends of the spans to settle one after another, the last being now, for as long as anything rests."""
    resting = ledger.open_orders()
    start = min(max(ledger.settled_to_ms, o.row.time_ms) for o in resting)
    step = _MOST_BARS * min(INTERVAL_MS.get(ledger.market.base_interval(o.row.symbol), 2**40) for o in resting)
    while start < ledger.now_ms and ledger.open_orders():
        start = min(start + step, ledger.now_ms)
        yield start


class _Span:
    """One stretch of time: the bars of each symbol with open orders, and the next event of each order."""

    def __init__(self, ledger: PaperLedger, keys: dict[int, int], until_ms: int) -> None:
        self.ledger = ledger
        self.keys = keys  # by id(order): the last event it has been through
        self.until_ms = until_ms
        self.bars = {symbol: self._load(symbol) for symbol in {o.row.symbol for o in ledger.open_orders()}}

    def _load(self, symbol: str) -> MarketBars:
        """Load bars from one before the first that may matter: a fill at an open is limited by the volume before it."""
        interval = self.ledger.market.base_interval(symbol)
        since = min(self.keys[id(o)] // 2 for o in self.ledger.open_orders(symbol))
        return self.ledger.market.bars(symbol, open_time_at(interval, since) - 1, self.until_ms)

    def run(self) -> None:
        touches = {id(o): self._touch(o) for o in self.ledger.open_orders()}
        while True:
            events = [(t.key, not o.waits_for_trigger, n, o, t) for n, o, t in self._waiting(touches)]
            if not events:
                return
            *_, order, touch = min(events, key=lambda entry: entry[:3])
            self.keys[id(order)] = touch.key
            meet(self.ledger, order, touch, self.bars[order.row.symbol])
            touches[id(order)] = self._touch(order) if order.is_open else None

    def _waiting(self, touches: dict[int, LevelTouch | None]) -> Iterator[tuple[int, BookOrder, LevelTouch]]:
        for number, order in enumerate(self.ledger.orders):
            touch = touches.get(id(order)) if order.is_open else None
            if touch is not None:
                yield number, order, touch

    def _touch(self, order: BookOrder) -> LevelTouch | None:
        bars = self.bars[order.row.symbol]
        return first_touch(wait_of(order, self.keys[id(order)]), bars, self.until_ms) if len(bars) else None


def wait_of(order: BookOrder, since: int) -> LevelWait:
    """Return what an order waits for: a stop for its stop price, a working limit for its own."""
    if order.waits_for_trigger:
        return LevelWait(order.stop, triggers_rising(order.row.type, order.is_buy), since)
    return LevelWait(order.price, not order.is_buy, since)


def triggers_rising(order_type: str, is_buy: bool) -> bool:
    """Return True for orders that wait above the market: STOP_LOSS BUY and TAKE_PROFIT SELL."""
    return order_type.startswith("STOP_LOSS") == is_buy


def meet(ledger: PaperLedger, order: BookOrder, touch: LevelTouch, bars: MarketBars) -> None:
    """Execute an order whose level an event has reached. A fill at an open has the open's time, one in a range its
    end's.
    """
    listing = ledger.listing(order.row.symbol)
    at_ms = int(bars.open_time[touch.index] if touch.at_open else bars.close_time[touch.index])
    volume_of = touch.index - 1 if touch.at_open else touch.index
    cap = volume_cap(bars, volume_of, ledger.terms.volume_share, listing.step)
    if not order.waits_for_trigger:
        quantity = min(order.remaining, cap)
        if quantity:
            ledger.fill(order, order.price, quantity, is_maker=True, at_ms=at_ms)
        return
    reference = int(bars.open[touch.index]) if touch.at_open else order.stop
    ledger.trigger(order, at_ms)
    if order.row.type in MARKET_ON_TRIGGER:
        execute_market(ledger, order, listing, reference, at_ms, cap)
    else:
        execute_limit(ledger, order, listing, reference, at_ms, cap)


def execute_market(
    ledger: PaperLedger, order: BookOrder, listing: SymbolListing, reference: int, at_ms: int, cap: int = UNLIMITED
) -> None:
    """Fill at the market as far as volume and money reach; what is left expires."""
    price = market_price(reference, order.is_buy, ledger.terms.slippage, listing.tick)
    quantity = min(order.remaining, cap)
    if order.is_buy:  # a gap above the stop may cost more than was set aside for it
        money = order.locked + ledger.balances.free(listing.rules.quote)
        quantity = min(quantity, _affordable(money, price, listing.step))
    if quantity:
        ledger.fill(order, price, quantity, is_maker=False, at_ms=at_ms)
    if order.is_open:
        ledger.expire(order, NO_LIQUIDITY, at_ms)


def _affordable(money: int, price: int, step: int) -> int:
    """Return the largest whole number of steps that `money` buys at `price`; all in units."""
    return int(floor_to(money * UNITS // price, step))


def execute_limit(
    ledger: PaperLedger, order: BookOrder, listing: SymbolListing, reference: int, at_ms: int, cap: int = UNLIMITED
) -> None:
    """Fill what crosses at once at the better price, as a taker. The rest stays on the book, or expires by its time in
    force.
    """
    best = market_price(reference, order.is_buy, ledger.terms.slippage, listing.tick)
    quantity = min(order.remaining, cap) if crosses(order.price, best, order.is_buy) else 0
    if order.row.time_in_force == "FOK" and quantity < order.remaining:
        ledger.expire(order, UNFILLED_FOK, at_ms)
        return
    if quantity:
        ledger.fill(order, best, quantity, is_maker=False, at_ms=at_ms)
    if order.is_open and order.row.time_in_force == "IOC":
        ledger.expire(order, UNFILLED_IOC, at_ms)
