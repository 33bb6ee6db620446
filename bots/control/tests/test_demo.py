"""The demo's past: made by real processes that are killed, and whole nevertheless."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.utils import timezone

from bots import tasks
from bots.control import lifecycle
from bots.models import (
    Action,
    BotConfig,
    BotRun,
    BotState,
    Decision,
    Fill,
    Order,
    OrderState,
    Purpose,
    Status,
    Trade,
)
from bots.trading.orders import IN_DOUBT, Draft, OrderTimes, record
from bots.trading.tests.processes.paper_process import environment
from exchange.api.types import INTERVAL_MS, OrderType, Side
from exchange.paper.models import PaperAccount

ROOT = Path(__file__).resolve().parents[3]
PAST = timedelta(days=3)
MILLISECOND = timedelta(milliseconds=1)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400), pytest.mark.django_db(transaction=True)]


def make_demo() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bots.control.tests.demo_maker"],
        cwd=ROOT,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )


def cut_off(number: int, when: Callable[[], bool]) -> None:
    """Start making the demo, and signal the process once the claim holds."""
    maker = make_demo()
    give_up = time.monotonic() + 120
    while not when():
        assert maker.poll() is None, maker.communicate()[1]
        assert time.monotonic() < give_up
        time.sleep(0.02)
    maker.send_signal(number)
    assert maker.wait(30) == -number


def length(bot: BotConfig) -> timedelta:
    return timedelta(milliseconds=INTERVAL_MS[bot.timeframe])


def test_a_past_that_is_cut_off_twice_is_whole_and_in_its_own_time(redis_url: str) -> None:
    cut_off(signal.SIGKILL, lambda: Trade.objects.filter(closed_at=None).exists() and Decision.objects.count() > 60)
    nothing_of_today_reaches_into_it()
    so_far = Decision.objects.count()
    cut_off(signal.SIGTERM, lambda: Decision.objects.count() > so_far + 60)
    unsent = leave_an_order_unsent()
    maker = make_demo()
    assert maker.wait(240) == 0, maker.communicate()[1]

    bots = list(BotConfig.objects.select_related("state"))
    assert len(bots) == 3
    for bot in bots:
        assert (bot.state.status, bot.is_active) == (Status.RUNNING, True)
        every_bar_is_decided_once_right_after_it_closed(bot)
        books_are_the_sum_of_fills(bot)
    fills_are_of_the_past_and_the_accounts()
    assert not Order.objects.filter(state__in=IN_DOUBT).exists()
    unsent.refresh_from_db()
    assert (unsent.state, unsent.error) == (OrderState.REJECTED, "It never reached the exchange.")


def leave_an_order_unsent() -> Order:
    """As a process does that is killed right after it put an order on record."""
    bot = BotConfig.objects.select_related("state").get(name="ETH 1h risk")
    draft = Draft(Purpose.ENTRY, Side.BUY, OrderType.MARKET, Decimal("0.1234"))
    return record(bot, [draft], OrderTimes(bot.state.last_bar, bot.state.last_bar, timezone.now()))[0]


def nothing_of_today_reaches_into_it() -> None:
    """Cut off, the demo waits: the sweep, a tick and a person's button leave its bots and its account alone."""
    BotState.objects.update(last_tick_at=timezone.now() - timedelta(hours=1))
    assert tasks.bots_to_settle() == []
    bot = Trade.objects.select_related("bot").filter(closed_at=None)[0].bot
    before = PaperAccount.objects.get().settled_to_ms, bot.fills.count(), bot.decisions.count()
    tasks.run_bot_task(bot.pk)
    assert BotRun.objects.filter(bot=bot).latest("started_at").message.startswith("Its history is being simulated")
    assert (PaperAccount.objects.get().settled_to_ms, bot.fills.count(), bot.decisions.count()) == before
    for act in (lifecycle.start, lifecycle.stop, lifecycle.run_now, lifecycle.close_position):
        with pytest.raises(lifecycle.ActionRefused, match="still being simulated"):
            act(bot)


def every_bar_is_decided_once_right_after_it_closed(bot: BotConfig) -> None:
    decisions = list(Decision.objects.filter(bot=bot).order_by("bar"))
    bars = [decision.bar for decision in decisions]
    assert bars == [bars[0] + number * length(bot) for number in range(len(bars))], "a bar is missing or doubled"
    assert bars[0] + length(bot) >= bot.created_at - PAST
    assert bars[0] <= bot.created_at - PAST + length(bot)
    assert timezone.now() - bars[-1] < 2 * length(bot) + timedelta(minutes=1)
    assert not [d for d in decisions if d.action == Action.MISSED]
    for decision in decisions:
        assert decision.decided_at == decision.bar + length(bot) + MILLISECOND, decision


def books_are_the_sum_of_fills(bot: BotConfig) -> None:
    state = bot.state
    bought = sum((f.quantity - f.commission for f in bot.fills.filter(side="BUY")), Decimal(0))
    sold = sum((f.quantity for f in bot.fills.filter(side="SELL")), Decimal(0))
    assert state.base == bought - sold
    paid = sum((f.quote_quantity for f in bot.fills.filter(side="BUY")), Decimal(0))
    got = sum((f.quote_quantity - f.commission for f in bot.fills.filter(side="SELL")), Decimal(0))
    assert state.quote == bot.initial_capital - paid + got


def fills_are_of_the_past_and_the_accounts() -> None:
    account = PaperAccount.objects.get()
    fills = list(Fill.objects.select_related("order"))
    assert len(fills) > 4
    assert len({fill.exchange_trade_id for fill in fills}) == len(fills) == account.fills.count()
    for fill in fills:
        assert fill.order.created_at - timedelta(seconds=1) <= fill.filled_at <= timezone.now()
        assert fill.filled_at < fill.bot.created_at + timedelta(minutes=10)
    totals = {balance.asset: balance.free + balance.locked for balance in account.balances.all()}
    states = list(BotState.objects.select_related("bot"))
    for asset in ("BTC", "ETH"):
        assert totals.get(asset, 0) == sum(state.base for state in states if state.bot.symbol == f"{asset}USDT")
    assert totals["USDT"] == 30_000 + sum(state.quote - state.bot.initial_capital for state in states)
