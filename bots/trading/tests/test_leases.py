"""Leases: one run of a bot at a time, and no write by a run that lost its lease."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bots import tasks
from bots.models import (
    BotConfig,
    BotRun,
    BotState,
)
from bots.trading import leases
from bots.trading.tests.stage import wait_for_a_lock
from bots.trading.tests.tables import ENTER, HELD, QUIET
from core.sql import update

pytestmark = pytest.mark.django_db


@pytest.mark.django_db(transaction=True)
def test_a_bot_is_free_the_moment_its_run_loses_its_connection(make_stage):
    bot = make_stage(HELD + QUIET)
    ours = leases.claim(bot.bot.pk)
    assert ours is not None
    assert leases.claim(bot.bot.pk) is None
    assert tasks.bots_to_settle() == []
    connection.close()  # as a killed process does
    assert tasks.bots_to_settle() == [bot.bot.pk]
    theirs = leases.claim(bot.bot.pk)
    assert theirs is not None
    with pytest.raises(leases.LeaseLost), leases.locked_state(ours):
        pass
    leases.release(ours)  # late, and of no effect
    assert leases.claim(bot.bot.pk) is None
    leases.release(theirs)
    assert tasks.bots_to_settle() == []


@pytest.mark.django_db(transaction=True)
def test_an_overtaken_run_gives_its_lock_back_and_leaves_the_others_lease(make_stage):
    bot = make_stage(HELD + QUIET)
    ours = leases.claim(bot.bot.pk)
    theirs = bot.overtake()
    leases.release(ours, failures=7)
    assert leases._living_runs() == {(bot.bot.pk, theirs.run_number)}
    state = BotState.objects.get(bot=bot.bot)
    assert (state.lease_expires_at is None, state.failures) == (False, 0)
    leases.release(theirs, failures=7)
    assert leases._living_runs() == set()
    state.refresh_from_db()
    assert (state.lease_expires_at, state.failures) == (None, 7)


@pytest.mark.django_db(transaction=True)
def test_of_two_runs_that_find_a_dead_one_the_quicker_takes_its_bot_over(make_stage, monkeypatch):
    bot = make_stage(HELD + QUIET)
    assert leases.claim(bot.bot.pk) is not None
    connection.close()  # as a killed process does
    living, quicker = leases._living_runs, []

    def look_and_be_overtaken() -> object:
        monkeypatch.setattr(leases, "_living_runs", living)
        seen = living()
        quicker.append(leases.claim(bot.bot.pk))
        return seen

    monkeypatch.setattr(leases, "_living_runs", look_and_be_overtaken)
    assert leases.claim(bot.bot.pk) is None
    assert quicker[0] is not None
    leases.release(quicker[0])


@pytest.mark.django_db(transaction=True)
def test_a_claim_that_waited_for_a_change_works_with_it(make_stage):
    bot = make_stage(HELD + QUIET)
    claimed: list[leases.Lease] = []

    def claim() -> None:
        claimed.append(leases.claim(bot.bot.pk))
        connection.close()

    run = threading.Thread(target=claim)
    with transaction.atomic():
        BotState.objects.select_for_update().get(bot=bot.bot)
        run.start()
        wait_for_a_lock()
        BotConfig.objects.filter(pk=bot.bot.pk).update(initial_capital=2000)
        BotState.objects.filter(bot=bot.bot).update(quote=2000)
    run.join(10)
    assert (claimed[0].bot.initial_capital, claimed[0].bot.state.quote) == (2000, 2000)


@pytest.mark.django_db(transaction=True)
def test_a_claim_waits_for_a_write_after_which_the_run_writes_no_more(make_stage):
    bot = make_stage(HELD + QUIET)
    lease = leases.claim(bot.bot.pk)
    BotState.objects.update(lease_expires_at=timezone.now())  # it was silent for too long
    claimed: list[leases.Lease] = []

    def claim() -> None:
        claimed.append(leases.claim(bot.bot.pk))
        connection.close()

    other = threading.Thread(target=claim)
    with leases.locked_state(lease) as state:
        other.start()
        wait_for_a_lock()
        state.quote += 1
        update(state, "quote")
    other.join(10)
    assert claimed[0].bot.state.quote == state.quote
    with pytest.raises(leases.LeaseLost), leases.locked_state(lease):
        pytest.fail("an overtaken run was let in")
    leases.release(lease)


@pytest.mark.django_db(transaction=True)
def test_a_lock_left_by_a_rolled_back_claim_blocks_no_later_one(make_stage):
    bot = make_stage(HELD + QUIET)
    other = connections.create_connection("default")
    with other.cursor() as cursor:  # the claim was rolled back, its number never seen; the lock outlives that
        cursor.execute("SELECT pg_advisory_lock(%s::int, %s::int)", [bot.bot.pk, 1])
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '2s'")
    assert bot.decide(ENTER).outcome == BotRun.Outcome.DECIDED
    other.close()
    connection.close()
    bot.assert_books_agree()


def test_the_state_is_locked_by_a_select_for_update(make_stage):
    lease = leases.claim(make_stage(HELD + QUIET).bot.pk)
    with CaptureQueriesContext(connection) as queries, leases.locked_state(lease):
        pass
    assert any(query["sql"].endswith("FOR UPDATE") for query in queries)


def test_a_run_of_a_deleted_bot_changes_nothing(make_stage):
    bot = make_stage(HELD + QUIET)
    lease = leases.claim(bot.bot.pk)
    BotState.objects.filter(bot=bot.bot).delete()
    with pytest.raises(leases.LeaseLost, match="deleted"), leases.locked_state(lease):
        pass
