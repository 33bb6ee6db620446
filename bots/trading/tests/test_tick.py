"""One tick: what it costs and how it is logged."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bots.models import (
    BotRun,
    BotState,
    Incident,
)
from bots.trading import leases
from bots.trading.tests.stage import raising
from bots.trading.tests.tables import ENTER, HELD, QUIET
from exchange.api.errors import RateLimited

pytestmark = pytest.mark.django_db


def test_a_quiet_tick_costs_few_statements_and_reads_no_secret(make_stage):
    bot = make_stage("100 100 100 100\n" * 5)
    bot.decide(1)
    bot.clock.set(bot.open_of(3))
    with CaptureQueriesContext(connection) as queries:
        assert bot.tick().outcome == BotRun.Outcome.DECIDED
    statements = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
    # Claim, bot; orders, newest trade; state, decision, state; the lease; the run log.
    assert len(statements) <= 9, statements
    assert not any("secret" in statement for statement in statements)


def test_a_tick_is_skipped_while_another_run_has_the_lease(make_stage):
    bot = make_stage(HELD + QUIET)
    assert leases.claim(bot.bot.pk) is not None
    assert bot.decide(ENTER).outcome == BotRun.Outcome.SKIPPED


def test_a_decision_is_logged_with_its_bar(make_stage):
    bot = make_stage(HELD + QUIET)
    assert bot.decide(ENTER).message == "2023-11-15 02:00 enter"
    assert BotRun.objects.get().message == "2023-11-15 02:00 enter"


def test_a_tick_in_which_nothing_happens_is_not_logged(make_stage):
    bot = make_stage(HELD + QUIET)
    bot.decide(ENTER)
    bot.tick()
    assert BotRun.objects.count() == 1


def test_any_exception_is_a_failed_tick(make_stage):
    bot = make_stage(HELD + QUIET)
    bot.exchange.before["account"] = raising(RuntimeError("any bug"))
    assert bot.decide(ENTER).message == "RuntimeError: any bug"
    assert BotState.objects.get(bot=bot.bot).last_error == "RuntimeError: any bug"


def test_a_failed_tick_gives_the_lease_back(make_stage):
    bot = make_stage(HELD + QUIET)
    bot.exchange.before["account"] = raising(RuntimeError("any bug"))
    bot.decide(ENTER)
    assert BotState.objects.get(bot=bot.bot).lease_expires_at is None


@pytest.mark.parametrize(("failures", "incidents"), [(2, 0), (3, 1)])
def test_three_failed_ticks_in_a_row_are_an_incident(make_stage, failures, incidents):
    bot = make_stage(HELD + QUIET)
    bot.clock.set(bot.open_of(ENTER + 1))
    for _ in range(failures):
        bot.exchange.before["account"] = raising(RuntimeError("any bug"))
        bot.tick()
    assert Incident.objects.filter(kind="ticks_failing").count() == incidents


def test_a_tick_that_succeeds_ends_the_row_of_failures(make_stage):
    bot = make_stage(HELD + QUIET)
    bot.exchange.before["account"] = raising(RuntimeError("any bug"))
    bot.decide(ENTER)
    bot.tick()
    assert BotState.objects.get(bot=bot.bot).failures == 0


def test_a_rate_limit_is_waited_for(make_stage):
    bot = make_stage(HELD + QUIET)
    bot.exchange.before["account"] = raising(RateLimited("slow down", retry_after_s=7))
    assert bot.decide(ENTER).message == "The exchange asks to wait 7 s."
