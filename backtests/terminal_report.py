"""The report of a run on the terminal. Pages show the same values in templates."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table

from backtests.engine.result import ClosedTrade, OpenTrade, RunResult
from core.formats import plain

PERCENT = ("total_return", "cagr", "max_drawdown", "win_rate", "exposure", "buy_and_hold_return")
LAST_TRADES = 10


def result_table(result: RunResult) -> Group:
    """Return metrics, rejections and the last trades of a run."""
    return Group(_measures(result), _trades(result))


def _measures(result: RunResult) -> Table:
    table = Table(title=f"{result.symbol}: {result.bars} bars, {len(result.trades)} trades")
    table.add_column("metric")
    table.add_column("value", justify="right")
    for name, value in result.metrics.to_json().items():
        table.add_row(name.replace("_", " "), _shown(name, value))
    for reason, count in sorted(result.rejections.items()):
        table.add_row(f"refused: {reason.replace('_', ' ')}", str(count))
    return table


def _shown(name: str, value: str | float | int | None) -> str:
    if value is None:
        return "undefined"
    if name in PERCENT:
        return f"{float(value):.2%}"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _trades(result: RunResult) -> Table:
    table = Table("quantity", "entry price", "exit price", "exit reason", "net PnL", title=f"Last {LAST_TRADES} trades")
    for trade in result.trades[-LAST_TRADES:]:
        table.add_row(plain(trade.quantity), plain(trade.entry_price), *_exit(trade), plain(trade.net_pnl))
    return table


def _exit(trade: ClosedTrade | OpenTrade) -> tuple[str, str]:
    """Return the price and reason of the exit."""
    return (plain(trade.exit_price), trade.exit_reason) if isinstance(trade, ClosedTrade) else ("", "open")
