"""Show a progress bar in commands that take a while."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def progress_bar(label: str, unit: str, total: int | None = None) -> Iterator[Callable[..., None]]:
    """Show a bar on stderr where that is a terminal. Give a function that takes how much is done, and of how much."""
    console = Console(file=sys.stderr)
    count = (MofNCompleteColumn(), TextColumn(unit), TimeRemainingColumn())
    columns = (TextColumn("{task.description}"), BarColumn(), *count)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=total)

        def show(done: int, of: int | None = None) -> None:
            bar.update(task, completed=done, total=of)

        yield show
