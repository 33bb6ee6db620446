"""The periodic task of each bot."""

from __future__ import annotations

import json

import pytest
from django_celery_beat.models import PeriodicTask

from bots.control import schedules
from bots.models import BotConfig
from bots.tests import builders

pytestmark = pytest.mark.django_db


def task(bot: BotConfig) -> PeriodicTask:
    return PeriodicTask.objects.get(name=schedules.task_name(bot.pk))


def test_a_new_bot_has_a_task_that_is_off():
    made = builders.bot(timeframe="4h")
    assert (task(made).interval.every, task(made).enabled) == (4 * 3600, False)


def test_a_task_names_its_bot():
    made = builders.bot()
    assert (task(made).task, json.loads(task(made).args)) == ("bots.tasks.run_bot_task", [made.pk])


def test_a_late_tick_is_dropped_before_the_next_candle():
    assert task(builders.bot(timeframe="1h")).expire_seconds == 3599


def test_an_unchanged_schedule_is_left_alone():
    assert not schedules.sync(builders.bot())


@pytest.mark.parametrize("change", [{"is_active": True}, {"timeframe": "4h"}, {"name": "Other"}])
def test_a_changed_bot_changes_its_schedule(change):
    made = builders.bot()
    for name, value in change.items():
        setattr(made, name, value)
    assert schedules.sync(made)


def test_a_removed_schedule_is_gone():
    made = builders.bot()
    schedules.remove(made.pk)
    assert not PeriodicTask.objects.filter(task=schedules.TASK).exists()


def test_syncing_all_counts_what_it_changed_and_removed():
    made = builders.bot()
    PeriodicTask.objects.create(name="bot-999999", task=schedules.TASK, args="[999999]", interval=task(made).interval)
    PeriodicTask.objects.filter(pk=task(made).pk).update(enabled=True)
    assert schedules.sync_all() == (1, 1)


@pytest.mark.parametrize(("bot_id", "offset"), [(1, 2), (9, 10), (10, 1), (123, 4)])
def test_offsets_spread_bots_over_ten_seconds(bot_id, offset):
    assert schedules.offset_s(bot_id) == offset
