"""What a person does to a bot: save, start, pause, resume, stop, run now, duplicate, close, and the kill switch.

Each moves the state by compare-and-set, keeps the schedule in step, and is logged with who did it. What a tick does
is in trading/tick.py.
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
from bots.control.action_log import Kind, log_action
from bots.models import BotConfig, BotConfigVersion, BotState, KillSwitch, Order, OrderState, Status, Trade
from bots.settings.schema import BY_NAME
from bots.tasks import run_bot_task
from core.errors import UserError
from core.formats import plain


class ActionRefused(UserError):
    """An action that was refused; `problems` says why, a sentence each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


@transaction.atomic
def save(bot: BotConfig, *, author: User | None = None, reason: str = "") -> BotConfigVersion:
    """Store a bot, its new version if anything changed, its state if it is new, and its schedule."""
    before = versions.latest(bot) if bot.pk else None
    bot.save()
    BotState.objects.get_or_create(bot=bot, defaults=_opening_books(bot))
    schedules.sync(bot)
    version = versions.record(bot, author=author, reason=reason)
    if before is not None and version != before:
        _move_capital(bot, Decimal(before.values["initial_capital"]))
    return version


def _opening_books(bot: BotConfig) -> dict[str, Any]:
    capital = float(bot.initial_capital)
    return {"quote": bot.initial_capital, "peak_equity": capital, "equity": capital}


def _move_capital(bot: BotConfig, before: Decimal) -> None:
    """A changed starting capital is money put into, or taken out of, the bot's own ledger."""
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


def start(bot: BotConfig, *, by: User | None = None) -> None:
    """Let a bot trade. Raise `ActionRefused` with what is in the way."""
    _require_past(bot)
    problems = validation.problems(bot)
    if problems:
        raise ActionRefused(problems)
    _move(bot, Status.RUNNING, is_active=True)
    log_action(Kind.START, bot, by=by)


def pause(bot: BotConfig, *, by: User | None = None) -> None:
    """Enter nothing more; exits and protective orders go on."""
    _require_past(bot)
    if bot.state.status == Status.STOPPED:
        raise ActionRefused(["A stopped bot cannot be paused; start it first."])
    _move(bot, Status.PAUSED, is_active=True)
    log_action(Kind.PAUSE, bot, by=by)


def stop(bot: BotConfig, *, by: User | None = None) -> str:
    """Stop the schedule. Return what stays behind: protective orders rest on the exchange, and hold."""
    _require_past(bot)
    _move(bot, Status.STOPPED, is_active=False)
    log_action(Kind.STOP, bot, by=by)
    resting = Order.objects.filter(bot=bot, state=OrderState.OPEN).count()
    state = BotState.objects.get(bot=bot)
    if not state.base or not bot.trades.filter(closed_at__isnull=True).exists():
        return ""
    return f"{bot.name} still holds {plain(state.base)}; {resting} protective order(s) stay on the exchange."


@transaction.atomic
def resume(bot: BotConfig, *, by: User | None = None) -> None:
    """Lift a drawdown halt: entries are measured against today's equity from here on."""
    state = BotState.objects.select_for_update().get(bot=bot)
    if state.drawdown_reached_at is None:
        raise ActionRefused(["The bot is not halted by its drawdown limit."])
    state.drawdown_reached_at = None
    state.peak_equity = state.equity
    state.save(update_fields=["drawdown_reached_at", "peak_equity"])
    log_action(Kind.RESUME, bot, by=by)


def run_now(bot: BotConfig, *, by: User | None = None) -> None:
    """Queue one tick at once; it decides only if a bar is still undecided."""
    _require_past(bot)
    if bot.state.status == Status.STOPPED:
        raise ActionRefused(["A stopped bot does not tick; start it first."])
    log_action(Kind.RUN_NOW, bot, by=by)
    transaction.on_commit(lambda: run_bot_task.delay(bot.pk))


@transaction.atomic
def duplicate(bot: BotConfig, *, name: str | None = None, author: User | None = None) -> BotConfig:
    """Store a stopped copy under a free name, with books of its own."""
    copy = BotConfig.objects.get(pk=bot.pk)
    copy.pk = None
    copy._state.adding = True
    copy.name = name or _free_name(bot.name)
    copy.is_active = False
    copy.is_demo = False
    save(copy, author=author, reason=f"Copied from {bot.name}")
    log_action(Kind.DUPLICATE, bot, by=author, reason=f"As {copy.name}")
    return copy


def _free_name(name: str) -> str:
    taken = set(BotConfig.objects.values_list("name", flat=True))
    stem = name[:50]
    return next(candidate for number in range(2, 10_000) if (candidate := f"{stem} ({number})") not in taken)


def close_position(bot: BotConfig, *, by: User | None = None) -> None:
    """Have what the bot holds sold at market, whatever its status: the request is on record, a tick carries it out.

    Raise `ActionRefused` when it holds nothing.
    """
    _require_past(bot)
    request_close(bot, by=by)
    transaction.on_commit(lambda: run_bot_task.delay(bot.pk))


@transaction.atomic
def request_close(bot: BotConfig, *, by: User | None = None) -> None:
    """Record that the open trade is to be sold. Raise `ActionRefused` when there is none."""
    BotState.objects.select_for_update().get(bot=bot)  # a tick that is booking a fill holds this lock
    trade = bot.trades.filter(closed_at__isnull=True).first()
    if trade is None:
        raise ActionRefused([f"{bot.name} holds no position."])
    if not trade.exit_requested:
        trade.exit_requested = Trade.Reason.MANUAL
        trade.save(update_fields=["exit_requested"])
    log_action(Kind.CLOSE_POSITION, bot, by=by)


@transaction.atomic
def set_kill_switch(is_on: bool, *, reason: str = "", by: User | None = None) -> None:
    """Stop, or allow again, every entry of every bot."""
    KillSwitch.objects.update_or_create(pk=1, defaults={"is_on": is_on, "reason": reason, "changed_by": by})
    log_action(Kind.KILL_SWITCH_ON if is_on else Kind.KILL_SWITCH_OFF, by=by, reason=reason)


def _require_past(bot: BotConfig) -> None:
    """Leave a bot alone whose past is being made: today's prices must not reach into it."""
    if BotState.objects.filter(bot=bot, status=Status.PREPARING).exists():
        raise ActionRefused([f"The past of {bot.name} is still being made; it starts by itself when that is done."])


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
