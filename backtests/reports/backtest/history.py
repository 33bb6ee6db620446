"""A run's kept series as a page needs them, also of results stored before as much was kept: then less is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtests.engine.metrics import DAY_MS
from backtests.models import Run
from backtests.runs.queue import unpack
from backtests.runs.series import HOLD_MEASURES

Floats = NDArray[np.float64]
NOTHING = np.empty(0)


@dataclass(frozen=True, slots=True)
class FallRow:
    """A fall of the equity: peak, low and recovery in ms (None: not recovered), and the depth, a positive fraction."""

    peak_ms: int
    low_ms: int
    end_ms: int | None
    depth: float


@dataclass(frozen=True, slots=True)
class History:
    """Lines of a run. `times`, `equity` and `close` are thinned for the screen; days are whole: `day` counts UTC days.

    What an older result did not keep is empty: `close`, `falls`, `longest`, `slippage`, `hold`.
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
    hold: Mapping[str, float | None]
    falls: tuple[FallRow, ...]
    longest: FallRow | None
    slippage: Floats
    is_whole: bool

    @property
    def held(self) -> Floats:
        """What the capital would be worth, bought in full at the first close, at the times of the screen."""
        return self.close / self.first_close * self.capital if len(self.close) else NOTHING

    @property
    def drawdown(self) -> Floats:
        """The fall from the peak so far, a positive fraction; the starting capital counts as a peak."""
        return 1 - self.equity / np.maximum(np.maximum.accumulate(self.equity), self.capital)


def history_of(run: Run, result: Mapping[str, Any]) -> History:
    """Read a run's series back."""
    series = unpack(run.series)
    capital = float(result["parameters"]["initial_capital"])
    is_whole = "day" in series
    days, day_equity = (series["day"], series["day_equity"]) if is_whole else _days_of_old(run, result, series)
    hold = {
        name: None if np.isnan(value) else float(value)
        for name, value in zip(HOLD_MEASURES, series.get("hold", ()), strict=False)
    }
    return History(
        capital=capital,
        times=series.get("times", NOTHING.astype(np.int64)),
        equity=series.get("equity", NOTHING),
        close=series.get("close", NOTHING),
        first_close=float(series["first_close"][0]) if is_whole else 0.0,
        day=days,
        day_equity=day_equity,
        day_close=series.get("day_close", NOTHING),
        daily=series.get("daily", NOTHING),
        hold=hold or {"total_return": result["metrics"]["buy_and_hold_return"]},
        falls=tuple(map(_fall, series.get("falls", ()))),
        longest=next(map(_fall, series.get("longest_fall", ())), None),
        slippage=series.get("slippage", NOTHING),
        is_whole=is_whole,
    )


def _fall(row: Floats) -> FallRow:
    return FallRow(int(row[0]), int(row[1]), None if row[2] < 0 else int(row[2]), float(row[3]))


def _days_of_old(run: Run, result: Mapping[str, Any], series: Mapping[str, Any]) -> tuple[NDArray[np.int64], Floats]:
    """Days and their equity from the daily returns and the final equity; none where a gap hides which day is which."""
    daily = series.get("daily", NOTHING)
    days = np.arange(result["first_open_time"] // DAY_MS, result["last_open_time"] // DAY_MS + 1)
    if len(days) != len(daily) + 1:
        return days[:0], NOTHING
    growth = np.concatenate(([1.0], np.cumprod(1 + daily)))
    return days, growth / growth[-1] * float(result["metrics"]["final_equity"])
