"""What a backtest's page shows, and what every run of the engine shows on other pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from backtests import runs
from backtests.models import Run
from backtests.reports.figures import equity_points, figure, figures, moment

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MOST_TRADES = 500


def backtest_report(run: Run, result: Mapping[str, Any]) -> dict[str, Any]:
    """Everything of one run of the engine: also of a search's best."""
    series = runs.unpack(run.series)
    closed = [trade for trade in result["trades"] if trade["exit_time"] is not None]
    metrics = result["metrics"]
    return {
        "key_figures": figures(metrics),
        "all_figures": figures(metrics, tuple(metrics)),
        "buy_and_hold": figure("buy_and_hold_return", metrics["buy_and_hold_return"]),
        "trades": [_trade_row(trade) for trade in result["trades"][-MOST_TRADES:]][::-1],
        "trade_count": len(result["trades"]),
        "by_reason": _groups(closed, lambda trade: str(trade["exit_reason"]).replace("_", " ")),
        "by_weekday": _groups(closed, lambda trade: WEEKDAYS[_entry(trade).weekday()]),
        "by_hour": _groups(closed, lambda trade: f"{_entry(trade).hour:02d}:00"),
        "months": months(series),
        "rejections": sorted(result["rejections"].items()),
        "fee_share": _fee_share(closed),
        "charts": {"equity": equity_points(series), "pnl": [float(trade["net_pnl"]) for trade in closed]},
    }


def _trade_row(trade: Mapping[str, Any]) -> dict[str, Any]:
    return {**trade, "entered": moment(trade["entry_time"]), "exited": moment(trade["exit_time"]),
            "won": float(trade["net_pnl"]) > 0}  # fmt: skip


def _entry(trade: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(trade["entry_time"] / 1000, tz=UTC)


def _groups(trades: Sequence[Mapping[str, Any]], key: Callable[[Mapping[str, Any]], str]) -> list[dict[str, Any]]:
    """Count, wins and net profit of the trades by `key`."""
    found: dict[str, dict[str, Any]] = {}
    for trade in trades:
        row = found.setdefault(key(trade), {"count": 0, "wins": 0, "net": 0.0})
        net = float(trade["net_pnl"])
        row["count"], row["wins"], row["net"] = row["count"] + 1, row["wins"] + (net > 0), row["net"] + net
    order = {name: place for place, name in enumerate(WEEKDAYS)}
    return [{"name": name, **found[name]} for name in sorted(found, key=lambda name: (order.get(name, 0), name))]


def _fee_share(trades: Sequence[Mapping[str, Any]]) -> float | None:
    """Fees over what the trades earned before them."""
    gross = sum(float(trade["net_pnl"]) + float(trade["fees"]) for trade in trades)
    return sum(float(trade["fees"]) for trade in trades) / gross if gross > 0 else None


def months(series: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return of each month from the equity kept for the screen, which holds every stretch's last bar."""
    if "times" not in series or not len(series["times"]):
        return []
    ends: dict[str, float] = {}
    for time_ms, equity in zip(series["times"].tolist(), series["equity"].tolist(), strict=True):
        ends[moment(time_ms)[:7]] = equity
    before, found = float(series["equity"][0]), []
    for month, equity in ends.items():
        change = equity / before - 1 if before else 0.0
        found.append({"month": month, "change": change, "text": f"{change:.1%}", "gain": change > 0})
        before = equity
    return found
