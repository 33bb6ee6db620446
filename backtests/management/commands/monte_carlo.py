"""`manage.py monte_carlo ID`: the spread of outcomes that a stored backtest could have had."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from backtests import runs
from backtests.data_access import RunError
from backtests.management.commands._runs import require_done
from backtests.models import Backtest
from backtests.monte_carlo import Method
from backtests.reports.monte_carlo import monte_carlo_report


class Command(BaseCommand):
    help = "Simulate a stored backtest's trades or days, and re-run it under dearer costs."
    database = "site"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("backtest", type=int, metavar="ID")
        parser.add_argument("--method", choices=[method.value for method in Method], default="bootstrap")
        parser.add_argument("--paths", type=int, default=10_000)
        parser.add_argument("--mean-block", type=float, default=10.0, help="days, for block")
        parser.add_argument("--skip-probability", type=float, default=0.1)
        parser.add_argument("--ruin-level", type=float, default=0.5)
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *args: Any, **options: Any) -> None:
        backtest = Backtest.objects.filter(pk=options["backtest"]).first()
        if backtest is None:
            raise CommandError(f"There is no backtest {options['backtest']}.")
        names = ("method", "paths", "mean_block", "skip_probability", "ruin_level")
        try:
            run = runs.new_monte_carlo(backtest, {name: options[name] for name in names}, options["seed"])
        except RunError as error:
            raise CommandError(str(error)) from error
        runs.execute_monte_carlo(run)
        result = require_done(run)
        self.stdout.write(f"{'':22}" + "".join(f"{p + ' %':>14}" for p in result["percentiles"]["return"]))
        for row in monte_carlo_report(run)["rows"]:
            self.stdout.write(f"{row['label']:22}" + "".join(f"{value:>14}" for value in row["values"]))
        self.stdout.write((run.verdict or {})["sentence"])
