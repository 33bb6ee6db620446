"""`manage.py optimise`: search parameters over stored candles, here or on the Celery workers, and judge the result."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from backtests import tasks
from backtests.management.commands._runs import (
    add_market,
    add_search,
    read_plan,
    read_request,
    require_done,
    resumable,
)
from backtests.models import Optimisation
from backtests.optimisation import rounds
from backtests.optimisation.samplers import FIGURES
from backtests.reports.formats import figure, label
from backtests.reports.optimisation import luck_rows
from backtests.runs.inputs import RunError
from core.progress import progress_bar


class Command(BaseCommand):
    help = "Search parameters: every trial kept, the result judged for luck, the end of the data held out."
    database = "site"

    def add_arguments(self, parser: CommandParser) -> None:
        add_market(parser)
        add_search(parser)
        parser.add_argument(
            "--hold-out", type=float, default=rounds.HOLD_OUT, help="share that the search cannot see (default: 0.2)"
        )
        parser.add_argument("--workers", action="store_true", help="make it on the running Celery workers")
        parser.add_argument("--json", type=Path, metavar="OUT")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            search = rounds.new_optimisation(read_request(options), read_plan(options), options["hold_out"])
        except (RunError, ValueError) as error:
            raise CommandError(str(error)) from error
        with resumable(search), progress_bar(str(search), "trials") as move:
            if options["workers"]:
                _watch(search, move)
            else:
                rounds.run_here(search, move)
        result = require_done(search)
        if options["json"]:
            options["json"].write_text(json.dumps({"id": search.pk, "verdict": search.verdict, **result}, indent=1))
        self._print(search, result)

    def _print(self, search: Optimisation, result: dict[str, Any]) -> None:
        best = result["best"]
        names = rounds.search_plan(search).space.names
        words = " ".join(f"{name}={_plain(best['parameters'][name])}" for name in names)
        table = Table(title=f"Best of {result['overfitting']['trials']:,} trials: {words}", show_header=False)
        for name in FIGURES:
            table.add_row(label(name), figure(name, best["figures"][name]))
        table.add_section()
        for row in luck_rows(result["overfitting"]):
            table.add_row(row["label"], row["value"])
        Console(file=self.stdout).print(table)  # type: ignore[arg-type]
        self.stdout.write((search.verdict or {})["sentence"])
        self.stdout.write(f"Its page: /backtests/optimisation/{search.pk}/")


def _watch(search: Optimisation, move: Any) -> None:
    """Have the workers make it, and look on."""
    tasks.ring(search)
    while search.is_unfinished:
        time.sleep(0.2)
        search.refresh_from_db()
        move(search.done_steps, search.total_steps)


def _plain(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"
