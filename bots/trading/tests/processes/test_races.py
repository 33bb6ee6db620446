"""Many runs at once: one decision and one order a bar, and books that agree with the exchange's to the last digit.

PostgreSQL and Redis are real, the workers are Celery's own processes, the paper exchange is a process as well.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.db.models import Count

from bots.control import lifecycle
from bots.models import BotConfig, BotRun, BotState, Decision, Fill, Order, OrderState, Status, Trade
from bots.trading.tests.processes import worker
from bots.trading.tests.processes.celery_site import celery_workers, empty_queue, queue_length
from bots.trading.tests.processes.paper_process import (
    BUYS,
    CYCLE,
    FIRST_MS,
    HOUR_MS,
    KEY,
    SECRET,
    PaperProcess,
    paper_exchange,
)
from core.times import to_datetime
from exchange.models import ApiKey, Venue

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

AT_ONCE = 200
BARS = 40
SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "XRPUSDT"]


def make_bots(number: int) -> list[BotConfig]:
    """Make running bots on one key over all symbols; every third has a trailing stop, every fifth no target."""
    key = ApiKey.objects.create(name="Paper", venue=Venue.PAPER, key=KEY, secret=SECRET)
    bots = []
    for index in range(number):
        bot = BotConfig(
            name=f"Race {index}", api_key=key, symbol=SYMBOLS[index % len(SYMBOLS)], timeframe="1h",
            strategy="donchian", parameters={"entry_period": 2, "exit_period": 2}, position_size_mode="fixed",
            position_size_fixed=Decimal(100 + index), stop_loss=Decimal("0.05"),
            take_profit=None if index % 5 == 0 else Decimal("0.1"),
            trailing_stop=Decimal("0.06") if index % 3 == 0 else None,
        )  # fmt: skip
        lifecycle.save(bot)
        bot.refresh_from_db()
        bots.append(bot)
    BotState.objects.update(status=Status.RUNNING)
    return bots


def closed_at_ms(bar: int) -> int:
    """Market time right after a bar's close."""
    return FIRST_MS + (bar + 1) * HOUR_MS + 1


def test_two_hundred_runs_at_once_make_one_decision_and_one_order(tmp_path, settings, redis_url):
    with paper_exchange(tmp_path, SYMBOLS[:1], cycles=2) as paper:
        settings.PAPER_URL = paper.url
        bot = make_bots(1)[0]
        market_ms = closed_at_ms(BUYS)
        paper.set_clock(market_ms)
        worker.context_at(bot.pk, market_ms)  # the symbol's rules are on record from here on
        came_to = _run_at_once(bot, market_ms)

        assert sum(came_to.values()) == AT_ONCE
        assert came_to[BotRun.Outcome.DECIDED] == 1, came_to
        assert came_to[BotRun.Outcome.FAILED] == 0, list(BotRun.objects.filter(outcome="failed").values("message"))
        assert Decision.objects.filter(bot=bot).count() == 1
        assert Order.objects.filter(bot=bot, purpose="entry").count() == 1
        bought = [row for row in paper.ask("allOrders", symbol=bot.symbol) if row["side"] == "BUY"]
        assert len(bought) == 1
        assert len(paper.ask("openOrders", symbol=bot.symbol)) == 1  # its stop
        assert Trade.objects.filter(bot=bot).count() == 1


