"""The values of trading decisions.

They are `NamedTuple` and `IntEnum`, which numba compiles: the step functions run as plain Python in the bot and
compiled in the backtest. Amounts, prices and equity are float64 in their asset. Order quantities are whole lots
(multiples of the step), price levels whole ticks.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

OFF = float("nan")  # an unset limit; every comparison with it is False


class Signal(IntEnum):
    """Name the signals of a strategy."""

    SELL = -1
    NONE = 0
    BUY = 1


class Candles(NamedTuple):
    """Hold closed bars, ascending, as arrays of equal length. `open_time` is int64 ms, the rest float64."""

    open_time: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]


class Events(NamedTuple):
    """Hold the rows with signals: ascending int64, no row in both."""

    buys: NDArray[np.int64]
    sells: NDArray[np.int64]

    def dense(self, bars: int) -> NDArray[np.int8]:
        """Return +1, 0 or -1 for each bar."""
        signal = np.zeros(bars, dtype=np.int8)
        signal[self.buys], signal[self.sells] = Signal.BUY, Signal.SELL
        return signal


class ExitReason(IntEnum):
    """Name why a trade ended. NONE while it is open."""

    NONE = 0
    SIGNAL = 1
    STOP_LOSS = 2
    TRAILING_STOP = 3
    TAKE_PROFIT = 4
    MANUAL = 5


class RejectionReason(IntEnum):
    """Name what rejects an entry (rule 6 in its order, then rule 5). OPEN rejects nothing."""

    OPEN = 0
    HALTED = 1
    OUTSIDE_SCHEDULE = 2
    STALE_SIGNAL = 3
    COOLDOWN = 4
    DAILY_TRADE_LIMIT = 5
    DAILY_LOSS_LIMIT = 6
    DAILY_PROFIT_TARGET = 7
    MAX_DRAWDOWN = 8
    ORDER_LIMIT = 9
    EXPOSURE_LIMIT = 10
    INSUFFICIENT_BALANCE = 11
    BELOW_MIN_NOTIONAL = 12


class StrategyAction(IntEnum):
    """Name what to do. WAIT (flat) and HOLD (long) do nothing; REFUSED is a BUY that a gate rejected."""

    WAIT = 0
    HOLD = 1
    ENTER = 2
    EXIT = 3
    REFUSED = 4


class SizeMode(IntEnum):
    """Name the modes of position sizing."""

    FIXED = 0
    PERCENT = 1
    RISK = 2


class LotRules(NamedTuple):
    """Hold the limits of a market order's quantity, from LOT_SIZE and MARKET_LOT_SIZE (rule 5).

    `min_lots` is at least 1. Without a maximum, `max_lots` is the most that an order can carry; without a minimum
    notional, `min_notional` is 0.
    """

    tick_size: float
    step_size: float
    min_lots: int
    max_lots: int
    min_notional: float


class SizeParams(NamedTuple):
    """Hold the size settings. Amounts in quote, fractions of one; `OFF` where unset."""

    position_size_mode: int
    position_size_fixed: float
    position_size_perc: float
    risk_per_trade: float
    stop_loss: float


class ExitParams(NamedTuple):
    """Hold the exit settings, as fractions of one; `OFF` where unset."""

    stop_loss: float
    take_profit: float
    trailing_stop: float


class RiskParams(NamedTuple):
    """Hold the risk limits. Fractions of one, counts of trades and bars; `OFF` where unset (cooldown 0)."""

    cooldown_bars: int
    max_daily_trades: float
    max_daily_loss: float
    daily_profit_target: float
    max_drawdown: float


class RuleSettings(NamedTuple):
    """Hold the size, exit and risk settings for the steps."""

    size: SizeParams
    exits: ExitParams
    risk: RiskParams


class Funds(NamedTuple):
    """Hold what an entry can spend and what it costs, in quote. `capital` is the base of sizes (rule 4).

    `price` is what a market buy would pay; `fee_rate` is the taker's, taken out of the bought quantity.
    """

    capital: float
    ledger_quote: float
    account_quote: float
    price: float
    fee_rate: float


class Levels(NamedTuple):
    """Hold the protective levels of a position in whole ticks; 0 for none (rule 8)."""

    stop: int
    target: int
    trail: int


class EntryFacts(NamedTuple):
    """Hold the facts of rule 6 at the decided bar's close; "today" is the next bar's day."""

    is_halted: bool
    is_outside_schedule: bool
    is_stale: bool
    bars_since_exit: int  # a very large number without an exit
    entries_today: int
    net_pnl_today: float
    capital_at_day_start: float  # initial capital + net PnL of trades closed on earlier days
    drawdown_reached: bool
    has_order_room: bool
    exposure_room: float  # in quote; inf where there is no limit


class Sizing(NamedTuple):
    """Hold the whole lots to buy, or why not: a `RejectionReason`, OPEN when `lots` can be bought."""

    lots: int
    gate: RejectionReason


class Decided(NamedTuple):
    """Hold the decision about one bar: action, lots to buy or sell, and why an entry was refused (else OPEN)."""

    action: StrategyAction
    lots: int
    gate: RejectionReason


class ParameterField(NamedTuple):
    """Declare one parameter of a strategy for forms and optimisations. Bounds are inclusive."""

    name: str
    label: str
    default: float
    minimum: float
    maximum: float
    step: float
    help: str
    is_integer: bool = True
    decimals: int | None = None  # None: any number


Compiler = Callable[[Any], Any]  # from a function that numba can compile to a faster one


def identity(function: Any) -> Any:
    """Return the function uncompiled, for single calls: compiling takes longer than it saves."""
    return function
