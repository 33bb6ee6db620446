"""`manage.py monte_carlo ID`: simulate the outcomes that a stored backtest could have had."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Column, Table

from backtests.errors import RunError
from backtests.management.commands._runs import require_result
from backtests.models import Backtest
from backtests.monte_carlo.simulation import FEE_MULTIPLES, SLIPPAGES_BPS, ResamplingMethod
from backtests.reports.monte_carlo import monte_carlo_report
from backtests.runs import queue


class Command(BaseCommand):
    help = "Simulate a stored backtest's trades or days, and re-run it under dearer costs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("backtest", type=int, metavar="ID")
        parser.add_argument("--method", choices=[method.value for method in ResamplingMethod], default="bootstrap")
        parser.add_argument("--paths", type=int, default=10_000)
        parser.add_argument("--mean-block", type=float, default=10.0, help="days, for block")
        parser.add_argument("--skip-probability", type=float, default=0.1)
        parser.add_argument("--ruin-level", type=float, default=0.5)
        parser.add_argument("--fee-multiples", type=float, nargs="+", default=FEE_MULTIPLES, metavar="X")
        parser.add_argument("--slippages-bps", type=float, nargs="+", default=SLIPPAGES_BPS, metavar="BPS")
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *args: Any, **options: Any) -> None:
        backtest = Backtest.objects.filter(pk=options["backtest"]).first()
        if backtest is None:
            raise CommandError(f"There is no backtest {options['backtest']}.")
        names = ("method", "paths", "mean_block", "skip_probability", "ruin_level", "fee_multiples", "slippages_bps")
        try:
            run = queue.new_monte_carlo(backtest, {name: options[name] for name in names}, options["seed"])
        except RunError as error:
            raise CommandError(str(error)) from error
        queue.execute_monte_carlo(run)
        result = require_result(run)
        report = monte_carlo_report(run)
        console = Console(file=self.stdout)  # type: ignore[arg-type]
        console.print(_spread([f"{percentile} %" for percentile in result["percentiles"]["return"]], report["rows"]))
        console.print(_under_costs(report["stress"]))
        self.stdout.write((run.verdict or {})["sentence"])
        self.stdout.write(f"Its page: /backtests/montecarlo/{run.pk}/")


def _spread(percentiles: list[str], rows: list[dict[str, Any]]) -> Table:
    table = Table("", *(Column(name, justify="right") for name in percentiles), title="Of so many paths at most")
    for row in rows:
        table.add_row(row["label"], *row["values"])
    return table


def _under_costs(stress: dict[str, Any]) -> Table:
    heads = (Column(f"{slippage} bps", justify="right") for slippage in stress["slippages"])
    table = Table("Fees", *heads, title="Return under dearer costs")
    for row in stress["rows"]:
        table.add_row(f"× {row['fee']}", *(cell["text"] for cell in row["cells"]))
    return table
