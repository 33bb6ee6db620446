"""Options and helpers shared by the commands that store runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from backtests.models import Run, RunStatus
from backtests.optimisation.samplers import OBJECTIVES, SearchMethod
from backtests.runs import queue
from backtests.runs.inputs import RunRequest, parse_dataset
from bots.bot_settings import run_values
from bots.management.commands._bots import bot_named
from bots.settings.parse import parse_pairs
from core.errors import UserError
from core.progress import progress_bar

Progress = Callable[..., None]


class OptimisationCommand(BaseCommand):
    """A command that tries parameters over stored candles: create the run, execute it, print its result."""

    unit = "trials"

    def add_arguments(self, parser: CommandParser) -> None:
        _add_market_options(parser)
        _add_plan_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run = self.create(read_request(options), _read_plan(options), options)
        except UserError as error:
            raise CommandError(str(error)) from error
        with pause_on_interrupt(run), progress_bar(str(run), self.unit) as show:
            self.execute_run(run, options, show)
        self.report(run, require_result(run), options)
        self.stdout.write((run.verdict or {})["sentence"])
        self.stdout.write(f"Its page: /backtests/{run.kind}/{run.pk}/")

    def create(self, request: RunRequest, plan: dict[str, Any], options: dict[str, Any]) -> Any:
        """Store the run."""
        raise NotImplementedError

    def execute_run(self, run: Any, options: dict[str, Any], show: Progress) -> None:
        """Carry the run out, or have it carried out, and show its progress."""
        raise NotImplementedError

    def report(self, run: Any, result: dict[str, Any], options: dict[str, Any]) -> None:
        """Print the result, but for its verdict."""
        raise NotImplementedError


def _add_market_options(parser: CommandParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--dataset", metavar="SYMBOL:INTERVAL", help="stored candles (see import_klines)")
    source.add_argument("--bot", metavar="NAME", help="a bot's settings, on the stored candles that it trades")
    parser.add_argument("--set", action="append", nargs="+", default=[], metavar="key=value", help="a setting")
    parser.add_argument("--from", dest="start", metavar="TIME", help="first bar, ISO date or time, UTC")
    parser.add_argument("--to", dest="end", metavar="TIME", help="end, excluded")
    parser.add_argument("--seed", type=int, default=1)


def _add_plan_options(parser: CommandParser) -> None:
    parser.add_argument("--grid", action="append", default=[], metavar="name=low:high[:step]", help="or name=a,b,none")
    parser.add_argument("--condition", action="append", default=[], metavar="'a >= 2 * b'")
    parser.add_argument("--method", choices=[method.value for method in SearchMethod], default="grid")
    parser.add_argument("--objective", action="append", choices=list(OBJECTIVES), help="two for nsga2; default sharpe")
    parser.add_argument("--min-trades", type=int, default=10)
    parser.add_argument("--max-trials", type=int, default=500, help="for tpe and nsga2")


def read_request(options: dict[str, Any]) -> RunRequest:
    """Return the market and settings that the options ask for."""
    settings: dict[str, Any] = dict(parse_pairs(options["set"]))
    time_range, seed = (options["start"], options["end"]), options.get("seed", 1)
    if options["bot"]:
        bot = bot_named(options["bot"])
        return RunRequest(bot.symbol, bot.timeframe, {**run_values(bot), **settings}, *time_range, bot, seed=seed)
    return RunRequest(*parse_dataset(options["dataset"]), settings, *time_range, seed=seed)


def _read_plan(options: dict[str, Any]) -> dict[str, Any]:
    return {
        "grid": options["grid"],
        "conditions": options["condition"],
        "method": options["method"],
        "objectives": options["objective"] or ["sharpe"],
        "min_trades": options["min_trades"],
        "max_trials": options["max_trials"],
    }


def require_result(run: Run) -> dict[str, Any]:
    """Return the result of a finished run, or raise its error."""
    run.refresh_from_db()
    if run.status != RunStatus.DONE or run.result is None:
        raise CommandError(run.error or f"{run} was {run.status} before it was done.")
    return run.result


@contextmanager
def pause_on_interrupt(run: Run) -> Iterator[None]:
    """Pause the run on Ctrl-C and print how to resume it."""
    try:
        yield
    except KeyboardInterrupt:
        queue.pause(run)
        run.refresh_from_db()
        raise CommandError(
            f"Paused after {run.done_steps:,} of {run.total_steps:,}; what was made is kept. "
            f"Go on with: manage.py resume {run.kind} {run.pk} (or the button on its page)."
        ) from None
