"""Print what a stored series covers, as a table for the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from exchange.api.types import INTERVAL_MS
from exchange.klines import intervals
from exchange.klines.checks import utc
from exchange.models import Dataset

_GAPS_SHOWN = 20


def terminal(output: Any) -> Console:
    """Return a console on a command's output, of a fixed width if that is no terminal."""
    return Console(file=output, width=None if output.isatty() else 100)


def print_coverage(console: Console, dataset: Dataset, notes: dict[str, str]) -> None:
    """Print the series in one table with `notes` as further rows, and its gaps in another."""
    table = Table(title=f"{dataset.symbol} {dataset.interval}", show_header=False, title_justify="left")
    table.add_row("bars stored", f"{dataset.rows:,}")
    table.add_row("first bar", f"{dataset.first_open_time:%Y-%m-%d %H:%M} UTC")
    table.add_row("last bar", f"{dataset.last_open_time:%Y-%m-%d %H:%M} UTC")
    for name, text in notes.items():
        table.add_row(name, text)
    table.add_row("gaps", f"{len(dataset.gaps)} ({dataset.missing:,} bars missing)" if dataset.gaps else "none")
    table.add_row("hash", dataset.data_hash[:16])
    console.print(table)
    if dataset.gaps:
        console.print(_gap_table(dataset))


def _gap_table(dataset: Dataset) -> Table:
    table = Table(title="Gaps: no bars between", title_justify="left")
    table.add_column("first missing")
    table.add_column("last missing")
    table.add_column("bars", justify="right")
    for first, last in dataset.gaps[:_GAPS_SHOWN]:
        table.add_row(utc(first), utc(last), f"{_bars_between(dataset.interval, first, last):,}")
    more = len(dataset.gaps) - _GAPS_SHOWN
    if more > 0:
        table.add_row(f"and {more} more", "", "")
    return table


def _bars_between(interval: str, first_ms: int, last_ms: int) -> int:
    count, at = 1, first_ms
    if interval in INTERVAL_MS:
        return (last_ms - first_ms) // INTERVAL_MS[interval] + 1
    while at < last_ms:
        at, count = intervals.next_open_time(interval, at), count + 1
    return count
