"""What another worker, a person, the market or a dying server does in the middle of a run, moment by moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from celery.signals import worker_ready
from django.db import connection, connections, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bots import tasks
from bots.control import deletion, lifecycle, lost_orders
from bots.models import (
    Action,
    BotConfig,
    BotRun,
    BotState,
    Decision,
    Fill,
    Incident,
    Order,
    OrderState,
    Status,
    Trade,
)
from bots.pages import views
from bots.trading import leases
from bots.trading.assess import bars_needed
from bots.trading.tests.celery_site import empty_queue
from bots.trading.tests.stage import Stage
from bots.trading.tests.tables import BUY, lots
from core.sql import update
from exchange.api.errors import ExchangeUnavailable, OutcomeUnknown, RequestRejected
from exchange.api.types import OrderRequest, OrderType, Side
from exchange.paper.account.accounts import AccountTerms
from exchange.paper.models import PaperBalance, PaperOrder
from exchange.secrets import Secret
from tradingsite.celery import app

HELD = BUY + "100 101 100 100  enters at 100\n"
QUIET = "100 101 100 100\n"
SELLS = "100 100 96 96  closes under both lows: sells\n"
ENTER, EXIT_BAR = 2, 4  # the bars that are decided
NO_FEE = {"maker_fee_rate": Decimal(0), "taker_fee_rate": Decimal(0)}
Make = Callable[..., Stage]

pytestmark = pytest.mark.django_db


@pytest.fixture
def stage() -> Iterator[Make]:
    made: list[Stage] = []

    def make(table: str, **options: Any) -> Stage:
        made.append(Stage(table, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


# --- A run that is overtaken ------------------------------------------------------------------------------------------


def test_an_answer_that_comes_after_the_lease_was_lost_puts_its_order_back_in_doubt(stage):
    bot = stage(HELD + QUIET)

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


def test_a_run_that_was_overtaken_takes_no_protection_away(stage):
    bot = stage(HELD + SELLS + "98 98 98 98\n")
    bot.decide(ENTER)
    bot.decide(ENTER + 1)
    resting = bot.resting()
    # The exchange's clock is read right before the decision goes on record, then before the first cancel.
    bot.exchange.before["server_time_ms"] = lambda: bot.exchange.before.update(server_time_ms=bot.overtake)
    assert bot.decide(EXIT_BAR).outcome == BotRun.Outcome.SKIPPED
    assert resting == bot.resting() == [("LIMIT_MAKER", 5), ("STOP_LOSS", 5)]


def test_an_order_does_not_leave_once_its_process_has_slept(stage, monkeypatch):
    bot = stage(HELD + QUIET)

    def sleep() -> None:
        wall, monotonic = time.time, time.monotonic
        monkeypatch.setattr(time, "time", lambda: wall() + 11)
        monkeypatch.setattr(time, "monotonic", lambda: monotonic() + 11)

    bot.exchange.before["submit"] = sleep
    assert "too late" in bot.decide(ENTER).message
    assert (bot.orders(), bot.resting()) == ([("entry", "rejected")], [])
    assert bot.exchange.account().free("USDT") == 10_000


def test_a_step_of_our_clock_gives_no_order_up(stage, monkeypatch):
    bot = stage(HELD + QUIET)
    _lose_on_the_way(bot)
    assert bot.decide(ENTER).outcome == BotRun.Outcome.SKIPPED
    now = timezone.now() + timedelta(hours=1)
    monkeypatch.setattr(timezone, "now", lambda: now)
    assert bot.tick().outcome == BotRun.Outcome.SKIPPED
    assert bot.orders() == [("entry", "unknown")]


def _lose_on_the_way(bot: Stage) -> None:
    """Lose the next order on its way to the exchange."""

    def lose() -> None:
        raise OutcomeUnknown("the connection failed before an answer came")

    bot.exchange.before["submit"] = lose


def test_a_quiet_tick_costs_few_statements_and_reads_no_secret(stage):
    bot = stage("100 100 100 100\n" * 5)
    bot.decide(1)
    bot.clock.set(bot.open_of(3))
    with CaptureQueriesContext(connection) as asked:
        assert bot.tick().outcome == BotRun.Outcome.DECIDED
    statements = [query["sql"] for query in asked if "SAVEPOINT" not in query["sql"]]
    # Claim, bot; orders, newest trade; state, decision, state; the lease; the run log.
    assert len(statements) <= 9, statements
    assert not any("secret" in statement for statement in statements)


# --- Who holds a bot --------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_bot_is_free_the_moment_its_run_loses_its_connection(stage):
    bot = stage(HELD + QUIET)
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
def test_a_run_that_was_overtaken_gives_its_lock_back_and_leaves_the_others_lease(stage):
    bot = stage(HELD + QUIET)
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
def test_of_two_runs_that_find_a_dead_one_the_quicker_takes_its_bot_over(stage, monkeypatch):
    bot = stage(HELD + QUIET)
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
def test_a_claim_that_waited_for_a_person_works_with_what_that_one_saved(stage):
    bot = stage(HELD + QUIET)
    claimed: list[leases.Lease] = []

    def claim() -> None:
        claimed.append(leases.claim(bot.bot.pk))
        connection.close()

    run = threading.Thread(target=claim)
    with transaction.atomic():
        BotState.objects.select_for_update().get(bot=bot.bot)
        run.start()
        _wait_for_a_lock()
        BotConfig.objects.filter(pk=bot.bot.pk).update(initial_capital=2000)
        BotState.objects.filter(bot=bot.bot).update(quote=2000)
    run.join(10)
    assert (claimed[0].bot.initial_capital, claimed[0].bot.state.quote) == (2000, 2000)


@pytest.mark.django_db(transaction=True)
def test_a_claim_waits_for_what_a_run_is_writing_and_the_run_writes_no_more(stage):
    bot = stage(HELD + QUIET)
    held = leases.claim(bot.bot.pk)
    BotState.objects.update(lease_expires_at=timezone.now())  # it was silent for too long
    claimed: list[leases.Lease] = []

    def claim() -> None:
        claimed.append(leases.claim(bot.bot.pk))
        connection.close()

    other = threading.Thread(target=claim)
    with leases.locked_state(held) as state:
        other.start()
        _wait_for_a_lock()
        state.quote += 1
        update(state, "quote")
    other.join(10)
    assert claimed[0].bot.state.quote == state.quote
    with pytest.raises(leases.LeaseLost), leases.locked_state(held):
        pytest.fail("an overtaken run was let in")
    leases.release(held)


def _wait_for_a_lock() -> None:
    """Until another connection waits for a row of ours."""
    until = time.monotonic() + 10
    with connection.cursor() as cursor:
        waits = False
        while not waits and time.monotonic() < until:
            cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)")
            [waits] = cursor.fetchone()
    assert waits


@pytest.mark.django_db(transaction=True)
def test_a_lock_that_a_claim_left_on_a_living_connection_blocks_no_later_one(stage):
    bot = stage(HELD + QUIET)
    other = connections.create_connection("default")
    with other.cursor() as cursor:  # the claim was rolled back, its number never seen; the lock outlives that
        cursor.execute("SELECT pg_advisory_lock(%s::int, %s::int)", [bot.bot.pk, 1])
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '2s'")
    assert bot.decide(ENTER).outcome == BotRun.Outcome.DECIDED
    other.close()
    connection.close()
    bot.assert_books_agree()


@pytest.mark.django_db(transaction=True)
def test_a_bot_is_not_removed_in_the_middle_of_a_run(stage):
    bot = stage(HELD + QUIET)
    held = leases.claim(bot.bot.pk)
    assert held is not None
    with pytest.raises(lifecycle.ActionRefused, match="in the middle of a run"):
        deletion.remove(bot.bot)
    leases.release(held)
    deletion.remove(bot.bot)
    assert not BotConfig.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_database_that_goes_away_after_the_exchange_took_an_order_loses_nothing(stage):
    bot = stage(HELD + QUIET)
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


def test_a_position_without_its_stop_is_due_for_the_next_sweep(stage):
    bot = stage(HELD + QUIET)
    bot.exchange.before["submit_oco"] = _raise(RequestRejected("no room"))
    assert bot.decide(ENTER).outcome == BotRun.Outcome.DECIDED  # no failure, which would be reason enough
    assert (bot.trade().closed_at, tasks.bots_to_settle()) == (None, [bot.bot.pk])
    bot.tick()
    assert (len(bot.resting()), tasks.bots_to_settle()) == (2, [])


def test_a_position_whose_run_failed_is_due_for_the_next_sweep_until_a_person_is_told(stage):
    bot = stage(HELD + QUIET)
    bot.decide(ENTER)
    assert tasks.bots_to_settle() == []
    due = []
    for _ in range(4):
        bot.exchange.before["open_orders"] = _raise(RuntimeError("any bug"))
        assert bot.tick().outcome == BotRun.Outcome.FAILED
        due.append(bool(tasks.bots_to_settle()))
    assert due == [True, True, False, False]
    assert Incident.objects.filter(kind="ticks_failing", resolved_at=None).exists()


def test_what_the_exchange_refuses_again_and_again_is_tried_once_a_minute(stage):
    bot = stage(HELD + QUIET)
    bot.exchange.before["submit_oco"] = _raise(RequestRejected("Too many algo orders.", code=-2010))
    bot.decide(ENTER)
    due = []
    for _ in range(tasks.URGENT_TRIES):
        due.append(bool(tasks.bots_to_settle()))
        bot.exchange.before["submit_oco"] = _raise(RequestRejected("Too many algo orders.", code=-2010))
        bot.tick()
    assert due == [True] * (tasks.URGENT_TRIES - 1) + [False]
    BotState.objects.update(last_tick_at=timezone.now() - tasks.SETTLE_EVERY - timedelta(seconds=1))
    assert tasks.bots_to_settle() == [bot.bot.pk]
    bot.tick()
    assert len(bot.resting()) == 2


def _raise(error: Exception) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


# --- A second entry ---------------------------------------------------------------------------------------------------

BUYS_TWICE = BUY + "102 103 102 103  closes above both highs again\n 103 104 103 104  and again\n 104 104 104 104"


def test_no_second_entry_when_the_last_one_filled_after_the_next_bars_close(stage):
    bot = stage(BUYS_TWICE)
    bot.exchange.before["submit"] = lambda: bot.clock.set(bot.open_of(ENTER + 2))
    bot.decide(ENTER)
    assert bot.trade().opened_at > BotState.objects.get(bot=bot.bot).last_bar + timedelta(hours=2)
    assert bot.decide(ENTER + 1).outcome == BotRun.Outcome.DECIDED
    decided = Decision.objects.latest("bar")
    assert (decided.signal, decided.action, decided.reason) == (1, Action.HOLD, "already_long")
    assert len(bot.orders("entry")) == 1


def test_no_second_entry_while_the_last_one_is_at_work(stage):
    bot = stage(BUYS_TWICE)
    _lose_on_the_way(bot)
    bot.decide(ENTER)
    order = Order.objects.get()
    asked = OrderRequest("BTCUSDT", Side.BUY, OrderType.LIMIT, order.quantity, order.client_order_id, Decimal(90))
    bot.exchange.submit(asked)  # an exchange that is slow to execute: it rests
    assert bot.decide(ENTER + 1).outcome == BotRun.Outcome.DECIDED
    assert Decision.objects.latest("bar").action == Action.HOLD
    assert bot.orders("entry") == [("entry", "open")]


# --- A person in the middle of a run ----------------------------------------------------------------------------------


def test_a_stop_pressed_while_a_run_asks_for_prices_keeps_it_from_entering(stage):
    bot = stage(HELD + QUIET)
    bot.exchange.before["account"] = lambda: lifecycle.stop(bot.bot)
    assert bot.decide(ENTER).outcome == BotRun.Outcome.SETTLED
    assert (bot.orders(), Decision.objects.count()) == ([], 0)


@pytest.mark.parametrize("press", [lambda bot: lifecycle.pause(bot), lambda bot: lifecycle.set_kill_switch(True)])
def test_a_halt_pressed_while_a_run_asks_for_prices_keeps_it_from_entering(stage, press):
    bot = stage(HELD + QUIET)
    bot.exchange.before["account"] = lambda: press(bot.bot)
    bot.decide(ENTER)
    assert (bot.orders(), Decision.objects.get().reason) == ([], "halted")


def test_a_position_closed_by_hand_while_a_run_protects_it_is_sold_by_the_next(stage):
    bot = stage(HELD + QUIET)
    bot.exchange.before["submit_oco"] = lambda: lifecycle.request_close(bot.bot)
    bot.decide(ENTER)
    assert bot.trade().closed_at is None
    assert tasks.bots_to_settle() == [bot.bot.pk]
    lifecycle.stop(bot.bot)
    bot.tick()
    assert (bot.trade().exit_reason, bot.trade().exit_price, bot.resting()) == ("manual", 100, [])
    assert tasks.bots_to_settle() == []
    bot.assert_books_agree()


def test_closing_by_hand_is_refused_where_nothing_is_held(stage):
    with pytest.raises(lifecycle.ActionRefused, match="holds no position"):
        lifecycle.request_close(stage(HELD).bot)


def test_a_sale_that_the_exchange_refuses_stays_wanted_until_it_goes_out(stage):
    bot = stage(HELD + SELLS + "98 98 98 98\n 98 98 98 98")
    bot.decide(ENTER)
    bot.decide(ENTER + 1)
    bot.exchange.before["submit"] = _raise(RequestRejected("Market is closed.", code=-2010))
    bot.decide(EXIT_BAR)
    assert (bot.trade().closed_at, bot.trade().exit_requested) == (None, "signal")
    assert Incident.objects.filter(kind="exit_refused", resolved_at=None).exists()
    assert tasks.bots_to_settle() == [bot.bot.pk]
    bot.tick()
    assert (bot.trade().exit_price, bot.trade().exit_reason) == (98, "signal")
    assert not Incident.objects.filter(kind="exit_refused", resolved_at=None).exists()
    bot.assert_books_agree()


@pytest.mark.parametrize(
    ("change", "stop", "rests"),
    [
        ({"stop_loss": Decimal("0.02")}, Decimal(98), [("LIMIT_MAKER", 5), ("STOP_LOSS", 5)]),
        ({"stop_loss": Decimal("0.2")}, Decimal(95), [("LIMIT_MAKER", 5), ("STOP_LOSS", 5)]),  # never moves down
        ({"take_profit": None}, Decimal(95), [("STOP_LOSS", 5)]),
        ({"stop_loss": None, "take_profit": None}, None, []),
    ],
)
def test_exits_changed_while_a_position_is_entered_hold_from_the_next_run_on(stage, change, stop, rests):
    bot = stage(HELD + QUIET)
    bot.exchange.after["submit"] = lambda: BotConfig.objects.update(**change)
    bot.decide(ENTER)
    assert (bot.trade().stop_price, bot.resting()) == (95, [("LIMIT_MAKER", 5), ("STOP_LOSS", 5)])
    bot.tick()
    assert (bot.trade().stop_price, bot.resting()) == (stop, rests)
    assert tasks.bots_to_settle() == []


def test_a_key_that_is_revoked_stops_the_bot_with_an_incident_until_it_works_again(stage):
    bot = stage(HELD + SELLS + "98 98 98 98\n")
    bot.decide(ENTER)
    client = bot.client
    secret = client.API_SECRET
    client.API_SECRET = Secret("revoked-revoked")
    assert bot.decide(ENTER + 1).outcome == BotRun.Outcome.FAILED
    assert Incident.objects.filter(kind="credentials_refused", resolved_at=None).exists()
    client.API_SECRET = secret
    bot.decide(EXIT_BAR)
    assert not Incident.objects.filter(kind="credentials_refused", resolved_at=None).exists()
    assert (bot.trade().exit_price, bot.trade().exit_reason) == (98, "signal")
    bot.assert_books_agree()


# --- The market in the middle of a run --------------------------------------------------------------------------------


def test_a_target_that_fills_while_it_is_cancelled_is_the_only_sale(stage):
    bot = stage(HELD + SELLS + "98 111 98 100\n 100 100 100 100")
    bot.decide(ENTER)
    bot.decide(ENTER + 1)
    bot.exchange.before["cancel"] = lambda: bot.clock.set(bot.open_of(EXIT_BAR + 2))
    bot.decide(EXIT_BAR)
    assert (bot.trade().exit_price, bot.trade().exit_reason) == (110, "take_profit")
    assert (bot.orders("exit"), bot.resting()) == ([], [])
    bot.assert_books_agree()


def test_a_cancel_whose_answer_was_lost_is_looked_up_and_the_exit_goes_out_at_once(stage):
    bot = stage(HELD + SELLS + "98 98 98 98\n")
    bot.decide(ENTER)
    bot.decide(ENTER + 1)
    bot.exchange.after["cancel"] = _raise(OutcomeUnknown("the connection failed before an answer came"))
    assert bot.decide(EXIT_BAR).outcome == BotRun.Outcome.DECIDED
    assert (bot.trade().exit_price, bot.trade().exit_reason, bot.resting()) == (98, "signal", [])
    bot.assert_books_agree()


def test_a_cancel_that_never_arrived_leaves_one_seller(stage):
    bot = stage(HELD + SELLS + "98 98 98 98\n 98 98 98 98")
    bot.decide(ENTER)
    bot.decide(ENTER + 1)
    lost = _raise(OutcomeUnknown("the connection failed before an answer came"))
    bot.exchange.before["cancel"] = lambda: (bot.exchange.before.update(cancel=lost), lost())
    assert bot.decide(EXIT_BAR).outcome == BotRun.Outcome.FAILED
    assert (bot.orders("exit"), len(bot.resting())) == ([], 2)
    bot.tick()
    assert (bot.trade().exit_price, bot.trade().exit_reason, bot.resting()) == (98, "signal", [])
    bot.assert_books_agree()


def test_a_person_ends_the_wait_for_orders_that_the_exchange_has_forgotten(stage):
    bot = stage(HELD + QUIET * 2, stop_loss="0.05", take_profit="0.2")
    bot.decide(ENTER)
    PaperOrder.objects.filter(account=bot.account, side="SELL").delete()  # as a wiped testnet does
    PaperBalance.objects.filter(account=bot.account).update(free=F("free") + F("locked"), locked=0)
    waits = bot.decide(ENTER + 1)
    assert "does not know" in waits.message
    with pytest.raises(lifecycle.ActionRefused, match="Give a reason"):
        lost_orders.abandon(bot.bot, bot.context(), by="op", reason=" ")
    gone = lost_orders.abandon(bot.bot, bot.context(), by="op", reason="testnet wiped")
    assert {order.purpose for order in gone} == {"stop", "target"}
    assert set(Order.objects.filter(pk__in=[order.pk for order in gone]).values_list("state", "error")) == {
        ("canceled", "Marked as lost by op: testnet wiped")
    }
    bot.decide(ENTER + 2)
    assert Order.objects.filter(bot=bot.bot, side="SELL", state="open").count() == 2  # protected anew
    assert lost_orders.abandon(bot.bot, bot.context(), by="op", reason="again") == []


def test_a_page_shows_forgotten_orders_and_ends_the_wait_for_them(stage, admin_client, monkeypatch):
    bot = stage(HELD + QUIET * 2, stop_loss="0.05", take_profit="0.2")
    monkeypatch.setattr(views, "open_context", lambda _: bot.context())
    page = reverse("admin:bots_botconfig_abandon_orders", args=[bot.bot.pk])
    bot.decide(ENTER)
    assert "knows every open order" in admin_client.get(page).content.decode()
    PaperOrder.objects.filter(account=bot.account, side="SELL").delete()
    PaperBalance.objects.filter(account=bot.account).update(free=F("free") + F("locked"), locked=0)
    bot.decide(ENTER + 1)
    live = admin_client.get(reverse("admin:bots_botconfig_live", args=[bot.bot.pk])).content.decode()
    assert f'href="{page}"' in live
    assert "Mark 2 orders as lost" in admin_client.get(page).content.decode()
    refused = admin_client.post(page, {"reason": " "}).content.decode()
    assert "Give a reason why these orders are lost" in refused
    assert Order.objects.filter(side="SELL", state="open").count() == 2
    assert admin_client.post(page, {"reason": "wiped"}).status_code == 302
    assert Order.objects.filter(side="SELL", state="canceled", error="Marked as lost by admin: wiped").count() == 2
    assert Incident.objects.get(kind="order_in_doubt").resolution == "Marked as lost by admin: wiped"


def test_a_stop_with_a_limit_that_is_left_behind_is_sold_at_market(stage):
    bot = stage(HELD + "90 91 89 90  opens far under stop and limit\n 90 90 90 90\n", take_profit="none")
    no_stop_market = {"order_types": frozenset({"LIMIT", "MARKET", "STOP_LOSS_LIMIT"})}
    bot.decide(ENTER, **no_stop_market)
    assert bot.resting() == [("STOP_LOSS_LIMIT", 5)]
    assert Order.objects.get(purpose="stop").limit_price == Decimal("94.52")  # 95 less half a percent, to the tick
    bot.decide(ENTER + 1, **no_stop_market)
    assert (bot.trade().exit_price, bot.trade().exit_reason, bot.resting()) == (90, "stop_loss", [])
    bot.assert_books_agree()


# A bar's volume of 1000 and these shares of it let 3 and 1 of an order of 5 through.


@pytest.mark.parametrize("share", ["0.003", "0.001"])
def test_what_fills_in_part_is_booked_and_protected_in_part_and_sold_whole(stage, share):
    terms = AccountTerms(volume_share=Decimal(share), **NO_FEE)
    bot = stage(HELD + SELLS + "98 98 98 98\n" * 6, terms=terms)
    bot.decide(ENTER)
    bought = bot.trade().quantity
    assert bought == 1000 * Decimal(share)
    assert bot.resting() == [("LIMIT_MAKER", bought), ("STOP_LOSS", bought)]
    bot.decide(ENTER + 1)
    BotState.objects.filter(bot=bot.bot).update(status=Status.PAUSED)
    bot.decide(EXIT_BAR)
    assert (bot.trade().closed_at is not None, bot.resting()) == (True, [])
    bot.assert_books_agree()


def test_an_exit_that_fills_in_part_is_carried_on_by_the_next_runs(stage):
    terms = AccountTerms(volume_share=Decimal("0.005"), **NO_FEE)
    bot = stage(HELD + SELLS + "98 98 98 98\n" * 4, terms=terms)
    bot.decide(ENTER)
    bot.decide(ENTER + 1)
    bot.account.volume_share = Decimal("0.002")
    bot.account.save()
    for bar in range(EXIT_BAR, EXIT_BAR + 3):
        bot.decide(bar)
        bot.assert_books_agree()
        assert bot.resting() == []
    assert [fill.quantity for fill in Fill.objects.filter(side="SELL").order_by("pk")] == [2, 2, 1]
    assert (bot.trade().exit_price, bot.trade().exit_reason, bot.trade().net_pnl) == (98, "signal", -10)


def test_a_target_that_fills_bar_by_bar_is_booked_fill_by_fill(stage):
    terms = AccountTerms(volume_share=Decimal("0.005"), **NO_FEE)
    bot = stage(HELD + "100 111 100 100  reaches the target\n" * 3 + QUIET, terms=terms, stop_loss="none")
    bot.decide(ENTER)
    bot.account.volume_share = Decimal("0.002")
    bot.account.save()
    for bar, left in ((ENTER + 1, 5), (ENTER + 2, 3), (ENTER + 3, 1)):
        assert bot.decide(bar).outcome == BotRun.Outcome.DECIDED
        bot.assert_books_agree()
        assert bot.resting() == [("LIMIT_MAKER", 5)]
        assert BotState.objects.get(bot=bot.bot).base == left
    bot.decide(ENTER + 4)
    assert [fill.quantity for fill in Fill.objects.filter(side="SELL").order_by("pk")] == [2, 2, 1]
    assert (bot.orders("target"), bot.trade().net_pnl) == ([("target", OrderState.FILLED)], 50)
    bot.assert_books_agree()


def test_a_part_that_fills_between_two_answers_of_a_settling_is_booked_once(stage):
    bot = stage(HELD + "100 111 100 100  reaches the target\n" * 5, stop_loss="none")
    bot.decide(ENTER)
    bot.account.volume_share = Decimal("0.002")
    bot.account.save()
    bot.decide(ENTER + 1)
    # The second part fills after the exchange has listed the order with its first, and before it lists the fills.
    bot.exchange.after["open_orders"] = lambda: bot.clock.set(bot.open_of(ENTER + 4))
    for bar, sold in ((ENTER + 2, 2), (ENTER + 3, 2), (ENTER + 4, 3)):
        bot.decide(bar)
        assert Fill.objects.filter(side="SELL").count() == sold
        bot.assert_books_agree()
    assert (bot.trade().exit_price, bot.trade().exit_reason, bot.trade().net_pnl) == (110, "take_profit", 50)


def test_protection_that_covers_only_a_part_of_what_is_held_is_placed_anew(stage):
    bot = stage(HELD + QUIET)
    bot.decide(ENTER)
    Order.objects.filter(purpose__in=("stop", "target")).update(quantity=Decimal(4))
    bot.tick()
    assert bot.resting() == [("LIMIT_MAKER", 5), ("STOP_LOSS", 5)]
    assert len(bot.orders("stop")) == 2


# --- Facts that are hard to come by -----------------------------------------------------------------------------------


def test_a_cooldown_longer_than_the_warm_up_is_counted_to_its_end(stage):
    quiet = "95 95 95 95\n" * 8
    bot = stage(HELD + "100 100 94 95  stopped\n" + quiet + "95 97 95 97  buys\n97 97 97 97", cooldown_bars=30)
    assert bars_needed(bot.bot) == 32
    for bar in range(ENTER, 14):
        bot.decide(bar) if bar + 1 < len(bot.klines) else None
    refused = Decision.objects.filter(signal=1).latest("bar")
    assert (refused.action, refused.reason) == (Action.REFUSED, "cooldown")
    assert len(bot.orders("entry")) == 1


def test_orders_of_strangers_take_the_room_that_a_stop_needs(stage):
    info = lots()
    info["filters"] = [entry for entry in info["filters"] if entry["filterType"] != "MAX_NUM_ALGO_ORDERS"]
    info["filters"].append({"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 2})
    bot = stage(HELD + QUIET, info=info)
    bot.clock.set(bot.open_of(0))
    bot.exchange.submit(OrderRequest("BTCUSDT", Side.BUY, OrderType.MARKET, Decimal(2), "by-hand"))
    for name in ("by-hand-1", "by-hand-2"):
        asked = OrderRequest("BTCUSDT", Side.SELL, OrderType.STOP_LOSS, Decimal(1), name, stop_price=Decimal(50))
        bot.exchange.submit(asked)
    bot.decide(ENTER)
    assert (Decision.objects.get().reason, bot.orders()) == ("order_limit", [])


def test_a_commission_in_an_asset_without_a_price_is_booked_all_the_same(stage):
    terms = AccountTerms(maker_fee_rate=Decimal(0), taker_fee_rate=Decimal("0.001"), pays_fees_in_bnb=True)
    bot = stage(HELD + QUIET, terms=terms)
    bot.exchange.after["submit"] = lambda: bot.exchange.before.update(book_ticker=_raise(ExchangeUnavailable("away")))
    assert bot.decide(ENTER).outcome == BotRun.Outcome.DECIDED
    fill = Fill.objects.get()
    assert (fill.commission_asset, fill.fee_quote, fill.commission > 0) == ("BNB", 0, True)
    assert BotState.objects.get(bot=bot.bot).base == fill.quantity
    assert bot.resting() == [("LIMIT_MAKER", fill.quantity), ("STOP_LOSS", fill.quantity)]
    bot.assert_books_agree()
    assert Trade.objects.get().fees == 0


def test_a_worker_that_starts_rings_for_what_a_dead_one_left(redis_url):
    empty_queue()
    worker_ready.send(sender="a worker")
    with app.connection_or_acquire() as broker:
        message = broker.default_channel.basic_get(app.conf.task_default_queue, no_ack=True)
    assert message is not None
    assert message.headers["task"] == "bots.tasks.sweep_task"


# --- An entry that the exchange refuses -------------------------------------------------------------------------------


def test_money_that_is_spent_while_an_entry_goes_out_makes_the_bot_wait_for_its_next_signal(stage):
    bot = stage(HELD + "100 103 100 103  buys again\n" + QUIET)
    bot.exchange.before["submit"] = lambda: bot.exchange.submit(
        OrderRequest("BTCUSDT", Side.BUY, OrderType.MARKET, Decimal(99), "by-hand")
    )
    assert bot.decide(ENTER).outcome == BotRun.Outcome.DECIDED
    decision = Decision.objects.get()
    assert (decision.action, decision.reason) == (Action.REFUSED, "insufficient_balance")
    assert bot.orders() == [("entry", OrderState.REJECTED)]
    assert BotState.objects.get(bot=bot.bot).failures == 0

    bot.exchange.submit(OrderRequest("BTCUSDT", Side.SELL, OrderType.MARKET, Decimal(99), "by-hand-too"))
    assert bot.decide(ENTER + 1).outcome == BotRun.Outcome.DECIDED
    assert bot.decide(ENTER + 2).outcome == BotRun.Outcome.DECIDED
    assert bot.trade().closed_at is None
    bot.assert_books_agree()


def test_an_entry_that_the_exchange_refuses_is_an_incident_and_the_bot_goes_on(stage):
    bot = stage(HELD + "100 103 100 103  buys again\n" + QUIET, position_size_fixed="500.05")
    finer_than_it_is = {"step_size": Decimal("0.0001")}  # the symbol's rules changed since they were read
    assert bot.decide(ENTER, **finer_than_it_is).outcome == BotRun.Outcome.DECIDED
    assert (Decision.objects.get().reason, bot.orders()) == ("order_refused", [("entry", OrderState.REJECTED)])
    incident = Incident.objects.get()
    assert (incident.kind, "LOT_SIZE" in incident.cause) == ("entry_refused", True)

    bot.decide(ENTER + 1)
    bot.decide(ENTER + 2)
    assert bot.trade().closed_at is None
