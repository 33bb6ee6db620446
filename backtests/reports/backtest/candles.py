"""The candles of a run for its chart: exact for few bars, joined into longer ones for many.

They are the candles that the run read, identified by their hash: if the store holds others now, the chart shows none
and tells why. The whole series is read once and cached, so that zooming costs a slice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtests.engine.run import MarketData
from backtests.errors import RunError
from backtests.models import Run
from backtests.reports.backtest.trades import reason_text
from backtests.runs.inputs import market_of
from backtests.statistics.stop_slippage import ExitLevels
from bots.settings.engine import rule_settings
from bots.settings.lot_rules import lot_rules
from bots.settings.parse import make_settings
from bots.settings.run_settings import RunSettings
from bots.strategy import registry
from core.times import to_ms
from exchange.models import Dataset

BARS = 1500  # on the screen at most
MAX_BARS = 3000
MAX_MARKS = 400
OWN_PANE = frozenset({"rsi"})  # indicators that are no prices
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ChartWindow:
    """The part of the chart to show: times in ms, both included, and how many bars fit on the screen."""

    start_ms: int | None = None
    end_ms: int | None = None
    bars: int = BARS

    @classmethod
    def read(cls, query: Mapping[str, str]) -> ChartWindow:
        """Read a window from an address; nonsense asks for the whole run."""

        def number(name: str) -> int | None:
            text = query.get(name, "")
            return int(text) if text.removeprefix("-").isdecimal() and len(text) < 16 else None

        return cls(number("from"), number("to"), min(max(number("bars") or BARS, 50), MAX_BARS))


def candle_window(run: Run, result: Mapping[str, Any], window: ChartWindow) -> dict[str, Any]:
    """Return candles, indicators, trades and levels of a window. Raise `RunError` if there are none to show."""
    market = _market(run)
    parameters = make_settings(result["parameters"])
    times = market.candles.open_time
    first, end = np.searchsorted(times, [to_ms(run.start_at), to_ms(run.end_at)]).tolist()
    start = first if window.start_ms is None else int(np.searchsorted(times, window.start_ms))
    stop = end if window.end_ms is None else int(np.searchsorted(times, window.end_ms, side="right"))
    start, stop = min(max(start, first), end - 1), max(min(stop, end), first + 1)
    if stop <= start:
        stop = start + 1
    size = -(-(stop - start) // window.bars)
    # Joined bars begin on a grid of the whole run, so that panning does not reshape them.
    start = first + (start - first) // size * size
    rows = np.arange(start, stop, size)
    trades = _inside(result["trades"], times, start, stop)
    return {
        "bars_in_one": size,
        "first": int(times[first]) // 1000,
        "last": int(times[end - 1]) // 1000,
        "bars": stop - start,
        "candles": _joined(market, rows, stop),
        "indicators": _indicators(market, parameters, rows, stop),
        "marks": _marks(trades, times, rows, stop) if len(trades) <= MAX_MARKS else [],
        "trades": len(trades),
        "levels": _levels(trades, market, parameters, start, stop) if size == 1 else [],
    }


def _market(run: Run) -> MarketData:
    if not Dataset.objects.filter(symbol=run.symbol, interval=run.interval).exists():
        raise RunError(f"No {run.symbol} {run.interval} candles are stored any more: import them to see the chart.")
    return market_of(run)


def _joined(market: MarketData, rows: Ints, stop: int) -> dict[str, list[float]]:
    """Return bars that begin at `rows` as columns: first open, highest high, lowest low, last close."""
    candles = market.candles
    ends = np.append(rows[1:], stop) - 1
    part = slice(int(rows[0]), stop)
    offsets = rows - rows[0]
    return {
        "time": (candles.open_time[rows] // 1000).tolist(),
        "open": candles.open[rows].tolist(),
        "high": np.maximum.reduceat(candles.high[part], offsets).tolist(),
        "low": np.minimum.reduceat(candles.low[part], offsets).tolist(),
        "close": candles.close[ends].tolist(),
    }


def _indicators(market: MarketData, parameters: RunSettings, rows: Ints, stop: int) -> list[dict[str, Any]]:
    """Compute the strategy's series over all bars, as the run did; a joined bar gets its last value."""
    try:
        series = registry.get(parameters.strategy).indicators(market.candles, parameters.strategy_params)
    except Exception as error:  # a user's own strategy may raise anything
        raise RunError(f"The indicators of {parameters.strategy} failed: {error}") from error
    ends = np.append(rows[1:], stop) - 1
    return [
        {
            "name": _indicator_name(name),
            "pane": name if name in OWN_PANE else "",
            "values": [None if np.isnan(value) else float(f"{value:.10g}") for value in values[ends]],
        }
        for name, values in series.items()
    ]


def _indicator_name(name: str) -> str:
    words = name.replace("_", " ")
    return words.replace("ema", "EMA").replace("rsi", "RSI") if words[:3] in ("ema", "rsi") else words.capitalize()


def _inside(trades: Any, times: Ints, start: int, stop: int) -> list[dict[str, Any]]:
    """Return the trades of which any bar lies in the rows."""
    first, last = int(times[start]), int(times[stop - 1])
    return [
        {**trade, "number": number}
        for number, trade in enumerate(trades, 1)
        if trade["entry_time"] <= last and (trade["exit_time"] is None or trade["exit_time"] >= first)
    ]


def _marks(trades: list[dict[str, Any]], times: Ints, rows: Ints, stop: int) -> list[dict[str, Any]]:
    """Return entries and exits inside the window, each at the shown bar that holds it."""
    first, last, shown = int(times[rows[0]]), int(times[stop - 1]), times[rows]
    marks = []
    for trade in trades:
        for side in ("entry", "exit"):
            time = trade[f"{side}_time"]
            if time is None or not first <= time <= last:
                continue
            bar = int(shown[np.searchsorted(shown, time, side="right") - 1]) // 1000
            mark = {"time": bar, "side": side, "price": float(trade[f"{side}_price"]), "number": trade["number"]}
            if side == "exit":
                mark |= {"reason": reason_text(trade["exit_reason"]), "net": float(trade["net_pnl"])}
            marks.append(mark)
    return sorted(marks, key=lambda mark: mark["time"])


def _levels(
    trades: list[dict[str, Any]], market: MarketData, parameters: RunSettings, start: int, stop: int
) -> list[list[float]]:
    """Return [seconds, active stop, target] of each bar with a position; 0 where there is none."""
    times = market.candles.open_time
    exit_levels = ExitLevels(market.candles, rule_settings(parameters).exits, lot_rules(market.rules).tick_size)
    rows: list[list[float]] = []
    for trade in trades:
        entry = int(np.searchsorted(times, trade["entry_time"]))
        last = stop - 1 if trade["exit_time"] is None else int(np.searchsorted(times, trade["exit_time"]))
        bars = exit_levels.during(entry, max(entry, start), min(last, stop - 1), float(trade["entry_price"]))
        rows += [[int(times[row]) // 1000, round(level, 8), round(target, 8)] for row, level, target in bars]
    return rows
