"""The actions of an operator: save, start, pause, resume, stop, run now, duplicate, close, and the kill switch.

Each syncs the schedule and is logged with its author. Ticks are in trading/tick.py.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from bots import versions
from bots.control import schedules, validation
from bots.control.action_log import ActionKind, Actor, log_action
from bots.models import BotConfig, BotConfigVersion, BotState, KillSwitch, Order, OrderState, Status, Trade
from bots.settings.schema import BY_NAME
from bots.tasks import run_bot_task
from core.errors import UserError
from core.formats import plain


class ActionRefused(UserError):
    """Refuse an action; `problems` has the reasons, a sentence each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


@transaction.atomic
def save(bot: BotConfig, *, author: User | None = None, reason: str = "") -> BotConfigVersion:
    """Store a bot, its version if anything changed, its state if it is new, and its schedule."""
    before = versions.latest(bot) if bot.pk else None
    bot.save()
    BotState.objects.get_or_create(bot=bot, defaults=_opening_ledger(bot))
    schedules.sync(bot)
    version = versions.record(bot, author=author, reason=reason)
    if before is not None and version != before:
        _move_capital(bot, Decimal(before.values["initial_capital"]))
    return version


def _opening_ledger(bot: BotConfig) -> dict[str, Any]:
    capital = float(bot.initial_capital)
    return {"quote": bot.initial_capital, "peak_equity": capital, "equity": capital}


def _move_capital(bot: BotConfig, before: Decimal) -> None:
    """Add a change of the starting capital to the bot's ledger, or take it out."""
    change = bot.initial_capital - before
    if not change:
        return
    state = BotState.objects.select_for_update().get(bot=bot)
    if state.quote + change < 0:
        raise ActionRefused(
            [f"The bot's ledger holds {state.quote:f} in quote; {-change:f} cannot be taken out of it."]
        )
    state.quote += change
    state.peak_equity = max(state.peak_equity + float(change), 0.0)
    state.save(update_fields=["quote", "peak_equity"])


def start(bot: BotConfig, *, by: Actor = None) -> None:
    """Start a bot. Raise `ActionRefused` with the reasons why it cannot start."""
    _require_prepared(bot)
    problems = validation.problems(bot)
    if problems:
        raise ActionRefused(problems)
    _move(bot, Status.RUNNING, is_active=True)
    log_action(ActionKind.START, bot, by=by)


def pause(bot: BotConfig, *, by: Actor = None) -> None:
    """Stop entries; exits and protective orders go on."""
    _require_prepared(bot)
    if bot.state.status == Status.STOPPED:
        raise ActionRefused(["A stopped bot cannot be paused; start it first."])
    _move(bot, Status.PAUSED, is_active=True)
    log_action(ActionKind.PAUSE, bot, by=by)


def stop(bot: BotConfig, *, by: Actor = None) -> str:
    """Stop the schedule. Return a sentence about a position that stays open, with its protective orders."""
    _require_prepared(bot)
    _move(bot, Status.STOPPED, is_active=False)
    log_action(ActionKind.STOP, bot, by=by)
    resting = Order.objects.filter(bot=bot, state=OrderState.OPEN).count()
    state = BotState.objects.get(bot=bot)
    if not state.base or not bot.trades.filter(closed_at__isnull=True).exists():
        return ""
    return f"{bot.name} still holds {plain(state.base)}; {resting} protective order(s) stay on the exchange."


@transaction.atomic
def resume(bot: BotConfig, *, by: Actor = None) -> None:
    """End a drawdown halt; the drawdown is measured from today's equity on."""
    state = BotState.objects.select_for_update().get(bot=bot)
    if state.drawdown_reached_at is None:
        raise ActionRefused(["The bot is not halted by its drawdown limit."])
    state.drawdown_reached_at = None
    state.peak_equity = state.equity
    state.save(update_fields=["drawdown_reached_at", "peak_equity"])
    log_action(ActionKind.RESUME, bot, by=by)


