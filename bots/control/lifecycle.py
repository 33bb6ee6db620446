"""What a person does to a bot: save, start, pause, resume, stop, run now, duplicate, close, and the kill switch.

Each act moves the state by compare-and-set and keeps the schedule in step. What a tick does is in tick.py.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.forms.models import model_to_dict
from django.utils import timezone

from bots.control import schedules
from bots.models import BotConfig, BotConfigVersion, BotState, KillSwitch, Order, OrderState, Status, Trade
from bots.settings.schema import BY_NAME
from core.formats import plain
from exchange.models import Venue

NOT_VERSIONED = {"id", "name", "is_active"}


class ActionRefused(Exception):
    """An act that was refused; `problems` says why, a sentence each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


def configuration(bot: BotConfig) -> dict[str, Any]:
    """Every field a person chose, as JSON can hold it: decimals as plain strings."""
    values = model_to_dict(bot)
    return {name: _plain(value) for name, value in values.items() if name not in NOT_VERSIONED}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value if isinstance(value, str | int | bool | dict | None) else DjangoJSONEncoder().default(value)


@transaction.atomic
def save(bot: BotConfig, *, author: User | None = None, reason: str = "") -> BotConfigVersion:
    """Store a bot, its new version if anything changed, its state if it is new, and its schedule."""
    bot.save()
    BotState.objects.get_or_create(bot=bot, defaults=_opening_books(bot))
    schedules.sync(bot)
    latest = bot.versions.order_by("-number").first()
    values = configuration(bot)
    if latest is not None and latest.values == values:
        return latest
    if latest is not None:
        _move_capital(bot, Decimal(latest.values["initial_capital"]))
    number = latest.number + 1 if latest else 1
    return BotConfigVersion.objects.create(
        bot=bot, number=number, values=values, author=author, reason=reason or ("Created" if number == 1 else "")
    )


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


def current_version(bot: BotConfig) -> BotConfigVersion:
    """The version that the bot's configuration is now; made if the bot was stored without one."""
    return _version_of(bot.pk, bot.updated_at) or save(bot)


@lru_cache(maxsize=10_000)
def _version_of(bot_id: int, _updated_at: datetime) -> BotConfigVersion | None:
    """The newest version; remembered, because it changes only when the bot does."""
    return BotConfigVersion.objects.filter(bot_id=bot_id).order_by("-number").first()


def start(bot: BotConfig, *, by: User | None = None) -> None:
    """Let a bot trade. Raise `ActionRefused` with what is in the way."""
    from bots.control.validation import problems

    _require_past(bot)
    found = problems(bot)
    if found:
        raise ActionRefused(found)
    _move(bot, Status.RUNNING, is_active=True)


def pause(bot: BotConfig) -> None:
    """Enter nothing more; exits and protective orders go on."""
    _require_past(bot)
    if bot.state.status == Status.STOPPED:
        raise ActionRefused(["A stopped bot cannot be paused; start it first."])
    _move(bot, Status.PAUSED, is_active=True)


def stop(bot: BotConfig) -> str:
    """Stop the schedule. Return what stays behind: protective orders rest on the exchange, and hold."""
    _require_past(bot)
    _move(bot, Status.STOPPED, is_active=False)
    resting = Order.objects.filter(bot=bot, state=OrderState.OPEN).count()
    state = BotState.objects.get(bot=bot)
    if not state.base or not bot.trades.filter(closed_at__isnull=True).exists():
        return ""
    return f"{bot.name} still holds {plain(state.base)}; {resting} protective order(s) stay on the exchange."


def resume(bot: BotConfig) -> None:
    """Lift a drawdown halt: entries are measured against today's equity from here on."""
    with transaction.atomic():
        state = BotState.objects.select_for_update().get(bot=bot)
        if state.drawdown_reached_at is None:
            raise ActionRefused(["The bot is not halted by its drawdown limit."])
        state.drawdown_reached_at = None
        state.peak_equity = state.equity
        state.save(update_fields=["drawdown_reached_at", "peak_equity"])


def run_now(bot: BotConfig) -> None:
    """Queue one tick at once; it decides only if a bar is still undecided."""
    from bots.tasks import run_bot_task

    _require_past(bot)
    if bot.state.status == Status.STOPPED:
        raise ActionRefused(["A stopped bot does not tick; start it first."])
    transaction.on_commit(lambda: run_bot_task.delay(bot.pk))


def duplicate(bot: BotConfig, *, name: str | None = None, author: User | None = None) -> BotConfig:
    """Store a stopped copy under a free name, with books of its own."""
    copy = BotConfig.objects.get(pk=bot.pk)
    copy.pk = None
    copy._state.adding = True
    copy.name = name or _free_name(bot.name)
    copy.is_active = False
    copy.is_demo = False
    save(copy, author=author, reason=f"Copied from {bot.name}")
    return copy


def _free_name(name: str) -> str:
    taken = set(BotConfig.objects.values_list("name", flat=True))
    stem = name[:50]
    return next(candidate for number in range(2, 10_000) if (candidate := f"{stem} ({number})") not in taken)


def close_position(bot: BotConfig) -> None:
    """Have what the bot holds sold at market, whatever its status; the wish is on record, a tick carries it out.

    Raise `ActionRefused` when it holds nothing.
    """
    from bots.tasks import run_bot_task

    _require_past(bot)
    want_position_closed(bot)
    transaction.on_commit(lambda: run_bot_task.delay(bot.pk))


@transaction.atomic
def want_position_closed(bot: BotConfig) -> None:
    """Put on record that the open trade is to be sold. Raise `ActionRefused` when there is none."""
    BotState.objects.select_for_update().get(bot=bot)  # a tick that is booking a fill holds this lock
    trade = bot.trades.filter(closed_at__isnull=True).first()
    if trade is None:
        raise ActionRefused([f"{bot.name} holds no position."])
    if not trade.exit_wanted:
        trade.exit_wanted = Trade.Reason.MANUAL
        trade.save(update_fields=["exit_wanted"])


def kill_switch() -> KillSwitch:
    return KillSwitch.objects.get_or_create(pk=1)[0]


def set_kill_switch(is_on: bool, *, reason: str = "", by: User | None = None) -> None:
    """Stop, or allow again, every entry of every bot."""
    KillSwitch.objects.update_or_create(pk=1, defaults={"is_on": is_on, "reason": reason, "changed_by": by})


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
    from bots.control.validation import configuration_errors

    errors = configuration_errors(bot)
    if errors:
        raise ValidationError(errors)
    bot.clean_fields(exclude=BY_NAME)


def is_real_money(bot: BotConfig) -> bool:
    return bot.api_key.venue == Venue.LIVE
