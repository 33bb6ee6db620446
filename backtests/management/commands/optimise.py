"""`manage.py optimise`: try parameters over stored candles, in this process or on the Celery workers."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from rich.console import Console
from rich.table import Table

from backtests import tasks
from backtests.management.commands._runs import OptimisationCommand, Progress
from backtests.models import Optimisation
from backtests.optimisation import rounds
from backtests.optimisation.samplers import METRIC_NAMES
from backtests.reports.formats import label, metric_text
from backtests.reports.optimisation import overfitting_rows
from backtests.runs.inputs import RunRequest


class Command(OptimisationCommand):
    help = "Optimise parameters: every trial is stored, overfitting is measured, the end of the data is held out."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--hold-out",
            type=float,
            default=rounds.DEFAULT_HOLD_OUT,
            help="share of the data that no trial may see (default: 0.2)",
        )
        parser.add_argument("--workers", action="store_true", help="run it on the Celery workers")
        parser.add_argument("--json", type=Path, metavar="OUT")

    def create(self, request: RunRequest, plan: dict[str, Any], options: dict[str, Any]) -> Optimisation:
        return rounds.new_optimisation(request, plan, options["hold_out"])

    def execute_run(self, run: Optimisation, options: dict[str, Any], show: Progress) -> None:
        if options["workers"]:
            _follow(run, show)
        else:
            rounds.run_in_process(run, show)

    def report(self, run: Optimisation, result: dict[str, Any], options: dict[str, Any]) -> None:
        if options["json"]:
            options["json"].write_text(json.dumps({"id": run.pk, "verdict": run.verdict, **result}, indent=1))
        best = result["best"]
        names = rounds.stored_plan(run).space.names
        pairs = " ".join(f"{name}={_plain(best['parameters'][name])}" for name in names)
        table = Table(title=f"Best of {result['overfitting']['trials']:,} trials: {pairs}", show_header=False)
        for name in METRIC_NAMES:
            table.add_row(label(name), metric_text(name, best["figures"][name]))
        table.add_section()
        for row in overfitting_rows(result["overfitting"]):
            table.add_row(row["label"], row["value"])
        Console(file=self.stdout).print(table)  # type: ignore[arg-type]


def _follow(run: Optimisation, show: Progress) -> None:
    """Hand the optimisation to the workers and follow its progress."""
    tasks.enqueue(run)
    while run.is_unfinished:
        time.sleep(0.2)
        run.refresh_from_db()
        show(run.done_steps, run.total_steps)


def _plain(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"
