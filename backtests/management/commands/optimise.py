"""`manage.py optimise`: search parameters over stored candles, here or on the Celery workers, and judge the result."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from backtests import searches, tasks
from backtests.data_access import RunError
from backtests.management.commands._runs import add_market, add_search, read_plan, read_request, require_done
from backtests.models import Optimisation
from backtests.reports.figures import figure


class Command(BaseCommand):
    help = "Search parameters: every trial kept, the result judged for luck, the end of the data held out."
    database = "site"

    def add_arguments(self, parser: CommandParser) -> None:
        add_market(parser)
        add_search(parser)
        parser.add_argument(
            "--hold-out", type=float, default=searches.HOLD_OUT, help="share that the search cannot see"
        )
        parser.add_argument("--workers", action="store_true", help="make it on the running Celery workers")
        parser.add_argument("--json", type=Path, metavar="OUT")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            search = searches.new_optimisation(read_request(options), read_plan(options), options["hold_out"])
        except (RunError, ValueError) as error:
            raise CommandError(str(error)) from error
        with tqdm(desc=f"search {search.pk}", unit="trial", disable=None) as bar:
            if options["workers"]:
                self._watch(search, bar)
            else:
                searches.run_here(search, lambda done, total: _move(bar, done, total))
        result = require_done(search)
        if options["json"]:
            options["json"].write_text(json.dumps({"id": search.pk, "verdict": search.verdict, **result}, indent=1))
        self._print(search, result)

    def _watch(self, search: Optimisation, bar: Any) -> None:
        tasks.ring(search)
        while search.is_unfinished:
            time.sleep(0.2)
            search.refresh_from_db()
            _move(bar, search.done_steps, search.total_steps)

    def _print(self, search: Optimisation, result: dict[str, Any]) -> None:
        best = result["best"]
        self.stdout.write(" ".join(f"{name}={value:g}" if value is not None else f"{name}=none"
                                   for name, value in best["parameters"].items()))  # fmt: skip
        for name, value in best["figures"].items():
            self.stdout.write(f"  {name:22} {figure(name, value):>14}")
        for name, value in result["overfitting"].items():
            self.stdout.write(f"  {name:22} {'–' if value is None else f'{value:.4g}':>14}")
        self.stdout.write((search.verdict or {})["sentence"])


def _move(bar: Any, done: int, total: int) -> None:
    bar.total = total
    bar.update(done - bar.n)
