"""What is stored of a check, the incident that drift raises, and the tasks that check."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from backtests import tasks
from backtests.parity.store import MAX_STORED_CHECKS, store_result
from backtests.parity.tests.recorded import drifts, record
from bots.control import lifecycle
from bots.models import ParityCheck, Trade
from bots.pages.actions import PARITY_TASK

pytestmark = pytest.mark.django_db


def test_drift_raises_one_incident_which_a_clean_check_closes(recorded):
    Trade.objects.filter(exit_reason="signal").update(exit_reason="stop_loss")
    for _ in range(2):
        stored = store_result(recorded.bot, recorded.check())
    assert (stored.unexplained, stored.drift != "") == (1, True)
    (incident,) = drifts(recorded.bot)
    assert (incident.occurrences, incident.resolved_at, incident.cause) == (2, None, stored.drift)
    Trade.objects.filter(exit_reason="stop_loss", exit_price__lt=99).update(exit_reason="signal")
    assert store_result(recorded.bot, recorded.check()).drift == ""
    (incident,) = drifts(recorded.bot)
    assert incident.resolved_at is not None


def test_drift_that_a_person_resolved_is_not_reported_again(recorded, admin_user):
    Trade.objects.filter(exit_reason="signal").update(exit_reason="stop_loss")
    store_result(recorded.bot, recorded.check())
    drifts(recorded.bot).update(resolved_at=recorded.decision(7).bar, resolved_by=admin_user)
    assert store_result(recorded.bot, recorded.check()).drift != ""
    assert drifts(recorded.bot).count() == 1
    Trade.objects.filter(exit_reason="take_profit").update(exit_reason="stop_loss")
    store_result(recorded.bot, recorded.check())
    assert drifts(recorded.bot).count() == 2


def test_explained_differences_are_stored_without_an_incident():
    recorded = record(skips=frozenset({2}))
    stored = store_result(recorded.bot, recorded.check())
    assert (stored.differences, stored.unexplained, stored.drift) == (1, 0, "")
    assert stored.rows[0]["cause"] == stored.causes[0]["cause"] == "The tick came late or was missed"
    assert not drifts(recorded.bot).exists()


def test_only_the_newest_checks_stay_stored(recorded):
    for _ in range(MAX_STORED_CHECKS + 2):
        ParityCheck.objects.create(bot=recorded.bot)
    store_result(recorded.bot, recorded.check())
    assert ParityCheck.objects.filter(bot=recorded.bot).count() == MAX_STORED_CHECKS
    assert ParityCheck.objects.latest("checked_at").bars == 21


def test_the_nightly_round_takes_each_running_bot_once(answering, monkeypatch):
    rung = []
    monkeypatch.setattr(tasks.check_due_bots_task, "delay", lambda: rung.append(1))
    lifecycle.duplicate(answering.bot)  # stopped, nothing decided
    tasks.check_due_bots_task()
    assert (ParityCheck.objects.get().bot, len(rung)) == (answering.bot, 1)
    tasks.check_due_bots_task()
    assert (ParityCheck.objects.count(), len(rung)) == (1, 1)
    ParityCheck.objects.update(checked_at=timezone.now() - timedelta(hours=21))
    tasks.check_due_bots_task()
    assert (ParityCheck.objects.count(), len(rung)) == (2, 2)


def test_a_fault_in_one_check_is_stored_and_the_next_bot_is_checked(answering, monkeypatch):
    rung = []
    monkeypatch.setattr(tasks.check_due_bots_task, "delay", lambda: rung.append(1))
    monkeypatch.setattr("backtests.parity.store.check", lambda bot: 1 / 0)
    tasks.check_due_bots_task()
    assert (ParityCheck.objects.get().error, rung) == ("ZeroDivisionError: division by zero", [1])


def test_the_button_and_the_schedule_name_existing_tasks():
    assert tasks.check_parity_task.name == PARITY_TASK
    assert settings.CELERY_BEAT_SCHEDULE["parity"]["task"] == tasks.check_due_bots_task.name


def test_the_task_checks_its_bot_and_ignores_a_deleted_one(answering):
    tasks.check_parity_task(answering.bot.pk)
    tasks.check_parity_task(0)
    assert ParityCheck.objects.get().bars == 21
