"""`manage.py resume KIND ID`: continue a run that was paused or interrupted, in this process."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from backtests.management.commands._runs import pause_on_interrupt, require_result
from backtests.models import Optimisation, Run, WalkForward, run_models
from backtests.optimisation import rounds
from backtests.runs import queue
from backtests.walk_forward import runner
from core.progress import progress_bar


class Command(BaseCommand):
    help = "Continue an optimisation or walk-forward that was paused, or whose worker died."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=("optimisation", "walkforward"))
        parser.add_argument("id", type=int, metavar="ID")

    def handle(self, *args: Any, **options: Any) -> None:
        run: Run | None = run_models()[options["kind"]]._default_manager.filter(pk=options["id"]).first()
        if run is None:
            raise CommandError(f"There is no {options['kind']} {options['id']}.")
        queue.resume(run)
        run.refresh_from_db()
        if not run.is_unfinished:
            raise CommandError(f"{run} is {run.status}: there is nothing to go on with.")
        with pause_on_interrupt(run):
            if isinstance(run, Optimisation):
                with progress_bar(str(run), "trials") as move:
                    rounds.run_in_process(run, move)
            elif isinstance(run, WalkForward):
                with progress_bar(str(run), "windows") as move:
                    runner.execute_walk_forward(run, move)
        require_result(run)
        self.stdout.write((run.verdict or {})["sentence"])
