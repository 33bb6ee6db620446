"""Define the values that pass between us and an exchange: frozen, typed, without HTTP.

Money is `Decimal`; times are Unix milliseconds, UTC, named `..._ms`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    MARKET = "MARKET"
    LIMIT = "LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"


class TimeInForce(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class OrderStatus(StrEnum):
    """An order's life on the exchange. The last five are final and may still carry fills."""

    NEW = "NEW"
    PENDING_NEW = "PENDING_NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"
    REJECTED = "REJECTED"

    @property
    def is_final(self) -> bool:
        return self not in _WORKING


_WORKING = frozenset({OrderStatus.NEW, OrderStatus.PENDING_NEW, OrderStatus.PARTIALLY_FILLED})

# Length of each interval. A month has no fixed length; the calendar gives it (exchange/klines/intervals.py).
INTERVAL_MS: dict[str, int] = {
    "1s": 1_000,
    "1m": 60_000,
    "3m": 180_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
    "2h": 7_200_000,
    "4h": 14_400_000,
    "6h": 21_600_000,
    "8h": 28_800_000,
    "12h": 43_200_000,
    "1d": 86_400_000,
    "3d": 259_200_000,
    "1w": 604_800_000,
}

Int64Array = NDArray[np.int64]
Float64Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Klines:
    """Consecutive bars, ascending by open time: arrays of equal length n.

    `open_time` is int64 milliseconds; prices and volume are float64, as the exchange printed them
    (at most 8 decimals, so `round(x * 1e8)` gives back the exact number).
    """

    interval: str
    open_time: Int64Array
    open: Float64Array
    high: Float64Array
    low: Float64Array
    close: Float64Array
    volume: Float64Array

    def __len__(self) -> int:
        return len(self.open_time)

    def close_time_ms(self, index: int) -> int:
        """Return the last millisecond of the bar at `index`."""
        return int(self.open_time[index]) + INTERVAL_MS[self.interval] - 1

    def __getitem__(self, rows: slice) -> Klines:
        return Klines(
            self.interval,
            self.open_time[rows],
            self.open[rows],
            self.high[rows],
            self.low[rows],
            self.close[rows],
            self.volume[rows],
        )


@dataclass(frozen=True, slots=True)
class SymbolRules:
    """What the exchange asks of an order on one symbol. `None` (or an absent filter) means no rule.

    Lot sizes hold for every order; the `market_*` ones on top of them for market orders.
    """

    symbol: str
    base: str
    quote: str
    status: str = "TRADING"
    order_types: frozenset[str] = frozenset()
    oco_allowed: bool = True
    quote_order_qty_allowed: bool = True
    base_precision: int = 8
    quote_precision: int = 8
    tick_size: Decimal | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    step_size: Decimal | None = None
    min_quantity: Decimal | None = None
    max_quantity: Decimal | None = None
    market_step_size: Decimal | None = None
    market_min_quantity: Decimal | None = None
    market_max_quantity: Decimal | None = None
    min_notional: Decimal | None = None
    min_notional_applies_to_market: bool = True
    max_notional: Decimal | None = None
    max_notional_applies_to_market: bool = False
    average_price_minutes: int = 5
    bid_multiplier_up: Decimal | None = None
    bid_multiplier_down: Decimal | None = None
    ask_multiplier_up: Decimal | None = None
    ask_multiplier_down: Decimal | None = None
    max_orders: int | None = None
    max_algo_orders: int | None = None
    max_order_lists: int | None = None
    max_position: Decimal | None = None
    # Which filter a refusal names: older symbols have MIN_NOTIONAL and PERCENT_PRICE.
    min_notional_filter: str = "NOTIONAL"
    percent_price_filter: str = "PERCENT_PRICE_BY_SIDE"


@dataclass(frozen=True, slots=True)
class BookTicker:
    symbol: str
    bid: Decimal
    ask: Decimal


@dataclass(frozen=True, slots=True)
class Balance:
    asset: str
    free: Decimal
    locked: Decimal


@dataclass(frozen=True, slots=True)
class Account:
    """What an API key may do and what its account holds."""

    can_trade: bool
    can_withdraw: bool
    balances: dict[str, Balance]

    def free(self, asset: str) -> Decimal:
        held = self.balances.get(asset)
        return held.free if held else Decimal(0)


@dataclass(frozen=True, slots=True)
class CommissionRates:
    """Fractions of the notional, all parts (standard, tax, special) added up for a buy or sell alike."""

    maker: Decimal
    taker: Decimal
    discount_asset: str | None = None  # set when commissions are paid in this asset (BNB) at present


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What we ask of an exchange. Price and quantity already obey its filters."""

    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal
    client_order_id: str
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    send_by_s: float | None = None  # Unix seconds after which it must not leave any more


@dataclass(frozen=True, slots=True)
class OcoRequest:
    """A stop and a target of one position, of which one cancels the other.

    `stop_limit_price` None: the stop sells at market on trigger.
    """

    symbol: str
    side: Side
    quantity: Decimal
    list_client_order_id: str
    target_client_order_id: str
    stop_client_order_id: str
    target_price: Decimal
    stop_price: Decimal
    stop_limit_price: Decimal | None = None
    send_by_s: float | None = None  # Unix seconds after which it must not leave any more


@dataclass(frozen=True, slots=True)
class FillReport:
    """One execution. Unique on an exchange by (symbol, trade_id)."""

    symbol: str
    trade_id: int
    order_id: int
    side: Side
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal
    commission: Decimal
    commission_asset: str
    time_ms: int
    is_maker: bool


@dataclass(frozen=True, slots=True)
class OrderReport:
    """What the exchange says of one order, whichever endpoint said it.

    `fills` holds executions only where the answer carried them (a FULL placement answer);
    otherwise they come from `Exchange.fills`.
    """

    symbol: str
    order_id: int
    client_order_id: str
    side: Side
    type: OrderType
    status: OrderStatus
    quantity: Decimal
    executed_quantity: Decimal
    executed_quote: Decimal
    time_ms: int
    order_list_id: int = -1
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    fills: tuple[FillReport, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderListReport:
    """An OCO as the exchange sees it; `orders` are its legs."""

    symbol: str
    order_list_id: int
    list_client_order_id: str
    is_done: bool
    time_ms: int
    orders: tuple[OrderReport, ...] = ()
