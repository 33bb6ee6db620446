"""Hold bars as a market serves them: whole units to calculate with, the exchange's rows to answer with.

Which bars there are, and how far time has come, is the market's business (replay.py, simulated.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from exchange.api.types import Float64Array, Int64Array
from exchange.fills import UNITS
from exchange.klines import intervals
from exchange.klines.series import FullKlines
from exchange.paper.market.base import KlineRow, MarketBars

_CHUNK = 64
_MOST_CHUNKS = 1024


def units_text(units: int) -> str:
    """Return a price as the exchange prints it, with 8 decimals."""
    return f"{units // UNITS}.{units % UNITS:08d}"


def to_unit_array(prices: Float64Array) -> Int64Array:
    """Convert printed prices, exact to 8 decimals, to whole units."""
    return np.rint(prices * UNITS).astype(np.int64)


@dataclass(slots=True)
class BarSeries:
    """Ascending bars of one symbol and interval. Answers rows by position, each written once."""

    interval: str
    bars: MarketBars
    quote_volume: Float64Array
    trades: Int64Array
    taker_base: Float64Array
    taker_quote: Float64Array
    _chunks: dict[int, list[KlineRow]] = field(default_factory=dict)

    @classmethod
    def from_klines(cls, klines: FullKlines, offset_ms: int = 0) -> BarSeries:
        bars = MarketBars(
            klines.open_time,
            intervals.close_times_of(klines.interval, klines.open_time, offset_ms),
            to_unit_array(klines.open),
            to_unit_array(klines.high),
            to_unit_array(klines.low),
            to_unit_array(klines.close),
            klines.volume,
        )
        return cls(klines.interval, bars, klines.quote_volume, klines.trades, klines.taker_base, klines.taker_quote)

    def __len__(self) -> int:
        return len(self.bars)

    def at_or_before(self, time_ms: int) -> int:
        """Return the position of the last bar that opens at or before `time_ms`, or -1."""
        return int(self.bars.open_time.searchsorted(time_ms, side="right")) - 1

    def rows(self, first: int, last: int) -> list[KlineRow]:
        """Return the exchange's rows at positions `first` to `last`, both included, all as whole bars."""
        rows: list[KlineRow] = []
        for number in range(first // _CHUNK, last // _CHUNK + 1):
            base = number * _CHUNK
            rows += self._chunk(number)[max(first - base, 0) : last - base + 1]
        return rows

    def _chunk(self, number: int) -> list[KlineRow]:
        chunk = self._chunks.get(number)
        if chunk is None:
            chunk = self._written(number * _CHUNK, (number + 1) * _CHUNK)
            self._chunks[number] = chunk
            if len(self._chunks) > _MOST_CHUNKS:
                self._chunks.pop(next(iter(self._chunks)), None)
        return chunk

    def _written(self, first: int, end: int) -> list[KlineRow]:
        bars, at = self.bars, slice(first, end)
        prices = (bars.open, bars.high, bars.low, bars.close)
        texts = [[units_text(units) for units in column[at].tolist()] for column in prices]
        amounts = (bars.volume, self.quote_volume, self.taker_base, self.taker_quote)
        volume, quote, base, taker = ([f"{amount:.8f}" for amount in column[at].tolist()] for column in amounts)
        columns = (bars.open_time[at].tolist(), *texts, volume, bars.close_time[at].tolist(), quote)
        return [(*row, "0") for row in zip(*columns, self.trades[at].tolist(), base, taker, strict=True)]

    def forming_row(self, first: int, end: int, open_now: int | None, times: tuple[int, int]) -> KlineRow:
        """Return one longer bar, `times` its open and close: the whole bars from `first` up to `end`, excluded, then
        the open of the one in progress, if any.
        """
        bars, at = self.bars, slice(first, end)
        if first == end and open_now is not None:
            opened = high = low = closed = open_now
        else:
            opened, closed = int(bars.open[first]), int(bars.close[end - 1]) if open_now is None else open_now
            high, low = max(int(bars.high[at].max()), closed), min(int(bars.low[at].min()), closed)
        return (
            times[0],
            units_text(opened),
            units_text(high),
            units_text(low),
            units_text(closed),
            f"{float(bars.volume[at].sum()):.8f}",
            times[1],
            f"{float(self.quote_volume[at].sum()):.8f}",
            int(self.trades[at].sum()),
            f"{float(self.taker_base[at].sum()):.8f}",
            f"{float(self.taker_quote[at].sum()):.8f}",
            "0",
        )

    def slice_bars(self, first: int, end: int) -> MarketBars:
        """Return the bars at positions from `first` up to `end`, excluded."""
        bars, at = self.bars, slice(first, end)
        return MarketBars(
            bars.open_time[at],
            bars.close_time[at],
            bars.open[at],
            bars.high[at],
            bars.low[at],
            bars.close[at],
            bars.volume[at],
        )

    def mean_price(self, first: int, end: int) -> int | None:
        """Return the volume-weighted mean of the bars from `first` up to `end`, excluded, in units, or None without
        volume.

        A bar's mean is its quote volume over its volume where known, else the mean of high, low and close.
        """
        bars, at = self.bars, slice(first, end)
        volume = bars.volume[at]
        total = float(volume.sum())
        if total <= 0:
            return None
        typical = (bars.high[at] + bars.low[at] + bars.close[at]) / 3
        has_amounts = self.quote_volume[at] > 0
        worth = np.where(has_amounts, self.quote_volume[at] * UNITS, typical * volume)
        return int(np.rint(worth.sum() / total))


def pick(first: int, last: int, limit: int, *, from_start: bool) -> tuple[int, int]:
    """Return of positions `first` to `last` the oldest `limit` if a start was given, else the newest."""
    if last - first + 1 <= limit:
        return first, last
    return (first, first + limit - 1) if from_start else (last - limit + 1, last)
