"""`manage.py rerun ID`: run a stored backtest again and compare the result hash."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from backtests.engine.jit_cache import FOLDER
from backtests.models import Backtest
from backtests.runs import queue
from core.errors import UserError


class Command(BaseCommand):
    help = "Run a stored backtest again and compare."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("backtest", type=int, metavar="ID")

    def handle(self, *args: Any, **options: Any) -> None:
        backtest = Backtest.objects.filter(pk=options["backtest"]).first()
        if backtest is None:
            raise CommandError(f"There is no backtest {options['backtest']}.")
        try:
            now, changed = queue.rerun(backtest)
        except UserError as error:
            raise CommandError(str(error)) from error
        if now == backtest.result_hash:
            self.stdout.write(f"Identical: {now}")
            return
        if backtest.code_version != FOLDER.name:
            changed.insert(0, f"the code: {backtest.code_version} became {FOLDER.name}")
        raise CommandError("The result changed:\n" + "\n".join(changed or ["only its hash"]))
