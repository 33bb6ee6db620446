"""`manage.py walk_forward`: optimise on one window, trade on the next, roll forward."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from rich.console import Console
from rich.table import Table

from backtests.management.commands._runs import OptimisationCommand, Progress
from backtests.models import WalkForward
from backtests.reports.walk_forward import walk_forward_report
from backtests.runs.inputs import RunRequest
from backtests.walk_forward import runner


class Command(OptimisationCommand):
    help = "Walk forward: parameters are chosen on an in-sample window and traded on the out-of-sample window after it."
    unit = "windows"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--train-days", type=int, default=180, help="days of an in-sample window (default: 180)")
        parser.add_argument("--test-days", type=int, default=60, help="days of an out-of-sample window (default: 60)")
        parser.add_argument("--anchored", action="store_true", help="in-sample windows hold all data so far")

    def create(self, request: RunRequest, plan: dict[str, Any], options: dict[str, Any]) -> WalkForward:
        windows = {name: options[name] for name in ("train_days", "test_days", "anchored")}
        return runner.new_walk_forward(request, plan | windows)

    def execute_run(self, run: WalkForward, options: dict[str, Any], show: Progress) -> None:
        runner.execute_walk_forward(run, show)

    def report(self, run: WalkForward, result: dict[str, Any], options: dict[str, Any]) -> None:
        report = walk_forward_report(run)
        table = Table("#", "Out-of-sample", *report["names"], "In-sample return", "Return", "Trades")
        for window in report["windows"]:
            dates = f"{window['traded_from']} to {window['traded_to']}"
            numbers = (window["inside_gain"], window["gain"], str(window["trades"]))
            table.add_row(str(window["number"]), dates, *window["values"], *numbers)
        Console(file=self.stdout).print(table)  # type: ignore[arg-type]
        self.stdout.write(f"out-of-sample return {result['out_of_sample_return']:.2%}")
