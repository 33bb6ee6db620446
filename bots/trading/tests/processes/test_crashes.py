"""No order is lost or doubled, whatever dies: workers killed, and answers lost, at the worst moment.

The paper exchange is another process. A wire between client and exchange waits for the exchange's answer to the order,
and then kills the worker, or cuts the connection, instead of passing the answer on.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.db.models import F

from bots import tasks
from bots.control import lifecycle
from bots.models import (
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
from bots.trading import leases
from bots.trading.leases import LEASE
from bots.trading.orders import stem
from bots.trading.reconcile import PATIENCE
from bots.trading.tests.processes import worker
from bots.trading.tests.processes.celery_site import celery_workers, empty_queue
from bots.trading.tests.processes.paper_process import (
    BUYS,
    CYCLE,
    FIRST_MS,
    HOUR_MS,
    KEY,
    SECRET,
    SELLS,
    Nest,
    PaperProcess,
    Strike,
    Wire,
    paper_exchange,
    wire_to,
)
from bots.trading.tick import TickResult
from exchange.models import ApiKey, Venue

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.timeout(600)]

ORDER, LIST = "/api/v3/order", "/api/v3/orderList/oco"
# Where a blow falls: the bar that is decided, and the request that the exchange has just accepted.
MOMENTS = [
    pytest.param(BUYS, ORDER, id="entry"),
    pytest.param(BUYS, LIST, id="resting OCO"),
    pytest.param(SELLS, ORDER, id="exit"),
]
_cycles = count()


@dataclass
class Stage:
    """One bot on the exchange process, in a stretch of market of its own."""

    paper: PaperProcess
    nest: Nest
    wire: Wire
    bot: BotConfig
    cycle: int

    def go_to(self, decided: int) -> int:
        """Move the market to where that bar of the cycle has just closed; give the time."""
        now_ms = FIRST_MS + (self.cycle * len(CYCLE) + decided + 1) * HOUR_MS + 1
        self.paper.set_clock(now_ms)
        return now_ms

    def tick(self, decided: int) -> TickResult:
        """Run a tick in this process."""
        return worker.tick(self.bot.pk, self.go_to(decided))

    def kill_worker_at(self, decided: int, method: str, path: str, *, forwarded: bool = True) -> None:
        """Run a worker, and SIGKILL it when its request `path` has been accepted, or (not `forwarded`) is under way."""
        self.wire.strike = Strike(method, path, forwarded, self.nest.kill_worker)
        assert self.nest.tick(self.bot.pk, self.go_to(decided), self.wire.url) == -signal.SIGKILL
        assert self.wire.struck.wait(10)

    def lose_patience(self) -> None:
        """As a minute later."""
        Order.objects.filter(bot=self.bot).update(sent_at=F("sent_at") - PATIENCE)

    def theirs(self, path: str) -> list[dict[str, Any]]:
        """Orders of this bot as the exchange has them."""
        mine = stem(self.bot, self.bot.created_at).rsplit("-", 2)[0] + "-"
        return [row for row in self.paper.ask(path, symbol="BTCUSDT") if row["clientOrderId"].startswith(mine)]

    def accepted(self, side: str) -> int:
        """How many market orders of a side the exchange has ever taken from this bot."""
        return sum(row["side"] == side and row["type"] == "MARKET" for row in self.theirs("allOrders"))

    def assert_books_agree(self) -> None:
        """Our fills are the exchange's, one for one, and the ledger is their sum."""
        ids = {row["orderId"] for row in self.theirs("allOrders")}
        trades = [row for row in self.paper.ask("myTrades", symbol="BTCUSDT", limit=1000) if row["orderId"] in ids]
        fills = Fill.objects.filter(bot=self.bot)
        assert sorted(fill.exchange_trade_id for fill in fills) == sorted(row["id"] for row in trades)
        base = quote = Decimal(0)
        for row in trades:
            sign = 1 if row["isBuyer"] else -1
            base += sign * Decimal(row["qty"]) - (Decimal(row["commission"]) if row["isBuyer"] else 0)
            quote -= sign * Decimal(row["quoteQty"]) + (0 if row["isBuyer"] else Decimal(row["commission"]))
        state = BotState.objects.get(bot=self.bot)
        assert (state.base, state.quote) == (base, 1000 + quote)
        assert not Order.objects.filter(bot=self.bot, state__in=(OrderState.CREATED, OrderState.UNKNOWN)).exists()

    def assert_nothing_unknown_or_doubled(self) -> None:
        """Every order there is on record here, purchases and sales take turns, and what is held has its one seller."""
        theirs = {row["orderId"]: row for row in self.theirs("allOrders")}
        ours = set(Order.objects.filter(bot=self.bot).values_list("client_order_id", flat=True))
        assert {row["clientOrderId"] for row in theirs.values()} <= ours
        filled = [row["side"] for _, row in sorted(theirs.items()) if Decimal(row["executedQty"])]
        assert filled == ["BUY", "SELL"] * (len(filled) // 2) + ["BUY"] * (len(filled) % 2)
        bot, base = BotConfig.objects.get(pk=self.bot.pk), BotState.objects.get(bot=self.bot).base
        is_held = Trade.objects.filter(bot=bot, closed_at=None).exists()
        wanted = ["STOP_LOSS"] if bot.take_profit is None else ["LIMIT_MAKER", "STOP_LOSS"]
        resting = self.theirs("openOrders")
        assert sorted(row["type"] for row in resting) == (wanted if is_held else [])
        assert all(0 <= base - Decimal(row["origQty"]) < Decimal("0.001") for row in resting)

    def assert_came_out_right(self, decided: int) -> None:
        """One entry, one trade; protected while it is open, sold once when it was to be sold."""
        trade = Trade.objects.get(bot=self.bot)
        assert self.accepted("BUY") == 1
        resting = sorted(row["type"] for row in self.theirs("openOrders"))
        if decided == SELLS:
            assert (trade.exit_price, trade.exit_reason, resting) == (98, "signal", [])
            assert self.accepted("SELL") == 1
        else:
            assert (trade.entry_price, trade.closed_at) == (100, None)
            assert resting == ["LIMIT_MAKER", "STOP_LOSS"]
        self.assert_books_agree()


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[PaperProcess]:
    with paper_exchange(tmp_path_factory.mktemp("paper"), ["BTCUSDT"], cycles=200) as process:
        yield process


@pytest.fixture(scope="module")
def nest(django_db_setup: None) -> Iterator[Nest]:
    workers = Nest()
    yield workers
    workers.close()


@pytest.fixture
def stage(paper: PaperProcess, nest: Nest, settings: Any, redis_url: str) -> Iterator[Stage]:
    with wire_to(paper.url) as wire:
        settings.PAPER_URL = wire.url
        key = ApiKey.objects.create(name="Paper", venue=Venue.PAPER, key=KEY, secret=SECRET)
        bot = BotConfig(
            name="Crash", api_key=key, symbol="BTCUSDT", timeframe="1h", strategy="donchian",
            parameters={"entry_period": 2, "exit_period": 2}, position_size_mode="fixed",
            position_size_fixed=Decimal(500), stop_loss=Decimal("0.05"), take_profit=Decimal("0.1"),
        )  # fmt: skip
        lifecycle.save(bot)
        BotState.objects.filter(bot=bot).update(status=Status.RUNNING)
        yield Stage(paper, nest, wire, bot, next(_cycles))


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def reach(stage: Stage, decided: int) -> None:
    """Run what comes before the bar of the crash."""
    if decided == SELLS:
        assert stage.tick(BUYS).outcome == BotRun.Outcome.DECIDED


@pytest.mark.parametrize(("decided", "path"), MOMENTS)
def test_an_order_accepted_as_its_worker_is_killed_is_found_by_its_id(stage, decided, path):
    reach(stage, decided)
    stage.kill_worker_at(decided, "POST", path)
    in_doubt = Order.objects.filter(bot=stage.bot, state=OrderState.CREATED)
    assert in_doubt.count() == (2 if path == LIST else 1)
    known = {row["clientOrderId"] for row in stage.theirs("allOrders")}
    assert known.issuperset(in_doubt.values_list("client_order_id", flat=True))

    assert tasks.bots_to_settle() == [stage.bot.pk]
    assert stage.tick(decided).outcome == BotRun.Outcome.SETTLED  # the dead run's lease holds nobody up
    stage.assert_came_out_right(decided)
    assert stage.tick(decided).message == ""  # and nothing is left to do


@pytest.mark.parametrize(("decided", "path"), MOMENTS)
def test_an_order_whose_answer_was_lost_is_found_by_its_id(stage, decided, path):
    reach(stage, decided)
    stage.wire.strike = Strike("POST", path)
    assert stage.tick(decided).outcome == BotRun.Outcome.DECIDED  # the same run asks for it, and goes on
    assert stage.wire.struck.is_set()
    stage.assert_came_out_right(decided)
    assert not Incident.objects.filter(bot=stage.bot).exists()


@pytest.mark.parametrize(("decided", "path"), MOMENTS)
def test_an_order_with_a_lost_answer_is_found_by_the_next_run(stage, decided, path):
    reach(stage, decided)
    stage.wire.strike = Strike("POST", path, act=lambda: setattr(stage.wire, "is_down", True))
    assert stage.tick(decided).outcome != BotRun.Outcome.DECIDED
    assert Order.objects.filter(bot=stage.bot, state=OrderState.UNKNOWN).exists()
    assert stage.tick(decided).outcome != BotRun.Outcome.DECIDED
    stage.wire.is_down = False

    assert tasks.bots_to_settle() == [stage.bot.pk]
    assert stage.tick(decided).outcome == BotRun.Outcome.SETTLED
    stage.assert_came_out_right(decided)


@pytest.mark.parametrize(("decided", "path"), MOMENTS)
def test_an_order_that_never_left_is_given_up_once_no_copy_can_arrive(stage, decided, path):
    reach(stage, decided)
    stage.kill_worker_at(decided, "POST", path, forwarded=False)
    lost = list(Order.objects.filter(bot=stage.bot, state=OrderState.CREATED).values_list("pk", flat=True))
    sent = stage.theirs("allOrders")
    assert stage.tick(decided).outcome == BotRun.Outcome.SKIPPED  # too early to tell
    assert stage.theirs("allOrders") == sent

    stage.lose_patience()
    assert stage.tick(decided).outcome == BotRun.Outcome.SETTLED
    assert set(Order.objects.filter(pk__in=lost).values_list("state", flat=True)) == {OrderState.REJECTED}
    if (decided, path) == (BUYS, ORDER):  # a decision is not taken twice: the bot waits for its next signal
        assert stage.theirs("allOrders") == []
        assert not Trade.objects.filter(bot=stage.bot).exists()
        stage.assert_books_agree()
    else:
        stage.assert_came_out_right(decided)


def test_a_worker_killed_between_cancel_and_sale_sells_once(stage):
    reach(stage, SELLS)
    stage.kill_worker_at(SELLS, "DELETE", ORDER)
    assert stage.theirs("openOrders") == []
    assert stage.accepted("SELL") == 0
    assert stage.tick(SELLS).outcome == BotRun.Outcome.SETTLED
    stage.assert_came_out_right(SELLS)


def test_a_killed_worker_decides_no_bar_twice(stage):
    stage.kill_worker_at(BUYS, "POST", ORDER)
    stage.tick(BUYS)
    stage.tick(BUYS)
    assert Decision.objects.filter(bot=stage.bot).count() == 1
    assert stage.accepted("BUY") == 1


def test_a_position_of_a_killed_worker_has_its_stop_within_seconds(stage, tmp_path):
    empty_queue()
    market_ms = stage.go_to(BUYS)
    with celery_workers(tmp_path, stage.wire.url, number=1, processes=1) as workers:
        bought_at: list[float] = []

        def kill() -> None:
            bought_at.append(time.monotonic())
            os.kill(children_of(workers[0].pid)[0], signal.SIGKILL)

        stage.wire.strike = Strike("POST", ORDER, act=kill)
        worker.tick_at.delay(stage.bot.pk, market_ms)
        assert stage.wire.struck.wait(120)
        while len(stage.theirs("openOrders")) < 2:
            assert time.monotonic() < bought_at[0] + LEASE.total_seconds() / 2
            time.sleep(0.02)
        print(f"unprotected for {time.monotonic() - bought_at[0]:.2f} s")
    stage.assert_came_out_right(BUYS)


# --- Anything, at any moment ------------------------------------------------------------------------------------------

EXITS: list[dict[str, Any]] = [
    {},  # sold by the signal
    {"stop_loss": Decimal("0.03")},
    {"take_profit": Decimal("0.01")},
    {"trailing_stop": Decimal("0.02"), "take_profit": None},
]


@dataclass
class Chaos:
    """Faults at requests that chance picks, a bar after another. The same seed gives the same."""

    stage: Stage
    chance: random.Random
    log: list[str]

    def bar(self, decided: int) -> None:
        now_ms = self.stage.go_to(decided)
        fault = self.chance.choice([self.kill, self.kill, self.cut, self.fall_silent, self.ring_twice, self.overtake])
        skip, forwarded = self.chance.randrange(9), self.chance.random() < 0.7
        self.log.append(f"bar {decided}: {fault.__name__} at request {skip}, forwarded: {forwarded}")
        fault(now_ms, skip, forwarded)
        self.stage.wire.strike, self.stage.wire.is_down = None, False
        self.recover(now_ms)

    def kill(self, now_ms: int, skip: int, forwarded: bool) -> None:
        self.strike(self.stage.nest.kill_worker, skip, forwarded)
        assert self.stage.nest.tick(self.stage.bot.pk, now_ms, self.stage.wire.url) in (0, -signal.SIGKILL)

    def cut(self, now_ms: int, skip: int, forwarded: bool) -> None:
        self.strike(lambda: None, skip, forwarded)
        self.run(now_ms)

    def fall_silent(self, now_ms: int, skip: int, forwarded: bool) -> None:
        self.strike(lambda: setattr(self.stage.wire, "is_down", True), skip, forwarded)
        self.run(now_ms)

    def ring_twice(self, now_ms: int, skip: int, forwarded: bool) -> None:
        self.strike(lambda: self.run_elsewhere(now_ms), skip, forwarded=True, is_answered=True)
        self.run(now_ms)

    def overtake(self, now_ms: int, skip: int, forwarded: bool) -> None:
        def another() -> None:
            leased = BotState.objects.filter(bot=self.stage.bot)
            leased.update(lease_expires_at=F("lease_expires_at") - LEASE)
            self.run_elsewhere(now_ms)

        self.strike(another, skip, forwarded=True, is_answered=True)
        self.run(now_ms)

    def strike(self, act: Callable[[], object], skip: int, forwarded: bool, is_answered: bool = False) -> None:
        self.stage.wire.strike = Strike(act=act, skip=skip, forwarded=forwarded, is_answered=is_answered)

    def run(self, now_ms: int) -> TickResult:
        done = worker.tick(self.stage.bot.pk, now_ms)
        self.log.append(f"  {done.outcome} {done.message}")
        return done

    def run_elsewhere(self, now_ms: int) -> None:
        """On another thread's connections."""
        try:
            self.run(now_ms)
        finally:
            connections.close_all()

    def wait_for_the_dead(self) -> None:
        """PostgreSQL needs a moment to see that a killed process is gone; until then its run looks alive."""
        until = time.monotonic() + 10
        while self.stage.bot.pk in leases.bots_with_active_run() and time.monotonic() < until:
            time.sleep(0.05)

    def recover(self, now_ms: int) -> None:
        """Sweep until nothing is left to do; then all must be as though nothing had happened."""
        self.wait_for_the_dead()
        for _ in range(4):
            self.run(now_ms)
            if not tasks.bots_to_settle():
                break
            self.stage.lose_patience()
        assert tasks.bots_to_settle() == []
        self.stage.assert_books_agree()
        self.stage.assert_nothing_unknown_or_doubled()


def wreak_havoc(stage: Stage, seed: int, cycles: int) -> None:
    chaos = Chaos(stage, random.Random(seed), [])
    BotConfig.objects.filter(pk=stage.bot.pk).update(**EXITS[seed % len(EXITS)])
    try:
        for cycle in range(cycles):
            stage.cycle = stage.cycle if cycle == 0 else next(_cycles)
            for decided in range(BUYS, len(CYCLE) - 1):
                chaos.bar(decided)
    except Exception as error:
        error.add_note("\n".join(chaos.log))
        raise


@pytest.mark.parametrize("seed", [0, 3])  # more of them in `make stress`
def test_nothing_is_lost_or_doubled_whatever_fails_at_whatever_request(stage, seed):
    wreak_havoc(stage, seed, cycles=1)


@pytest.mark.stress
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(100, 124))
def test_nothing_is_lost_or_doubled_over_many_bars(stage, seed):
    wreak_havoc(stage, seed, cycles=4)
