"""Hand-made candle tables for the live runner: a few bars in, its trades out, by the real replay.

The strategy is the Donchian breakout over two bars, which a reader can follow: a close above both highs before it buys,
one under both lows before it sells. No fee and no slippage unless a test names them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np

from backtests.engine.result import RunResult
from backtests.engine.timerange import TimeRange, parse_time_range
from backtests.replay import ReplayRun, replay
from bots.settings.parse import make_settings
from exchange.klines.series import FullKlines
from exchange.paper.tests.builders import symbol_info

HOUR_MS = 3_600_000
MIDNIGHT = "2023-11-15T00:00"

# What every table begins with: two quiet bars, and one that closes above both. The fourth bar is entered at its open.
BUY = """
    100  100  100  100
    100  100  100  100
    100  102  100  102   buys
"""
HELD = BUY + "100 101 100 100  enters at 100\n"
QUIET = "100 101 100 100\n"
SELLS = "100 100 96 96  closes under both lows: sells\n"
ENTER, EXIT_BAR = 2, 4  # the bars that are decided: `BUY`'s last, and `SELLS` two bars later


def hours(table: str, start: str = MIDNIGHT) -> FullKlines:
    """One hourly bar a line: open high low close, then a remark. A line `gap N` leaves N hours out."""
    time_ms = round(datetime.fromisoformat(start).replace(tzinfo=UTC).timestamp() * 1000)
    times, rows = [], []
    for words in (line.split() for line in table.strip().splitlines() if line.strip()):
        if words[0] == "gap":
            time_ms += int(words[1]) * HOUR_MS
            continue
        times.append(time_ms)
        rows.append([float(word) for word in words[:4]])
        time_ms += HOUR_MS
    prices = np.array(rows).T
    volume = np.full(len(rows), 1000.0)
    count = np.ones(len(rows), dtype=np.int64)
    open_time = np.array(times, dtype=np.int64)
    first, high, low, close = prices
    quote = volume * close
    return FullKlines("1h", open_time, first, high, low, close, volume, quote, count, volume / 2, quote / 2)


def lots(step: str = "0.001", least: str = "0.001", notional: str = "5") -> dict[str, Any]:
    """Return a symbol's filters with this step, smallest quantity and smallest notional; the tick is 0.01."""
    return symbol_info(
        LOT_SIZE={"minQty": least, "maxQty": "9000", "stepSize": step},
        NOTIONAL={"minNotional": notional, "applyMinToMarket": True, "maxNotional": "9000000", "avgPriceMins": 5},
    )


def run(
    table: str, *, start: str = MIDNIGHT, info: dict[str, Any] | None = None, since: str | None = None, **settings: Any
) -> RunResult:
    """Replay a table with the live runner. By default it trades 500 of its 1000 USDT."""
    usual = {
        "strategy": "donchian",
        "entry_period": 2,
        "exit_period": 2,
        "position_size_mode": "fixed",
        "position_size_fixed": "500",
        "fee_rate": "0",
    }
    klines = hours(table, start)
    parameters = make_settings({**usual, **settings}, symbol="BTCUSDT", interval="1h")
    time_range = parse_time_range(since) if since else TimeRange()
    return replay(ReplayRun("BTCUSDT", klines, info or lots(), parameters, time_range))


def lines(result: RunResult) -> list[str]:
    """Trades as a reader would note them: bars counted from the table's first, prices in as few digits as they need."""
    return [_line(trade, result) for trade in result.trades]


def _line(trade: Any, result: RunResult) -> str:
    entered = f"{_bar(trade.entry_time, result)} buys {short(trade.quantity)} at {short(trade.entry_price)}"
    if not hasattr(trade, "exit_time"):
        return f"{entered}, open"
    return f"{entered}, {_bar(trade.exit_time, result)} sells at {short(trade.exit_price)}: {trade.exit_reason}"


def _bar(time_ms: int, result: RunResult) -> str:
    """`bar 3` is the table's fourth line."""
    return f"bar {(time_ms - result.first_open_time) // HOUR_MS}"


def short(amount: Decimal) -> str:
    return format(amount.normalize(), "f")
