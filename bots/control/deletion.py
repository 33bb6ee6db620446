"""Delete a bot with its records. Refused while it has an open position or an unsettled order."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from django.db import models, transaction

from bots.control import schedules
from bots.control.action_log import ActionKind, Actor, log_action
from bots.control.lifecycle import ActionRefused
from bots.models import BotConfig, BotConfigVersion, BotState, Decision, Fill, Order, Trade
from bots.trading import leases
from bots.trading.orders import UNSETTLED


class DeletionStep(NamedTuple):
    """Delete the rows of `model` that lead to the bot by `path`, or set their field `nulled` to NULL."""

    model: type[models.Model]
    path: str
    nulled: str = ""


def problems(bot: BotConfig) -> list[str]:
    """Return why a bot cannot be deleted now, a sentence each."""
    sentences = []
    if bot.trades.filter(closed_at__isnull=True).exists():
        sentences.append(f"{bot.name} holds a position. Close it first.")
    elif bot.orders.filter(state__in=UNSETTLED).exists():
        sentences.append(f"{bot.name} has an order that is not settled yet. Wait for its next run, or stop it first.")
    elif bot.pk in leases.bots_with_active_run():
        sentences.append(f"{bot.name} is in the middle of a run. Try again in a moment.")
    return sentences


@transaction.atomic
def remove(bot: BotConfig, *, by: Actor = None) -> None:
    """Delete a bot, its records and its schedule. Raise `ActionRefused` while a position or order is open."""
    BotState.objects.select_for_update().filter(bot=bot).first()  # no run can begin or book meanwhile
    if sentences := problems(bot):
        raise ActionRefused(sentences)
    log_action(ActionKind.DELETE, bot, by=by)
    for step in deletion_steps():
        rows = step.model._default_manager.filter(**{step.path: bot.pk})
        if step.nulled:
            rows.update(**{step.nulled: None})
        else:
            rows._raw_delete(rows.db)  # one DELETE, however many rows
    schedules.remove(bot.pk)
    bot.delete()


@cache
def deletion_steps() -> tuple[DeletionStep, ...]:
    """Return the steps that delete a bot's records, children before what they point to.

    They are derived from the foreign keys of all models, so that no app's records are left out. Rows that outlive the
    bot lose their reference; references to the bot itself are left to `bot.delete()`.
    """
    paths: dict[type[models.Model], str] = {BotConfig: "pk"}
    waiting = [BotConfig]
    while waiting:  # nearest first: a record's own `bot` is a shorter path than its order's
        target = waiting.pop(0)
        for relation in _relations(target):
            model = relation.related_model
            if relation.on_delete is not models.SET_NULL and model not in paths:
                paths[model] = _joined(relation.field.name, paths[target])
                waiting.append(model)
    return tuple(_steps(BotConfig, paths, set()))


def _steps(
    target: type[models.Model], paths: dict[type[models.Model], str], visited: set[type[models.Model]]
) -> Iterator[DeletionStep]:
    visited.add(target)
    for relation in _relations(target):
        model, name = relation.related_model, relation.field.name
        if relation.on_delete is models.SET_NULL:
            if target is not BotConfig:
                yield DeletionStep(model, _joined(name, paths[target]), nulled=name)
        elif model not in visited:
            yield from _steps(model, paths, visited)
    if target is not BotConfig:
        yield DeletionStep(target, paths[target])


def _relations(target: type[models.Model]) -> list[Any]:
    """Return the foreign keys that point to a model, hidden ones included."""
    fields = target._meta.get_fields(include_hidden=True)
    return [field for field in fields if field.auto_created and not field.concrete and not field.many_to_many]


def _joined(name: str, path: str) -> str:
    return name if path == "pk" else f"{name}__{path}"


def contents(bot: BotConfig) -> list[str]:
    """Return the counts of records that are deleted with the bot, for the confirmation page."""
    counted = (
        ("decision", Decision),
        ("order", Order),
        ("fill", Fill),
        ("trade", Trade),
        ("version", BotConfigVersion),
    )
    lines = []
    for name, model in counted:
        number = model._default_manager.filter(bot=bot)[:100_000].count()
        lines.append(f"{number:,}{'+' if number == 100_000 else ''} {name}{'' if number == 1 else 's'}")
    return lines
