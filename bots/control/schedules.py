"""Sync the PeriodicTask of each bot: created, changed, enabled and removed with it.

The scheduler (tradingsite/scheduler.py) runs it on the UTC grid of the bot's interval, plus `offset_s`.
"""

from __future__ import annotations

import json

from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

from bots.models import BotConfig
from exchange.api.types import INTERVAL_MS

TASK = "bots.tasks.run_bot_task"
PREFIX = "bot-"


def task_name(bot_id: int) -> str:
    return f"{PREFIX}{bot_id}"


def offset_s(bot_id: int) -> int:
    """Return the seconds after the candle's close, 1 to 10, spread by id to spread the load."""
    return 1 + bot_id % 10


def sync(bot: BotConfig) -> bool:
    """Sync the bot's PeriodicTask. Return True if it changed."""
    seconds = INTERVAL_MS[bot.timeframe] // 1000
    fields = {
        "task": TASK,
        "interval": _interval(seconds),
        "args": json.dumps([bot.pk]),
        "kwargs": "{}",
        "enabled": bot.is_active,
        "expire_seconds": max(seconds - 1, 1),
        "crontab": None,
        "solar": None,
        "clocked": None,
        "one_off": False,
        "description": f"Ticks the bot “{bot.name}” after each {bot.timeframe} candle. Managed by the bot.",
    }
    task = PeriodicTask.objects.filter(name=task_name(bot.pk)).first()
    if task is not None and all(getattr(task, field) == value for field, value in fields.items()):
        return False
    task = task or PeriodicTask(name=task_name(bot.pk))
    for field, value in fields.items():
        setattr(task, field, value)
    task.save()
    return True


def _interval(seconds: int) -> IntervalSchedule:
    return IntervalSchedule.objects.get_or_create(every=seconds, period=IntervalSchedule.SECONDS)[0]


def remove(bot_id: int) -> None:
    """Delete the bot's PeriodicTask."""
    PeriodicTask.objects.filter(name=task_name(bot_id)).delete()


def sync_all() -> tuple[int, int]:
    """Sync every bot's schedule and delete those without a bot. Return (changed, removed)."""
    bots = list(BotConfig.objects.all())
    changed = sum(sync(bot) for bot in bots)
    names = {task_name(bot.pk) for bot in bots}
    orphans = PeriodicTask.objects.filter(task=TASK).exclude(name__in=names)
    removed = orphans.count()
    orphans.delete()
    PeriodicTasks.update_changed()
    return changed, removed
