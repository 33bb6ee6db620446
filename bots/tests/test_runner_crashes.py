"""No order is lost or doubled, whatever dies: workers killed, and answers lost, at the worst moment.

The paper exchange is another process. A wire between client and exchange waits for the exchange's answer to the order,
and then kills the worker, or cuts the connection, instead of passing the answer on.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from django.db.models import F

from bots import lifecycle, tasks
from bots.models import BotConfig, BotRun, BotState, Decision, Fill, Incident, Order, OrderState, Status, Trade
from bots.orders import stem
from bots.reconcile import PATIENCE
from bots.runner import Tick
from bots.tests import runner_worker
from bots.tests.runner_exchange import (
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

    def tick(self, decided: int) -> Tick:
        """A run in this process."""
        return runner_worker.tick(self.bot.pk, self.go_to(decided))

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
    with paper_exchange(tmp_path_factory.mktemp("paper"), ["BTCUSDT"], cycles=60) as process:
        yield process


@pytest.fixture(scope="module")
def nest(django_db_setup: None) -> Iterator[Nest]:
    kept = Nest()
    yield kept
    kept.close()


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


def reach(stage: Stage, decided: int) -> None:
    """What comes before the bar at which the blow falls."""
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
def test_an_order_whose_answer_was_lost_with_the_line_is_found_by_the_next_run(stage, decided, path):
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


def test_a_worker_killed_between_cancelling_the_protection_and_the_sale_sells_once(stage):
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