def _run_at_once(bot: BotConfig, market_ms: int) -> Counter[str]:
    """Threads with connections of their own, let go together, in waves of what the server takes at a time."""
    came_to: Counter[str] = Counter()
    wave = 100
    gate, counting = threading.Barrier(wave), threading.Lock()

    def run(turns: int) -> None:
        try:
            connection.ensure_connection()
            gate.wait(120)
            for _ in range(turns):
                outcome = worker.tick(bot.pk, market_ms).outcome
                with counting:
                    came_to[outcome] += 1
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(AT_ONCE // wave,)) for _ in range(wave)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    assert not any(thread.is_alive() for thread in threads)
    return came_to


def race(number: int, folder: Path, settings: Any) -> None:
    """Queue every bot twice a bar; then compare all ledgers."""
    with paper_exchange(folder, SYMBOLS, cycles=4 + BARS // len(CYCLE)) as paper:
        settings.PAPER_URL = paper.url
        bots = make_bots(number)
        empty_queue()
        with celery_workers(folder, paper.url):
            for bar in range(BUYS, BUYS + BARS):
                market_ms = closed_at_ms(bar)
                paper.set_clock(market_ms)
                for bot in [*bots, *bots]:
                    worker.tick_at.delay(bot.pk, market_ms)
                _wait_until_decided(bots, market_ms, folder)
        _assert_no_order_twice(bots, paper)
        for bot in bots:
            _assert_ledger_is_the_sum_of_fills(bot)
        _assert_account_is_the_sum_of_bots(bots, paper)


def _wait_until_decided(bots: list[BotConfig], market_ms: int, folder: Path) -> None:
    """Wait until all bots have decided the newest bar; queue late ones again, as the sweep does."""
    bar = to_datetime(market_ms - 1 - HOUR_MS)
    give_up = time.monotonic() + 60 + len(bots)
    sweep_at = time.monotonic() + 5
    while time.monotonic() < give_up:
        late = BotState.objects.exclude(lease_expires_at=None, last_bar=bar).values_list("bot_id", flat=True)
        waiting = queue_length()
        if not waiting and not late:
            return
        if not waiting and time.monotonic() > sweep_at:
            for bot_id in late:
                worker.tick_at.delay(bot_id, market_ms)
            sweep_at = time.monotonic() + 5
        time.sleep(0.05)
    messages = list(BotRun.objects.order_by("-pk").values_list("message", flat=True)[:5])
    logs = "".join(log.read_text()[-2000:] for log in folder.glob("worker*.log"))
    raise AssertionError(f"not all of {len(bots)} bots decided the bar: {messages}\n{logs}")


def _assert_no_order_twice(bots: list[BotConfig], paper: PaperProcess) -> None:
    assert not BotRun.objects.filter(outcome="failed").exists(), list(
        BotRun.objects.filter(outcome="failed").values_list("message", flat=True)[:5]
    )
    assert Decision.objects.count() == len(bots) * BARS
    twice = Order.objects.filter(purpose="entry").values("decision").annotate(orders=Count("pk")).filter(orders__gt=1)
    assert list(twice) == []
    entered = Decision.objects.filter(action="enter").count()
    assert entered >= len(bots) * 3
    ours = set(Order.objects.values_list("client_order_id", flat=True))
    theirs = [row["clientOrderId"] for symbol in SYMBOLS for row in _all(paper, "allOrders", symbol)]
    assert Counter(theirs) == Counter(ours)
    filled = Order.objects.filter(purpose="entry", state=OrderState.FILLED).count()
    assert filled == entered == Trade.objects.count()


def _all(paper: PaperProcess, path: str, symbol: str) -> list[dict[str, Any]]:
    """Every row of a list that comes in pages of a thousand."""
    id_name, from_name = ("id", "fromId") if path == "myTrades" else ("orderId", "orderId")
    rows: list[dict[str, Any]] = []
    start = 0
    while True:
        page = paper.ask(path, symbol=symbol, limit=1000, **{from_name: start})
        rows += page
        if len(page) < 1000:
            return rows
        start = page[-1][id_name] + 1


def _assert_ledger_is_the_sum_of_fills(bot: BotConfig) -> None:
    base, quote = Decimal(0), bot.initial_capital
    for fill in Fill.objects.filter(bot=bot):
        sign = 1 if fill.side == "BUY" else -1
        base += sign * fill.quantity - (fill.commission if fill.side == "BUY" else 0)
        quote -= sign * fill.quote_quantity + (0 if fill.side == "BUY" else fill.commission)
    state = BotState.objects.get(bot=bot)
    assert (state.base, state.quote) == (base, quote), bot.name


def _assert_account_is_the_sum_of_bots(bots: list[BotConfig], paper: PaperProcess) -> None:
    fills = Counter(Fill.objects.values_list("symbol", "exchange_trade_id"))
    theirs = Counter((symbol, row["id"]) for symbol in SYMBOLS for row in _all(paper, "myTrades", symbol))
    assert fills == theirs
    account = {row["asset"]: Decimal(row["free"]) + Decimal(row["locked"]) for row in paper.ask("account")["balances"]}
    states = BotState.objects.filter(bot__in=bots).select_related("bot")
    bases: Counter[str] = Counter()
    for state in states:
        bases[state.bot.symbol.removesuffix("USDT")] += state.base  # type: ignore[assignment]
    for asset, base in bases.items():
        assert account.get(asset, 0) == base, asset
    moved = sum((state.quote - state.bot.initial_capital for state in states), Decimal(0))
    assert account["USDT"] == 1_000_000 + moved


@pytest.mark.timeout(1200)
def test_two_workers_and_fifty_bots_place_no_order_twice(tmp_path, settings, redis_url):
    race(50, tmp_path, settings)


@pytest.mark.stress
@pytest.mark.timeout(7200)
def test_two_workers_and_five_hundred_bots_place_no_order_twice(tmp_path, settings, redis_url):
    race(500, tmp_path, settings)
