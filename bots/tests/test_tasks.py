"""Which bots the sweep ticks, and when a worker that starts sweeps."""

from __future__ import annotations

from datetime import timedelta

import pytest
from celery.signals import worker_ready
from django.utils import timezone

from bots import tasks
from bots.models import (
    BotRun,
    BotState,
    Incident,
)
from bots.trading.tests.processes.celery_site import empty_queue
from bots.trading.tests.stage import raising
from bots.trading.tests.tables import ENTER, HELD, QUIET
from exchange.api.errors import RequestRejected
from tradingsite.celery import app

pytestmark = pytest.mark.django_db


def test_a_position_without_its_stop_is_due_for_the_next_sweep(make_stage):
    bot = make_stage(HELD + QUIET)
    bot.exchange.before["submit_oco"] = raising(RequestRejected("no room"))
    assert bot.decide(ENTER).outcome == BotRun.Outcome.DECIDED  # no failure, which would be reason enough
    assert (bot.trade().closed_at, tasks.bots_to_settle()) == (None, [bot.bot.pk])
    bot.tick()
    assert (len(bot.resting()), tasks.bots_to_settle()) == (2, [])


def test_a_position_of_a_failed_run_is_due_until_there_is_an_incident(make_stage):
    bot = make_stage(HELD + QUIET)
    bot.decide(ENTER)
    assert tasks.bots_to_settle() == []
    due = []
    for _ in range(4):
        bot.exchange.before["open_orders"] = raising(RuntimeError("any bug"))
        assert bot.tick().outcome == BotRun.Outcome.FAILED
        due.append(bool(tasks.bots_to_settle()))
    assert due == [True, True, False, False]
    assert Incident.objects.filter(kind="ticks_failing", resolved_at=None).exists()


def test_what_the_exchange_refuses_again_and_again_is_tried_once_a_minute(make_stage):
    bot = make_stage(HELD + QUIET)
    bot.exchange.before["submit_oco"] = raising(RequestRejected("Too many algo orders.", code=-2010))
    bot.decide(ENTER)
    due = []
    for _ in range(tasks.URGENT_TRIES):
        due.append(bool(tasks.bots_to_settle()))
        bot.exchange.before["submit_oco"] = raising(RequestRejected("Too many algo orders.", code=-2010))
        bot.tick()
    assert due == [True] * (tasks.URGENT_TRIES - 1) + [False]
    BotState.objects.update(last_tick_at=timezone.now() - tasks.SETTLE_EVERY - timedelta(seconds=1))
    assert tasks.bots_to_settle() == [bot.bot.pk]
    bot.tick()
    assert len(bot.resting()) == 2


def test_a_worker_that_starts_queues_the_sweep(redis_url):
    empty_queue()
    worker_ready.send(sender="a worker")
    with app.connection_or_acquire() as broker:
        message = broker.default_channel.basic_get(app.conf.task_default_queue, no_ack=True)
    assert message is not None
    assert message.headers["task"] == "bots.tasks.sweep_task"
