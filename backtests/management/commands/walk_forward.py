"""`manage.py walk_forward`: search in one stretch, trade in the next, roll on."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from backtests import walks
from backtests.data_access import RunError
from backtests.management.commands._runs import add_market, add_search, read_plan, read_request, require_done
from backtests.reports.walk_forward import walk_forward_report


class Command(BaseCommand):
    help = "Walk forward: parameters are chosen on one stretch of data and traded on the next."
    database = "site"

    def add_arguments(self, parser: CommandParser) -> None:
        add_market(parser)
        add_search(parser)
        parser.add_argument("--train-days", type=int, default=180)
        parser.add_argument("--test-days", type=int, default=60)
        parser.add_argument("--anchored", action="store_true", help="search in all data so far")

    def handle(self, *args: Any, **options: Any) -> None:
        plan = read_plan(options) | {name: options[name] for name in ("train_days", "test_days", "anchored")}
        try:
            run = walks.new_walk_forward(read_request(options), plan)
        except (RunError, ValueError) as error:
            raise CommandError(str(error)) from error
        with tqdm(desc=f"walk-forward {run.pk}", unit="window", disable=None) as bar:

            def move(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            walks.execute_walk_forward(run, move)
        result = require_done(run)
        for window in walk_forward_report(run)["windows"]:
            chosen = window["parameters"] or {"nothing good enough": ""}
            words = " ".join(f"{name}={value}" for name, value in chosen.items())
            self.stdout.write(f"{window['traded_from']} – {window['traded_to']}  {window['gain']:>8}  {words}")
        self.stdout.write(f"out-of-sample return {result['out_of_sample_return']:.2%}")
        self.stdout.write((run.verdict or {})["sentence"])
