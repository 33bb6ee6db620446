"""One PeriodicTask per bot, owned by the bot: made, changed, enabled and removed with it.

When such a task is due is the scheduler's matter (tradingsite/scheduler.py): on the UTC grid of the bot's interval
plus the offset that `offset_s` spreads bots by.
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
    """Seconds after the candle's close, 1 to 10, spread by id so that bots do not all knock at once."""
    return 1 + bot_id % 10


def sync(bot: BotConfig) -> bool:
    """Make the bot's PeriodicTask what it should be. True when it had to change."""
    seconds = INTERVAL_MS[bot.timeframe] // 1000
    wanted = {
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
        "description": f"Ticks the bot “{bot.name}” after each {bot.timeframe} candle. Kept by the bot.",
    }
    task = PeriodicTask.objects.filter(name=task_name(bot.pk)).first()
    if task is not None and all(getattr(task, field) == value for field, value in wanted.items()):
        return False
    task = task or PeriodicTask(name=task_name(bot.pk))
    for field, value in wanted.items():
        setattr(task, field, value)
    task.save()
    return True


def _interval(seconds: int) -> IntervalSchedule:
    return IntervalSchedule.objects.get_or_create(every=seconds, period=IntervalSchedule.SECONDS)[0]


def remove(bot_id: int) -> None:
    PeriodicTask.objects.filter(name=task_name(bot_id)).delete()


def sync_all() -> tuple[int, int]:
    """Repair every bot's schedule and drop those without a bot: (changed, removed)."""
    bots = list(BotConfig.objects.all())
    changed = sum(sync(bot) for bot in bots)
    names = {task_name(bot.pk) for bot in bots}
    strays = PeriodicTask.objects.filter(task=TASK).exclude(name__in=names)
    removed = strays.count()
    strays.delete()
    PeriodicTasks.update_changed()
    return changed, removed
