"""Options and helpers shared by the commands that store runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError, CommandParser

from backtests.models import Run, RunStatus
from backtests.optimisation.samplers import OBJECTIVES, SearchMethod
from backtests.runs import queue
from backtests.runs.inputs import RunRequest
from bots.bot_settings import run_values
from bots.models import BotConfig
from bots.settings.parse import parse_pairs


def add_market_options(parser: CommandParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--dataset", metavar="SYMBOL:INTERVAL", help="stored candles (see import_klines)")
    source.add_argument("--bot", metavar="NAME", help="a bot's settings, on the stored candles that it trades")
    parser.add_argument("--set", action="append", nargs="+", default=[], metavar="key=value", help="a setting")
    parser.add_argument("--from", dest="start", metavar="TIME", help="first bar, ISO date or time, UTC")
    parser.add_argument("--to", dest="end", metavar="TIME", help="end, excluded")
    parser.add_argument("--seed", type=int, default=1)


def add_optimisation_options(parser: CommandParser) -> None:
    parser.add_argument("--grid", action="append", default=[], metavar="name=low:high[:step]", help="or name=a,b,none")
    parser.add_argument("--condition", action="append", default=[], metavar="'a >= 2 * b'")
    parser.add_argument("--method", choices=[method.value for method in SearchMethod], default="grid")
    parser.add_argument("--objective", action="append", choices=list(OBJECTIVES), help="two for nsga2; default sharpe")
    parser.add_argument("--min-trades", type=int, default=10)
    parser.add_argument("--max-trials", type=int, default=500, help="for tpe and nsga2")


def read_request(options: dict[str, Any]) -> RunRequest:
    """Return the market and settings that the options ask for."""
    pairs: dict[str, Any] = parse_pairs(options["set"])
    if options["bot"]:
        bot = BotConfig.objects.filter(name=options["bot"]).first()
        if bot is None:
            raise CommandError(f"There is no bot called {options['bot']!r}; list_bots names them all.")
        settings = {**run_values(bot), **pairs}
        return RunRequest(
            bot.symbol, bot.timeframe, settings, options["start"], options["end"], bot, seed=options["seed"]
        )
    symbol, colon, interval = options["dataset"].partition(":")
    if not colon:
        raise CommandError(f"{options['dataset']!r} is not SYMBOL:INTERVAL, for example BTCUSDT:1h")
    return RunRequest(symbol, interval, pairs, options["start"], options["end"], seed=options["seed"])


def read_plan(options: dict[str, Any]) -> dict[str, Any]:
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
