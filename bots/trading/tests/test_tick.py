"""One tick: what it costs and how it is logged."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bots.models import (
    BotRun,
)

pytestmark = pytest.mark.django_db


def test_a_quiet_tick_costs_few_statements_and_reads_no_secret(make_stage):
    bot = make_stage("100 100 100 100\n" * 5)
    bot.decide(1)
    bot.clock.set(bot.open_of(3))
    with CaptureQueriesContext(connection) as asked:
        assert bot.tick().outcome == BotRun.Outcome.DECIDED
    statements = [query["sql"] for query in asked if "SAVEPOINT" not in query["sql"]]
    # Claim, bot; orders, newest trade; state, decision, state; the lease; the run log.
    assert len(statements) <= 9, statements
    assert not any("secret" in statement for statement in statements)
