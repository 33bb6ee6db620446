"""Runs that lose their lease, their time or their database in the middle of a tick."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.utils import timezone

from bots import tasks
from bots.models import (
    BotRun,
    Fill,
    Order,
    OrderState,
)
from bots.trading import leases
from bots.trading.tests.stage import lose_next_order
from bots.trading.tests.tables import ENTER, EXIT_BAR, HELD, QUIET, SELLS

pytestmark = pytest.mark.django_db


def test_an_answer_after_the_lease_was_lost_puts_its_order_back_in_doubt(make_stage):
    bot = make_stage(HELD + QUIET)

    def overtake() -> None:
        leases.release(bot.overtake())
        Order.objects.filter(bot=bot.bot).update(state=OrderState.REJECTED)  # the other run had given it up

    bot.exchange.after["submit"] = overtake
    assert bot.decide(ENTER).outcome == BotRun.Outcome.SKIPPED
    assert bot.orders() == [("entry", "unknown")]
    assert not Fill.objects.exists()
    assert bot.tick().outcome == BotRun.Outcome.SETTLED
    assert (bot.trade().entry_price, bot.resting()) == (100, [("LIMIT_MAKER", 5), ("STOP_LOSS", 5)])
    bot.assert_books_agree()


def test_a_run_that_was_overtaken_takes_no_protection_away(make_stage):
    bot = make_stage(HELD + SELLS + "98 98 98 98\n")
    bot.decide(ENTER)
    bot.decide(ENTER + 1)
    resting = bot.resting()
    # The exchange's clock is read right before the decision goes on record, then before the first cancel.
    bot.exchange.before["server_time_ms"] = lambda: bot.exchange.before.update(server_time_ms=bot.overtake)
    assert bot.decide(EXIT_BAR).outcome == BotRun.Outcome.SKIPPED
    assert resting == bot.resting() == [("LIMIT_MAKER", 5), ("STOP_LOSS", 5)]


def test_an_order_does_not_leave_once_its_process_has_slept(make_stage, monkeypatch):
    bot = make_stage(HELD + QUIET)

    def sleep() -> None:
        wall, monotonic = time.time, time.monotonic
        monkeypatch.setattr(time, "time", lambda: wall() + 11)
        monkeypatch.setattr(time, "monotonic", lambda: monotonic() + 11)

    bot.exchange.before["submit"] = sleep
    assert "too late" in bot.decide(ENTER).message
    assert (bot.orders(), bot.resting()) == ([("entry", "rejected")], [])
    assert bot.exchange.account().free("USDT") == 10_000


def test_a_step_of_our_clock_gives_no_order_up(make_stage, monkeypatch):
    bot = make_stage(HELD + QUIET)
    lose_next_order(bot)
    assert bot.decide(ENTER).outcome == BotRun.Outcome.SKIPPED
    now = timezone.now() + timedelta(hours=1)
    monkeypatch.setattr(timezone, "now", lambda: now)
    assert bot.tick().outcome == BotRun.Outcome.SKIPPED
    assert bot.orders() == [("entry", "unknown")]


@pytest.mark.django_db(transaction=True)
def test_a_database_lost_after_the_exchange_took_an_order_loses_nothing(make_stage):
    bot = make_stage(HELD + QUIET)
    bot.clock.set(bot.open_of(ENTER + 1))

    def cut_off() -> None:
        other = connections.create_connection("default")
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pid = cursor.fetchone()[0]
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        other.close()

    bot.exchange.after["submit"] = cut_off
    assert bot.tick().outcome == BotRun.Outcome.FAILED
    assert bot.orders() == [("entry", "created")]
    assert tasks.bots_to_settle() == [bot.bot.pk]
    assert bot.tick().outcome == BotRun.Outcome.SETTLED
    assert (len(Fill.objects.all()), bot.resting()) == (1, [("LIMIT_MAKER", 5), ("STOP_LOSS", 5)])
    bot.assert_books_agree()