def run_now(bot: BotConfig, *, by: Actor = None) -> None:
    """Queue one tick now. It decides only if a bar is still undecided."""
    _require_prepared(bot)
    if bot.state.status == Status.STOPPED:
        raise ActionRefused(["A stopped bot does not tick; start it first."])
    log_action(ActionKind.RUN_NOW, bot, by=by)
    transaction.on_commit(lambda: run_bot_task.delay(bot.pk))


@transaction.atomic
def duplicate(bot: BotConfig, *, name: str | None = None, by: Actor = None) -> BotConfig:
    """Store a stopped copy under a free name, with a ledger of its own."""
    copy = BotConfig.objects.get(pk=bot.pk)
    copy.pk = None
    copy._state.adding = True
    copy.name = name or _free_name(bot.name)
    copy.is_active = False
    copy.is_demo = False
    save(copy, author=by if isinstance(by, User) else None, reason=f"Copied from {bot.name}")
    log_action(ActionKind.DUPLICATE, bot, by=by, reason=f"As {copy.name}")
    return copy


def _free_name(name: str) -> str:
    taken = set(BotConfig.objects.values_list("name", flat=True))
    stem = name[:50]
    return next(candidate for number in range(2, 10_000) if (candidate := f"{stem} ({number})") not in taken)


def close_position(bot: BotConfig, *, by: Actor = None) -> None:
    """Record that the position is to be sold at market, and queue the tick that sells it.

    Works whatever the bot's status. Raise `ActionRefused` without a position.
    """
    _require_prepared(bot)
    request_close(bot, by=by)
    transaction.on_commit(lambda: run_bot_task.delay(bot.pk))


@transaction.atomic
def request_close(bot: BotConfig, *, by: Actor = None) -> None:
    """Record that the open trade is to be sold. Raise `ActionRefused` when there is none."""
    BotState.objects.select_for_update().get(bot=bot)  # a tick holds this lock while it books a fill
    trade = bot.trades.filter(closed_at__isnull=True).first()
    if trade is None:
        raise ActionRefused([f"{bot.name} holds no position."])
    if not trade.exit_requested:
        trade.exit_requested = Trade.Reason.MANUAL
        trade.save(update_fields=["exit_requested"])
    log_action(ActionKind.CLOSE_POSITION, bot, by=by)


@transaction.atomic
def set_kill_switch(is_on: bool, *, reason: str = "", by: User | None = None) -> None:
    """Stop, or allow again, the entries of all bots."""
    KillSwitch.objects.update_or_create(pk=1, defaults={"is_on": is_on, "reason": reason, "changed_by": by})
    log_action(ActionKind.KILL_SWITCH_ON if is_on else ActionKind.KILL_SWITCH_OFF, by=by, reason=reason)


def _require_prepared(bot: BotConfig) -> None:
    """Refuse while the demo bot's past is being simulated: today's prices must not reach it."""
    if BotState.objects.filter(bot=bot, status=Status.PREPARING).exists():
        raise ActionRefused(
            [f"The history of {bot.name} is still being simulated; it starts by itself when that is done."]
        )


def _move(bot: BotConfig, status: Status, *, is_active: bool) -> None:
    with transaction.atomic():
        BotConfig.objects.filter(pk=bot.pk).update(is_active=is_active, updated_at=timezone.now())
        BotState.objects.filter(bot=bot).exclude(status=status).update(status=status, since=timezone.now())
        bot.is_active = is_active
        schedules.sync(bot)
    bot.refresh_from_db(fields=["is_active"])
    if "state" in bot._state.fields_cache:
        bot.state.refresh_from_db()


def validate(bot: BotConfig) -> None:
    """Raise `ValidationError` for a configuration that the settings, the strategy or the database would refuse."""
    errors = validation.configuration_errors(bot)
    if errors:
        raise ValidationError(errors)
    bot.clean_fields(exclude=BY_NAME)
