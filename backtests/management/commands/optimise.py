"""`manage.py optimise`: try parameters over stored candles, in this process or on the Celery workers."""

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
    add_market_options,
    add_optimisation_options,
    pause_on_interrupt,
    read_plan,
    read_request,
    require_result,
)
from backtests.models import Optimisation
from backtests.optimisation import rounds
from backtests.optimisation.samplers import METRIC_NAMES
from backtests.reports.formats import label, metric_text
from backtests.reports.optimisation import overfitting_rows
from backtests.runs.inputs import RunError
from core.progress import progress_bar


class Command(BaseCommand):
    help = "Search parameters: every trial kept, the result judged for luck, the end of the data held out."

    def add_arguments(self, parser: CommandParser) -> None:
        add_market_options(parser)
        add_optimisation_options(parser)
        parser.add_argument(
            "--hold-out",
            type=float,
            default=rounds.DEFAULT_HOLD_OUT,
            help="share that the search cannot see (default: 0.2)",
        )
        parser.add_argument("--workers", action="store_true", help="make it on the running Celery workers")
        parser.add_argument("--json", type=Path, metavar="OUT")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            search = rounds.new_optimisation(read_request(options), read_plan(options), options["hold_out"])
        except (RunError, ValueError) as error:
            raise CommandError(str(error)) from error
        with pause_on_interrupt(search), progress_bar(str(search), "trials") as move:
            if options["workers"]:
                _watch(search, move)
            else:
                rounds.run_in_process(search, move)
        result = require_result(search)
        if options["json"]:
            options["json"].write_text(json.dumps({"id": search.pk, "verdict": search.verdict, **result}, indent=1))
        self._print(search, result)

    def _print(self, search: Optimisation, result: dict[str, Any]) -> None:
        best = result["best"]
        names = rounds.stored_plan(search).space.names
        words = " ".join(f"{name}={_plain(best['parameters'][name])}" for name in names)
        table = Table(title=f"Best of {result['overfitting']['trials']:,} trials: {words}", show_header=False)
        for name in METRIC_NAMES:
            table.add_row(label(name), metric_text(name, best["figures"][name]))
        table.add_section()
        for row in overfitting_rows(result["overfitting"]):
            table.add_row(row["label"], row["value"])
        Console(file=self.stdout).print(table)  # type: ignore[arg-type]
        self.stdout.write((search.verdict or {})["sentence"])
        self.stdout.write(f"Its page: /backtests/optimisation/{search.pk}/")


def _watch(search: Optimisation, move: Any) -> None:
    """Hand the optimisation to the workers and follow its progress."""
    tasks.enqueue(search)
    while search.is_unfinished:
        time.sleep(0.2)
        search.refresh_from_db()
        move(search.done_steps, search.total_steps)


def _plain(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"
