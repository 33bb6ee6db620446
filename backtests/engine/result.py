"""The result of a run over candles: trades, rejections and metrics, as frozen values and as JSON.

A replay and a backtest both end in a `RunResult`, so that they can be compared line by line. Prices, quantities and
money are exact Decimals here and text in JSON.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtests.engine.metrics import Metrics
from core.formats import plain


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """A round trip. Times are the open, in ms, of the bar that holds the fill; `fees` and `net_pnl` are in quote."""

    entry_time: int
    entry_price: Decimal
    quantity: Decimal
    exit_time: int
    exit_price: Decimal
    exit_reason: str
    fees: Decimal
    net_pnl: Decimal

    def to_json(self) -> dict[str, Any]:
        return {
            "entry_time": self.entry_time,
            "entry_price": plain(self.entry_price),
            "quantity": plain(self.quantity),
            "exit_time": self.exit_time,
            "exit_price": plain(self.exit_price),
            "exit_reason": self.exit_reason,
            "fees": plain(self.fees),
            "net_pnl": plain(self.net_pnl),
        }


@dataclass(frozen=True, slots=True)
class OpenTrade:
    """The position still open when the bars ended. `fees` and `net_pnl`, the change of the quote, are those so far."""

    entry_time: int
    entry_price: Decimal
    quantity: Decimal
    fees: Decimal
    net_pnl: Decimal

    def to_json(self) -> dict[str, Any]:
        return {
            "entry_time": self.entry_time,
            "entry_price": plain(self.entry_price),
            "quantity": plain(self.quantity),
            "exit_time": None,
            "exit_price": None,
            "exit_reason": None,
            "fees": plain(self.fees),
            "net_pnl": plain(self.net_pnl),
        }


@dataclass(frozen=True, slots=True)
class RunResult:
    """The result of one run. `trades` are the closed ones, oldest first, then the open one if there is one.

    `parameters` is what the run was asked to do, as JSON values; `rejections` counts refused BUYs by reason.
    """

    symbol: str
    bars: int
    first_open_time: int
    last_open_time: int
    parameters: Mapping[str, Any]
    trades: tuple[ClosedTrade | OpenTrade, ...]
    rejections: Mapping[str, int]
    metrics: Metrics

    @property
    def closed_trades(self) -> tuple[ClosedTrade, ...]:
        return tuple(trade for trade in self.trades if isinstance(trade, ClosedTrade))

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON values, keys in a fixed order."""
        return {
            "symbol": self.symbol,
            "bars": self.bars,
            "first_open_time": self.first_open_time,
            "last_open_time": self.last_open_time,
            "parameters": dict(self.parameters),
            "trades": [trade.to_json() for trade in self.trades],
            "rejections": dict(sorted(self.rejections.items())),
            "metrics": self.metrics.to_json(),
        }

    def digest(self) -> str:
        """Return the SHA-256 of the JSON: equal for equal results."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()

    def write(self, path: Path) -> None:
        """Write the JSON file atomically: a reader finds the whole result or none."""
        unfinished = path.with_name(path.name + ".part")
        unfinished.write_text(json.dumps(self.to_json(), indent=1) + "\n")
        unfinished.replace(path)


@dataclass(frozen=True, slots=True)
class Segment:
    """A traded part: equity at each bar's close over its starting equity, and its closed trades."""

    equity: NDArray[np.float64]
    days: float
    closed_trades: int = 0
    metrics: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def growth(self) -> float:
        """Return end over start; 1 for an empty segment."""
        return float(self.equity[-1]) if len(self.equity) else 1.0
