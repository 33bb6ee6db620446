"""Breakdowns of a result: by exit reason, hour and weekday, costs, concentration, distribution of returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtests.reports.backtest.trades import TradeColumns, reason_text
from core.formats import duration, money, signed

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
BEST = (1, 2, 5, 10)
BINS = 40


def groups(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the tables of results by exit reason, by weekday and by hour of the entry."""
    # pandas takes a second to load, and most of the site never needs it.
    from backtests.frames import trades_of

    closed = trades_of(result).dropna(subset="exit_time")
    net, entered = closed["net_pnl"], closed.index
    return [
        {"name": "By exit reason", "label": "Exit", "key": "reason",
         "rows": _rows(net, closed["exit_reason"], reason_text)},
        {"name": "By weekday of the entry", "label": "Weekday", "key": "weekday",
         "rows": _rows(net, entered.day_of_week, lambda number: WEEKDAYS[number])},
        {"name": "By hour of the entry, UTC", "label": "Hour", "key": "hour",
         "rows": _rows(net, entered.hour, lambda number: f"{number:02d}:00")},
    ]  # fmt: skip


def _rows(net: Any, keys: Any, name: Callable[[Any], str]) -> list[dict[str, Any]]:
    """Return count, wins and net profit of each group of trades, in the order of `keys`.

    `bar` 0 to 10 is a group's size beside the largest.
    """
    grouped = net.groupby(keys)
    counts, sums, means, wins = grouped.size(), grouped.sum(), grouped.mean(), (net > 0).groupby(keys).sum()
    largest = float(sums.abs().max()) if len(sums) else 0.0
    return [
        {
            "name": name(key), "count": int(counts[key]), "wins": f"{wins[key] / counts[key]:.0%}",
            "value": float(sums[key]), "net": signed(sums[key]), "mean": signed(means[key]),
            "bar": round(10 * abs(sums[key]) / largest) if largest else 0,
        }
        for key in counts.index.tolist()
    ]  # fmt: skip


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
