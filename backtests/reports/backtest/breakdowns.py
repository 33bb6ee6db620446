"""Breakdowns of a result: by exit reason, hour and weekday, costs, concentration, distribution of returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtests.reports.backtest.trades import TradeColumns, reason_text
from core.formats import duration, money, signed
from core.times import DAY_MS

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
BEST = (1, 2, 5, 10)
BINS = 40
HOUR_MS = 3_600_000


def groups(trades: TradeColumns) -> list[dict[str, Any]]:
    """Return the tables of results by exit reason, by weekday and by hour of the entry."""
    reasons = sorted(set(trades.reason.tolist()))
    weekday = (trades.entry_time // DAY_MS + 3) % 7  # 1970-01-01 was a Thursday
    hour = trades.entry_time % DAY_MS // HOUR_MS
    return [
        {"name": "By reason of the exit", "label": "Exit", "key": "reason",
         "rows": _rows(trades, [(reason_text(r), trades.reason == r) for r in reasons])},
        {"name": "By weekday of the entry", "label": "Weekday", "key": "weekday",
         "rows": _rows(trades, [(name, weekday == number) for number, name in enumerate(WEEKDAYS)])},
        {"name": "By hour of the entry, UTC", "label": "Hour", "key": "hour",
         "rows": _rows(trades, [(f"{number:02d}:00", hour == number) for number in range(24)])},
    ]  # fmt: skip


def _rows(trades: TradeColumns, parts: Sequence[tuple[str, NDArray[np.bool_]]]) -> list[dict[str, Any]]:
    """Return count, wins and net profit of each part that has trades.

    `bar` 0 to 10 is its size beside the largest.
    """
    groups: list[dict[str, Any]] = []
    for name, rows in parts:
        net = trades.net[rows]
        if len(net):
            won = int((net > 0).sum())
            groups.append(
                {"name": name, "count": len(net), "wins": f"{won / len(net):.0%}", "value": float(net.sum()),
                 "net": signed(net.sum()), "mean": signed(net.mean())}
            )  # fmt: skip
    largest = max((abs(row["value"]) for row in groups), default=0.0)
    for row in groups:
        row["bar"] = round(10 * abs(row["value"]) / largest) if largest else 0
    return groups


def costs(trades: TradeColumns, slippage: NDArray[np.float64]) -> dict[str, Any]:
    """Return fees and slippage of the closed trades, and their shares of the gross profit."""
    fees = float(trades.fees.sum())
    is_known = len(slippage) == len(trades)
    slipped = float(slippage.sum()) if is_known else 0.0
    gross = float(trades.net.sum()) + fees + slipped

    def share(part: float) -> str:
        return f"{part / gross:.0%}" if gross > 0 else "–"

    return {
        "gross": signed(gross),
        "net": signed(trades.net.sum()),
        "rows": [
            {"name": "Fees", "value": money(fees), "share": share(fees)},
            {"name": "Slippage", "value": money(slipped) if is_known else "not kept",
             "share": share(slipped) if is_known else "–"},
        ],
        "is_loss_before_costs": gross <= 0,
        "is_slippage_known": is_known,
        "turned": gross > 0 and float(trades.net.sum()) <= 0,
    }  # fmt: skip


def concentration(trades: TradeColumns) -> list[dict[str, Any]]:
    """Return the profit share of the best trades, and the result without them."""
    order = np.argsort(-trades.net)
    wins = trades.net[trades.net > 0]
    rows = []
    for count in BEST:
        if count <= len(wins):
            best = float(trades.net[order[:count]].sum())
            rows.append(
                {"count": count, "share": f"{best / wins.sum():.0%}", "value": signed(best),
                 "without": signed(trades.net.sum() - best)}
            )  # fmt: skip
    return rows


def distribution(trades: TradeColumns) -> dict[str, Any] | None:
    """Count trades by their return, in bins of one width.

    One edge is at 0, so that no bin holds both signs.
    """
    if len(trades) < 2:
        return None
    gain = trades.gain * 100
    low, high = min(float(gain.min()), 0.0), max(float(gain.max()), 0.0)
    width = _round_up((high - low) / BINS)
    edges = np.arange(np.floor(low / width), np.ceil(high / width) + 1) * width
    if len(edges) < 2:
        return None
    # A trade of exactly 0 is no win: it counts below the edge, with the losers' bin next to 0.
    counts = np.bincount(np.clip(np.ceil(np.round((gain - edges[0]) / width, 9)).astype(int) - 1, 0, len(edges) - 2))
    bins = [
        {"from": round(float(edges[k]), 6), "to": round(float(edges[k + 1]), 6), "count": int(count)}
        for k, count in enumerate(counts)
    ]
    return {
        "bins": bins,
        "rows": [b for b in bins if b["count"]],
        "median": f"{np.median(gain):+.2f}%",
        "mean": f"{gain.mean():+.2f}%",
    }


def _round_up(value: float) -> float:
    """Return the next of 1, 2 and 5 times a power of ten."""
    if value <= 0:
        return 0.1
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9)))


def trade_statistics(trades: TradeColumns) -> list[dict[str, str]]:
    """Return statistics of single trades that the metrics do not have, each with its definition."""
    if not len(trades):
        return []
    durations, wins, losses = (
        trades.exit_time - trades.entry_time,
        trades.net[trades.net > 0],
        trades.net[trades.net < 0],
    )
    rows = [
        ("Best trade", signed(trades.net.max()), "Largest net profit of a closed trade, in quote."),
        ("Worst trade", signed(trades.net.min()), "Smallest net profit of a closed trade, in quote."),
        ("Mean winner", signed(wins.mean()) if len(wins) else "–", "Mean net profit of the winners."),
        ("Mean loser", signed(losses.mean()) if len(losses) else "–", "Mean net loss of the losers."),
        ("Winners in a row", f"{_longest_run(trades.net > 0)}", "The longest row of closed trades that all won."),
        ("Losers in a row", f"{_longest_run(trades.net < 0)}", "The longest row of closed trades that all lost."),
        ("Mean duration", duration(int(durations.mean()) / 1000), "From the open of the entry's bar to the exit's."),
        ("Longest duration", duration(int(durations.max()) / 1000), "The same, of the trade that took longest."),
    ]
    return [{"label": label, "value": value, "meaning": meaning} for label, value, meaning in rows]


def _longest_run(flags: NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max(initial=0))
