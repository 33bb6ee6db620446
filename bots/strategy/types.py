"""The values that decisions are made of.

`NamedTuple` and `IntEnum` because numba takes them as they are: the step functions here run as plain Python in the
bot and compiled in the backtest. Amounts, prices and equity are float64 in their asset; quantities that an order
will carry are whole lots (multiples of the step), price levels whole ticks.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

OFF = float("nan")  # an unset limit, where a plain number is needed; every comparison with it is False


class Signal(IntEnum):
    SELL = -1
    NONE = 0
    BUY = 1


class Candles(NamedTuple):
    """Closed bars, ascending: arrays of equal length n. `open_time` int64 ms, the rest float64."""

    open_time: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]


class Events(NamedTuple):
    """A strategy's signals as the rows that carry them: ascending int64, no row in both."""

    buys: NDArray[np.int64]
    sells: NDArray[np.int64]

    def dense(self, bars: int) -> NDArray[np.int8]:
        """+1, 0 or -1 for each of so many bars."""
        signal = np.zeros(bars, dtype=np.int8)
        signal[self.buys], signal[self.sells] = Signal.BUY, Signal.SELL
        return signal


class ExitReason(IntEnum):
    """Why a trade ended. NONE while it is open."""

    NONE = 0
    SIGNAL = 1
    STOP_LOSS = 2
    TRAILING_STOP = 3
    TAKE_PROFIT = 4
    MANUAL = 5


class RejectionReason(IntEnum):
    """What forbids an entry (rule 6, in its order, then rule 5's reasons). OPEN forbids nothing."""

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


class Action(IntEnum):
    """What a decision asks for. WAIT (flat) and HOLD (long) ask nothing; REFUSED is a BUY that a gate stopped."""

    WAIT = 0
    HOLD = 1
    ENTER = 2
    EXIT = 3
    REFUSED = 4


class SizeMode(IntEnum):
    FIXED = 0
    PERCENT = 1
    RISK = 2


class LotRules(NamedTuple):
    """What rule 5 asks of the quantity of a market order: LOT_SIZE and MARKET_LOT_SIZE already merged.

    `min_lots` is at least 1; `max_lots` is as much as an order can carry where there is no maximum;
    `min_notional` is 0 where there is none.
    """

    tick_size: float
    step_size: float
    min_lots: int
    max_lots: int
    min_notional: float


class SizeParams(NamedTuple):
    """How much to buy. Amounts in quote, fractions of one; `OFF` where unset."""

    position_size_mode: int
    position_size_fixed: float
    position_size_perc: float
    risk_per_trade: float
    stop_loss: float


class ExitParams(NamedTuple):
    """Where to get out, as fractions of one; `OFF` where unset."""

    stop_loss: float
    take_profit: float
    trailing_stop: float


class RiskParams(NamedTuple):
    """When not to enter. Fractions of one, counts of trades and bars; `OFF` where unset (cooldown 0)."""

    cooldown_bars: int
    max_daily_trades: float
    max_daily_loss: float
    daily_profit_target: float
    max_drawdown: float


class RuleSettings(NamedTuple):
    """A bot's size, exit and risk settings, as the steps take them."""

    size: SizeParams
    exits: ExitParams
    risk: RiskParams


class Funds(NamedTuple):
    """What an entry can spend and what it costs, in quote. `capital` is what sizes are taken of (rule 4).

    `price` is what a market buy would pay; `fee_rate` is the taker's, a fraction taken out of what is bought.
    """

    capital: float
    ledger_quote: float
    account_quote: float
    price: float
    fee_rate: float


class Levels(NamedTuple):
    """Protective levels of a position in whole ticks; 0 where there is none (rule 8)."""

    stop: int
    target: int
    trail: int


class EntryFacts(NamedTuple):
    """The facts that rule 6 looks at, as they stood at the decided bar's close; "today" is the next bar's day."""

    is_halted: bool
    is_outside_schedule: bool
    is_stale: bool
    bars_since_exit: int  # a very large number when nothing was ever sold
    entries_today: int
    net_pnl_today: float
    capital_at_day_start: float  # initial capital + net PnL of trades closed on earlier days
    drawdown_reached: bool
    has_order_room: bool
    exposure_room: float  # in quote; inf where there is no limit


class Sizing(NamedTuple):
    """Whole lots to buy, or why not: a `RejectionReason`, OPEN when `lots` may be bought."""

    lots: int
    gate: RejectionReason


class Decided(NamedTuple):
    """The decision about one bar: an `Action`, the lots to buy or sell, and why an entry was refused (else OPEN)."""

    action: Action
    lots: int
    gate: RejectionReason


class ParameterField(NamedTuple):
    """One parameter of a strategy: what forms and optimisers know of it. Bounds are inclusive."""

    name: str
    label: str
    default: float
    minimum: float
    maximum: float
    step: float
    help: str
    is_integer: bool = True
    decimals: int | None = None  # as many as one likes


Params = Any  # a strategy's own frozen NamedTuple of parameters
Compiler = Callable[[Any], Any]  # takes a function that numba can compile, gives one that does the same, only faster


def as_it_is(function: Any) -> Any:
    """The compiler of those who ask a bar at a time: compiling would take longer than what it saves."""
    return function
