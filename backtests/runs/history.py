"""The stored series of a run as a page needs them, also of older results that stored less."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtests.models import Run
from backtests.runs.queue import unpack
from backtests.runs.series import BUY_AND_HOLD_METRICS
from core.times import DAY_MS

Floats = NDArray[np.float64]
NOTHING = np.empty(0)


@dataclass(frozen=True, slots=True)
class DrawdownRow:
    """A drawdown: peak, low and recovery in ms (None: not recovered), and the depth, a positive fraction."""

    peak_ms: int
    low_ms: int
    end_ms: int | None
    depth: float


@dataclass(frozen=True, slots=True)
class History:
    """Series of a run. `times`, `equity` and `close` are thinned for the chart; days are whole, `day` counts UTC days.

    What an older result did not store is empty: `close`, `drawdowns`, `longest`, `slippage`, `buy_and_hold`.
    """

    capital: float
    times: NDArray[np.int64]
    equity: Floats
    close: Floats
    first_close: float
    day: NDArray[np.int64]
    day_equity: Floats
    day_close: Floats
    daily: Floats
    buy_and_hold: Mapping[str, float | None]
    drawdowns: tuple[DrawdownRow, ...]
    longest: DrawdownRow | None
    slippage: Floats
    has_daily_values: bool

    @property
    def held(self) -> Floats:
        """Return the worth of the capital, bought in full at the first close, at the chart's times."""
        return self.close / self.first_close * self.capital if len(self.close) else NOTHING

    @property
    def drawdown(self) -> Floats:
        """Return the drawdown from the peak so far, a positive fraction; the starting capital is a peak."""
        return 1 - self.equity / np.maximum(np.maximum.accumulate(self.equity), self.capital)


def history_of(run: Run, result: Mapping[str, Any]) -> History:
    """Read the stored series of a run."""
    series = unpack(run.series)
    capital = float(result["parameters"]["initial_capital"])
    has_daily_values = "day" in series
    days, day_equity = (series["day"], series["day_equity"]) if has_daily_values else _days_from_returns(result, series)
    buy_and_hold = {
        name: None if np.isnan(value) else float(value)
        for name, value in zip(BUY_AND_HOLD_METRICS, series.get("hold", ()), strict=False)
    }
    return History(
        capital=capital,
        times=series.get("times", NOTHING.astype(np.int64)),
        equity=series.get("equity", NOTHING),
        close=series.get("close", NOTHING),
        first_close=float(series["first_close"][0]) if has_daily_values else 0.0,
        day=days,
        day_equity=day_equity,
        day_close=series.get("day_close", NOTHING),
        daily=series.get("daily", NOTHING),
        buy_and_hold=buy_and_hold or {"total_return": result["metrics"]["buy_and_hold_return"]},
        drawdowns=tuple(map(_drawdown, series.get("falls", ()))),
        longest=next(map(_drawdown, series.get("longest_fall", ())), None),
        slippage=series.get("slippage", NOTHING),
        has_daily_values=has_daily_values,
    )


def _drawdown(row: Floats) -> DrawdownRow:
    return DrawdownRow(int(row[0]), int(row[1]), None if row[2] < 0 else int(row[2]), float(row[3]))


def _days_from_returns(result: Mapping[str, Any], series: Mapping[str, Any]) -> tuple[NDArray[np.int64], Floats]:
    """Return days and their equity from daily returns; none where a gap hides which day is which."""
    daily = series.get("daily", NOTHING)
    days = np.arange(result["first_open_time"] // DAY_MS, result["last_open_time"] // DAY_MS + 1)
    if len(days) != len(daily) + 1:
        return days[:0], NOTHING
    growth = np.concatenate(([1.0], np.cumprod(1 + daily)))
    return days, growth / growth[-1] * float(result["metrics"]["final_equity"])
