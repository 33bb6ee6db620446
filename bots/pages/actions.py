"""The actions on bots: label, function, and when each is offered as a button or list action."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from celery import current_app
from django.contrib.auth.models import User
from django.db import transaction

from bots.control import lifecycle
from bots.models import BotConfig, Status
from bots.pages.bot_facts import BotFacts

Author = User | None
PARITY_TASK = "backtests.tasks.check_parity_task"  # by name: bots know nothing of backtests


@dataclass(frozen=True, slots=True)
class BotAction:
    """Describe an action. `run` performs it and returns a message; it raises `ActionRefused`."""

    name: str
    label: str
    list_label: str  # as an action on a list
    run: Callable[[BotConfig, Author], str]
    is_offered: Callable[[BotFacts], bool]
    style: str = "plain"
    question: str = ""
    page: str = "live"  # shown afterwards


def _start(bot: BotConfig, by: Author) -> str:
    lifecycle.start(bot, by=by)
    return f"{bot.name} is running. It decides after each {bot.timeframe} candle."


def _pause(bot: BotConfig, by: Author) -> str:
    lifecycle.pause(bot, by=by)
    return f"{bot.name} is paused: it enters nothing more, exits go on."


def _stop(bot: BotConfig, by: Author) -> str:
    notice = lifecycle.stop(bot, by=by)
    return notice or f"{bot.name} is stopped."


def _run_now(bot: BotConfig, by: Author) -> str:
    lifecycle.run_now(bot, by=by)
    return f"{bot.name} runs now; it decides if a bar is still undecided."


def _resume(bot: BotConfig, by: Author) -> str:
    lifecycle.resume(bot, by=by)
    return f"{bot.name} may enter again; its drawdown is measured from today's equity."


def _check_parity(bot: BotConfig, by: Author) -> str:
    transaction.on_commit(lambda: current_app.send_task(PARITY_TASK, args=[bot.pk]))
    return f"{bot.name} is being compared with the engine; the result appears on its page Parity."


def _duplicate(bot: BotConfig, by: Author) -> str:
    copy = lifecycle.duplicate(bot, by=by)
    return f"{copy.name} is a copy of {bot.name}, stopped, with a ledger of its own."


def _close(bot: BotConfig, by: Author) -> str:
    lifecycle.close_position(bot, by=by)
    return f"{bot.name} sells its position at market."


ACTIONS = {
    action.name: action
    for action in (
        BotAction("start", "Start", "Start", _start, lambda f: f.status in (Status.STOPPED, Status.PAUSED), "primary"),
        BotAction(
            "resume", "Resume after drawdown", "Resume after a drawdown halt", _resume, lambda f: f.is_halted, "primary"
        ),
        BotAction("pause", "Pause", "Pause: exits only", _pause, lambda f: f.status == Status.RUNNING),
        BotAction("run-now", "Run now", "Run now", _run_now, lambda f: f.status != Status.STOPPED),
        BotAction("stop", "Stop", "Stop", _stop, lambda f: f.status != Status.STOPPED),
        BotAction(
            "close-position",
            "Close position",
            "Close position at market",
            _close,
            lambda f: f.has_position,
            "danger",
            "Sell the bot's whole position at market now?",
        ),
        # Its button is on the page Parity alone.
        BotAction(
            "check-parity", "Check now", "Check parity with the engine", _check_parity, lambda f: False, page="parity"
        ),
    )
}
DUPLICATE = BotAction("duplicate", "Duplicate", "Duplicate", _duplicate, lambda f: True)


def offered(facts: BotFacts) -> list[BotAction]:
    """Return the actions that suit the bot's current state."""
    if facts.status == Status.PREPARING:
        return []
    return [action for action in ACTIONS.values() if action.is_offered(facts)]
