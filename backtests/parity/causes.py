"""The closed list of causes for a difference between bot and engine, and a difference as a value.

UNEXPLAINED is drift: nothing that TRADING_RULES lets differ accounts for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Cause(StrEnum):
    LATE_TICK = "The tick came late or was missed"
    INDICATOR_WINDOW = "Last digits of an indicator, whose window is shorter live"
    CANDLES_CHANGED = "The exchange's candles have changed since"
    PRICE_MOVED = "Price or spread moved between the bar's open and the fill"
    INSIDE_BAR = "Within one bar, whose order of prices candles do not tell"
    PARTIAL_FILL = "It filled in several parts at several prices"
    FEE_IN_BNB = "The fee was paid in another asset"
    FEE_RATE = "The account's fee rate was another one"
    STOP_LIMIT = "A STOP_LOSS_LIMIT was used: the symbol has no stop-market order"
    ACCOUNT_LIMIT = "The account's balance, exposure or order limit"
    HALTED = "The kill switch was on or the bot paused"
    BY_HAND = "A person stepped in"
    PARAMETERS_CHANGED = "The bot's parameters were changed meanwhile"
    ORDER_REFUSED = "The exchange refused the order"
    EARLIER_DIFFERENCE = "It follows from an earlier difference"
    UNEXPLAINED = "Unexplained"


@dataclass(frozen=True, slots=True)
class Difference:
    """One disagreement between the bot and the engine about one bar.

    `impact` is what it gained the bot over the engine, in quote; None where that is unknown.
    """

    bar_ms: int
    what: str
    live: str
    engine: str
    cause: Cause
    impact: Decimal | None = None
