"""Declare what the paper exchange needs of a market: its symbols, its candles and what a trade would cost now.

A market is a function of time and keeps no state of anyone's orders. Prices are whole units of 1e-8
(exchange/fills.py), times Unix milliseconds. Ask and bid come from the last price and an account's slippage,
which is not decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from exchange.api.types import Float64Array, Int64Array
from exchange.klines import intervals
from exchange.paper import errors

SymbolInfo = dict[str, Any]  # one entry of exchangeInfo's `symbols`
KlineRow = tuple[Any, ...]  # the exchange's 12 items

EXTRA_ORDER_TYPES = ("STOP_LOSS", "TAKE_PROFIT")


@dataclass(frozen=True, slots=True)
class MarketBars:
    """Consecutive base bars: arrays of equal length. Prices in units of 1e-8, `volume` in base asset."""

    open_time: Int64Array
    close_time: Int64Array
    open: Int64Array
    high: Int64Array
    low: Int64Array
    close: Int64Array
    volume: Float64Array

    def __len__(self) -> int:
        return len(self.open_time)


@dataclass(frozen=True, slots=True)
class KlineQuery:
    """What a caller asks of a market's klines.

    Bounds are on open times, both included. Without any the newest `limit` rows; from a start alone the oldest; up to
    an end alone the newest before it. `offset_ms` is that of a time zone.
    """

    interval: str
    start_ms: int | None = None
    end_ms: int | None = None
    limit: int = 500
    offset_ms: int = 0


def check_interval(interval: str, base: str) -> None:
    """Raise -1120 unless bars of `interval` can be made of bars of `base`."""
    if not intervals.is_interval(interval) or intervals.is_shorter(interval, base):
        raise errors.bad_interval()


class Market(Protocol):
    """Unknown symbols raise `ApiError` -1121, intervals that it does not have -1120."""

    @property
    def name(self) -> str:
        """Return the name that pages show: replay, simulated or mirror."""

    def symbols(self) -> dict[str, SymbolInfo]:
        """Return exchangeInfo entries by symbol. Looking a name up may find more than iteration lists."""

    def base_interval(self, symbol: str) -> str:
        """Return the shortest interval; longer ones are made of it."""

    def last_price(self, symbol: str, now_ms: int) -> int:
        """Return the open of the base bar that contains `now_ms`; in a gap or after the end, the close before it."""

    def bars(self, symbol: str, start_ms: int, end_ms: int) -> MarketBars:
        """Return base bars of which any part lies in `start_ms` to `end_ms`, both included, as whole bars."""

    def klines(self, symbol: str, query: KlineQuery, now_ms: int) -> list[KlineRow]:
        """Return rows as the exchange answers them at that time, the forming one last.

        Of the base bar in progress only its open exists.
        """

    def average_price(self, symbol: str, now_ms: int, minutes: int) -> int:
        """Return the volume-weighted mean of the last `minutes`, or the last price if nothing traded in them."""

    def first_time_ms(self, symbol: str) -> int:
        """Return the open time of the first bar."""

    def last_time_ms(self, symbol: str) -> int | None:
        """Return the last millisecond of the last bar, or None if there is no end."""

    def default_start_ms(self) -> int:
        """Return where a manual clock starts unless it is set: 1 ms after the open of a bar."""

    def time_after_bars(self, now_ms: int, count: int) -> int:
        """Return 1 ms after the open of the bar `count` base bars after the one at `now_ms`, of the shortest base
        interval.
        """
