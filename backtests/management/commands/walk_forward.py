"""`manage.py walk_forward`: optimise on one window, trade on the next, roll forward."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from backtests.management.commands._runs import (
    add_market_options,
    add_optimisation_options,
    pause_on_interrupt,
    read_plan,
    read_request,
    require_result,
)
from backtests.reports.walk_forward import walk_forward_report
from backtests.runs.inputs import RunError
from backtests.walk_forward import runner
from core.progress import progress_bar


class Command(BaseCommand):
    help = "Walk forward: parameters are chosen on one stretch of data and traded on the next."

    def add_arguments(self, parser: CommandParser) -> None:
        add_market_options(parser)
        add_optimisation_options(parser)
        parser.add_argument("--train-days", type=int, default=180, help="days to search in (default: 180)")
        parser.add_argument("--test-days", type=int, default=60, help="days to trade on (default: 60)")
        parser.add_argument("--anchored", action="store_true", help="search in all data so far")

    def handle(self, *args: Any, **options: Any) -> None:
        plan = read_plan(options) | {name: options[name] for name in ("train_days", "test_days", "anchored")}
        try:
            run = runner.new_walk_forward(read_request(options), plan)
        except (RunError, ValueError) as error:
            raise CommandError(str(error)) from error
        with pause_on_interrupt(run), progress_bar(str(run), "windows") as move:
            runner.execute_walk_forward(run, move)
        result = require_result(run)
        report = walk_forward_report(run)
        table = Table("#", "Traded", *report["names"], "In-sample", "Traded", "Trades")
        for window in report["windows"]:
            span = f"{window['traded_from']} to {window['traded_to']}"
            numbers = (window["inside_gain"], window["gain"], str(window["trades"]))
            table.add_row(str(window["number"]), span, *window["values"], *numbers)
        Console(file=self.stdout).print(table)  # type: ignore[arg-type]
        self.stdout.write(f"out-of-sample return {result['out_of_sample_return']:.2%}")
        self.stdout.write((run.verdict or {})["sentence"])
