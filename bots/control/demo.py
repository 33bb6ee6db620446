"""Prepare the demo: three bots on simulated money with two weeks of history, traded by real ticks.

A manual clock runs through those two weeks while the site is already up; decisions and fills carry its time. After an
interruption it continues where it stopped. Then the bots start in real time.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from bots.control import lifecycle
from bots.models import BotConfig, BotRun, BotState, Order, Status
from bots.trading import reconcile, tick
from bots.trading.assess import bars_needed
from bots.trading.context import TradingContext
from bots.trading.orders import IN_DOUBT
from exchange import symbol_catalogue
from exchange.api.types import INTERVAL_MS
from exchange.klines.candles import MemoryCandles
from exchange.models import ApiKey, Venue
from exchange.paper.account.accounts import AccountTerms, create_account, reveal
from exchange.paper.local import connect_locally
from exchange.paper.market.clock import ManualClock
from exchange.paper.market.registry import market_registry
from exchange.paper.models import PaperAccount

NAME = "Demo (simulated)"
MARKET = "simulated:20240607"
BALANCES = {"USDT": Decimal(30_000)}
PAST = timedelta(days=14)
SLIPPAGE_BPS = Decimal(2)

BOTS: tuple[dict[str, Any], ...] = (
    {
        "name": "BTC 15m trend",
        "symbol": "BTCUSDT",
        "timeframe": "15m",
        "initial_capital": Decimal(10_000),
        "position_size_mode": "percent",
        "position_size_perc": Decimal("0.5"),
        "stop_loss": Decimal("0.015"),
        "take_profit": Decimal("0.03"),
        "max_daily_trades": 6,
    },
    {
        "name": "ETH 1h risk",
        "symbol": "ETHUSDT",
        "timeframe": "1h",
        "ema_fast": 9,
        "ema_slow": 21,
        "initial_capital": Decimal(10_000),
        "position_size_mode": "risk",
        "position_size_perc": None,
        "risk_per_trade": Decimal("0.01"),
        "stop_loss": Decimal("0.02"),
        "trailing_stop": Decimal("0.025"),
    },
    {
        "name": "BTC 4h breakout",
        "symbol": "BTCUSDT",
        "timeframe": "4h",
        "strategy": "donchian",
        "parameters": {"entry_period": 6, "exit_period": 4},
        "initial_capital": Decimal(10_000),
        "position_size_mode": "fixed",
        "position_size_perc": None,
        "position_size_fixed": Decimal(4_000),
        "stop_loss": Decimal("0.04"),
        "cooldown_bars": 1,
    },
)


LOCK_ID = 7_294_310  # among the server's advisory locks

Due = tuple[int, int]  # market time of a tick in milliseconds, and the bot's id


@dataclass(frozen=True, slots=True)
class Progress:
    """Count the simulated ticks that are done."""

    done: int
    total: int


class DemoFailed(Exception):
    """Report a failed tick of the simulation; another run continues from there."""


def prepare(report: Callable[[Progress], object] = lambda _: None) -> bool:
    """Prepare the demo, or finish it. Return False if it is complete already.

    Raises:
        DemoFailed: a tick failed; the ticks before it stay on record.
    """
    with _exclusive():
        account, bots = create_bots()
        if not bots:
            return False
        _simulate_past(account, bots, report)
        for bot in bots:
            start_live(bot)
        return True


@transaction.atomic
def create_bots() -> tuple[PaperAccount, list[BotConfig]]:
    """Return the demo's account and those of its bots whose history is not complete.

    All are created together, once: a demo bot that somebody deleted stays deleted.
    """
    account = PaperAccount.objects.filter(is_demo=True).first()
    if account is None:
        key, account = _create_key()
        for values in BOTS:
            _create_bot(key, values)
    return account, list(BotConfig.objects.filter(is_demo=True, state__status=Status.PREPARING).order_by("pk"))


def _create_key() -> tuple[ApiKey, PaperAccount]:
    account = create_account(NAME, MARKET, BALANCES, AccountTerms(slippage_bps=SLIPPAGE_BPS, is_demo=True))
    secret = reveal(account.api_secret)
    key = ApiKey.objects.create(
        name=NAME, venue=Venue.PAPER, key=account.api_key, secret=secret, key_hint=account.api_key[-4:], is_demo=True
    )
    entries = market_registry.market(MARKET).symbols()
    symbol_catalogue.store(Venue.PAPER, [entries[name] for name in sorted({values["symbol"] for values in BOTS})])
    return key, account


def _create_bot(key: ApiKey, values: dict[str, Any]) -> None:
    """Create a bot that no sweep, schedule or button reaches until its history is complete."""
    bot = BotConfig(api_key=key, is_demo=True, **values)
    lifecycle.save(bot, reason="Part of the demo")
    BotState.objects.filter(bot=bot).update(status=Status.PREPARING)


@transaction.atomic
def start_live(bot: BotConfig) -> None:
    """Start a prepared bot in real time."""
    BotState.objects.filter(bot=bot, status=Status.PREPARING).update(status=Status.STOPPED)
    lifecycle.start(bot)


def _simulate_past(account: PaperAccount, bots: list[BotConfig], report: Callable[[Progress], object]) -> None:
    """Run a tick of every bot at each close of its candles, from two weeks ago, or where it stopped, to now."""
    began_ms = int((min(bot.created_at for bot in bots) - PAST).timestamp() * 1000)  # the same after an interruption
    ticks = _ticks(bots, began_ms, with_last=True)
    _expire_unsent_orders(bots)
    clock = ManualClock(max(ticks[0][0], account.settled_to_ms))
    market_registry.install(account, clock=clock, default=True)
    try:
        trade = _trader(account, bots, clock)
        while ticks:  # bars that close meanwhile are simulated too
            _run(ticks, trade, report)
            ticks = _ticks(bots, began_ms)
    finally:
        market_registry.remove(account)


def _expire_unsent_orders(bots: list[BotConfig]) -> None:
    """Stop waiting for orders left unsent by an interruption: their exchange ran in the same process."""
    in_doubt = Order.objects.filter(bot__in=bots, state__in=IN_DOUBT)
    in_doubt.update(sent_at=F("sent_at") - reconcile.PATIENCE)


def _ticks(bots: list[BotConfig], began_ms: int, *, with_last: bool = False) -> list[Due]:
    """Return the ticks still to run, 1 ms of market time after each close.

    `with_last` repeats each bot's last one: it decides no bar twice, but finishes what an interruption left undone.
    """
    now_ms = int(timezone.now().timestamp() * 1000)
    return list(heapq.merge(*(_ticks_of(bot, began_ms, now_ms, with_last) for bot in bots)))


def _ticks_of(bot: BotConfig, began_ms: int, now_ms: int, with_last: bool) -> list[Due]:
    length = INTERVAL_MS[bot.timeframe]
    last_bar = BotState.objects.values_list("last_bar", flat=True).get(bot=bot)
    if last_bar is None:
        first = (began_ms // length + 1) * length
    else:
        first = int(last_bar.timestamp() * 1000) + (length if with_last else 2 * length)
    return [(time_ms + 1, bot.pk) for time_ms in range(first, now_ms, length)]


def _trader(account: PaperAccount, bots: list[BotConfig], clock: ManualClock) -> Callable[[Due], None]:
    """Return a function that sets the clock to a tick's time and runs the tick."""
    exchange = connect_locally(account, clock)
    by_id = {bot.pk: bot for bot in bots}
    rules = {bot.pk: exchange.symbol_rules(bot.symbol) for bot in bots}
    candles = {bot.pk: MemoryCandles(exchange, start_ms=_candles_from(bot, clock.now_ms())) for bot in bots}

    def trade(due: Due) -> None:
        time_ms, bot_id = due
        clock.set(max(time_ms, clock.now_ms()))
        context = TradingContext(exchange, candles[bot_id], rules[bot_id], clock.now_ms())
        result = tick.run_bot(bot_id, lambda _: context, even_if_stopped=True)
        if result.outcome in (BotRun.Outcome.FAILED, BotRun.Outcome.SKIPPED):
            raise DemoFailed(f"{by_id[bot_id].name} at {context.now:%Y-%m-%d %H:%M}: {result.message}")

    return trade


def _candles_from(bot: BotConfig, first_tick_ms: int) -> int:
    """Return the open time of the first bar that the warm-up needs."""
    return first_tick_ms - (bars_needed(bot) + 2) * INTERVAL_MS[bot.timeframe]


def _run(ticks: list[Due], trade: Callable[[Due], None], report: Callable[[Progress], object]) -> None:
    for done, due in enumerate(ticks, start=1):
        trade(due)
        if done % 100 == 0 or done == len(ticks):
            report(Progress(done, len(ticks)))


@contextmanager
def _exclusive() -> Iterator[None]:
    """Wait for another process that prepares the demo. The lock ends with the connection, however we end.

    Commits may reach the disk later, in order: ticks lost in a power cut are simulated again.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK_ID])
        cursor.execute("SET synchronous_commit TO off")
    try:
        yield
    finally:
        connection.close()
