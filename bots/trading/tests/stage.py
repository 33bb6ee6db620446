"""One bot in this process, bar by bar on a hand-made table, with events between its calls to the exchange.

Runner, client and paper exchange are the real ones. `Between` passes every call on and does what a test asks before or
after a call: what another worker, a person or the market does at that moment.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from secrets import token_hex
from typing import Any

from django.db import connection
from django.db.models import F

from backtests.replay import make_bot
from bots.models import BotState, Fill, Order, OrderState, Status, Trade
from bots.settings.parse import make_settings
from bots.trading import tick as runner
from bots.trading.context import TradingContext
from bots.trading.leases import LEASE, Lease, claim
from bots.trading.tests.tables import MIDNIGHT, hours, lots
from exchange.api.errors import OutcomeUnknown
from exchange.binance.exchange import BinanceExchange
from exchange.klines.candles import MemoryCandles
from exchange.models import ApiKey, Venue
from exchange.paper.account.accounts import AccountTerms, create_account, reveal
from exchange.paper.local import connect_locally
from exchange.paper.market import symbol_rules
from exchange.paper.market.clock import ManualClock
from exchange.paper.market.registry import market_registry
from exchange.paper.market.replay import ReplayMarket
from exchange.paper.models import PaperOrder
from exchange.symbols.filters import parse_rules

SETTINGS: dict[str, Any] = {
    "strategy": "donchian",
    "entry_period": 2,
    "exit_period": 2,
    "position_size_mode": "fixed",
    "position_size_fixed": "500",
    "stop_loss": "0.05",
    "take_profit": "0.1",
}


NO_FEE = {"maker_fee_rate": Decimal(0), "taker_fee_rate": Decimal(0)}


def _names(symbol: str) -> dict[str, str]:
    return {"symbol": symbol, "baseAsset": symbol.removesuffix("USDT")}


class Between:
    """The exchange, with something that happens once before or after the next call of a name."""

    def __init__(self, exchange: BinanceExchange) -> None:
        self._exchange = exchange
        self.before: dict[str, Callable[[], object]] = {}
        self.after: dict[str, Callable[[], object]] = {}

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._exchange, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self.before.pop(name, lambda: None)()
            answer = method(*args, **kwargs)
            self.after.pop(name, lambda: None)()
            return answer

        return call


class Newest:
    """Candles as a running bot has them: no more of them than it asked for."""

    def __init__(self, candles: MemoryCandles) -> None:
        self._candles = candles

    def closed(self, symbol: str, interval: str, *, bars: int, now_ms: int) -> Any:
        klines = self._candles.closed(symbol, interval, bars=bars, now_ms=now_ms)
        return klines[-bars:]


class Stage:
    """A bot on a paper account of its own. `close` takes the market away again."""

    def __init__(
        self,
        table: str,
        *,
        symbol: str = "BTCUSDT",
        info: dict[str, Any] | None = None,
        terms: AccountTerms | None = None,
        replay_rules: bool = True,
        **settings: Any,
    ) -> None:
        """Set up market and bot. Without `replay_rules` the exchange's filters hold as they do for live bots."""
        klines = hours(table, MIDNIGHT)
        info = info or lots()
        name = f"stage-{token_hex(4)}"
        terms = terms or AccountTerms(maker_fee_rate=Decimal(0), taker_fee_rate=Decimal(0))
        balances = {"USDT": Decimal(10_000), **({"BNB": Decimal(5)} if terms.pays_fees_in_bnb else {})}
        self.account = create_account(name, name, balances, terms)
        self.symbol = symbol
        self.klines = klines
        self.clock = ManualClock(int(klines.open_time[0]))
        names = ["BTCUSDT", "BNBUSDT"] if terms.pays_fees_in_bnb else ["BTCUSDT"]
        self.market = ReplayMarket(dict.fromkeys(names, klines), {name: {**info, **_names(name)} for name in names})
        self._exit = ExitStack()
        market_registry.install(
            self.account, clock=self.clock, market=self.market, default=True, replay_rules=replay_rules
        )
        self._exit.callback(market_registry.remove, self.account)
        key = ApiKey.objects.create(
            name=name, venue=Venue.PAPER, key=self.account.api_key, secret=reveal(self.account.api_secret)
        )
        parameters = make_settings({**SETTINGS, **settings}, symbol=symbol, interval="1h")
        self.bot = make_bot(name, key, symbol, "1h", parameters)
        BotState.objects.filter(bot=self.bot).update(status=Status.RUNNING)
        self.bot.refresh_from_db()
        connection = connect_locally(self.account, self.clock)
        self.client = connection._client
        self.exchange = Between(connection)
        self.rules = parse_rules(self.market.symbols()[symbol])
        self._candles = MemoryCandles(self.exchange)  # type: ignore[arg-type]

    def close(self) -> None:
        self._exit.close()

    def open_of(self, bar: int) -> int:
        """Return a millisecond after a bar has opened."""
        return int(self.klines.open_time[bar]) + 1

    def relist(self, **changes: Any) -> None:
        """Change the symbol's entry in exchangeInfo, as the exchange may do at any time; `rules` stay the old ones."""
        entries = self.market.symbols()
        entries[self.symbol] = {**entries[self.symbol], **changes}
        symbol_rules._read.pop(self.market, None)

    def delist(self) -> None:
        """Cancel what rests, and know the symbol no more."""
        PaperOrder.objects.filter(account=self.account, status="NEW").update(status="CANCELED")
        del self.market.symbols()[self.symbol], self.market._base[self.symbol]
        self.market._series.clear()
        symbol_rules._read.pop(self.market, None)

    def context(self, **rules: Any) -> TradingContext:
        return TradingContext(
            self.exchange,  # type: ignore[arg-type]
            Newest(self._candles),
            replace(self.rules, **rules),
            self.clock.now_ms(),
        )

    def tick(self, **rules: Any) -> runner.TickResult:
        """Run a tick now."""
        return runner.run_bot(self.bot.pk, lambda _: self.context(**rules))

    def decide(self, bar: int, **rules: Any) -> runner.TickResult:
        """Run a tick right after that bar has closed."""
        self.clock.set(self.open_of(bar + 1))
        return self.tick(**rules)

    def overtake(self) -> Lease:
        """Another worker takes the bot over, as though this run had been silent for longer than its lease."""
        BotState.objects.filter(bot=self.bot).update(lease_expires_at=F("lease_expires_at") - LEASE)
        other = claim(self.bot.pk)
        assert other is not None
        return other

    def orders(self, purpose: str = "") -> list[tuple[str, str]]:
        """Purpose and state of the orders on record, the oldest first."""
        rows = Order.objects.filter(bot=self.bot).order_by("pk").values_list("purpose", "state")
        return [row for row in rows if row[0] == (purpose or row[0])]

    def resting(self) -> list[tuple[str, Decimal]]:
        """Type and quantity of what rests on the exchange."""
        return sorted((order.type.value, order.quantity) for order in self.exchange.open_orders(self.symbol))

    def trade(self) -> Trade:
        return Trade.objects.get(bot=self.bot)

    def assert_books_agree(self) -> None:
        """Ledger, fills and account are one; no order is in doubt."""
        state = BotState.objects.get(bot=self.bot)
        base, quote = Decimal(0), self.bot.initial_capital
        for fill in Fill.objects.filter(bot=self.bot):
            sign = 1 if fill.side == "BUY" else -1
            base += sign * fill.quantity - (fill.commission if fill.commission_asset == "BTC" else 0)
            quote -= sign * fill.quote_quantity + (fill.commission if fill.commission_asset == "USDT" else 0)
        assert (state.base, state.quote) == (base, quote)
        balances = self.exchange.account().balances
        totals = {name: balance.free + balance.locked for name, balance in balances.items()}
        assert (totals.get("BTC", 0), totals["USDT"]) == (base, 10_000 + quote - self.bot.initial_capital)
        assert not set(dict(self.orders()).values()) & {OrderState.CREATED, OrderState.UNKNOWN}


def raising(error: Exception) -> Callable[[], None]:
    """Return a function that raises the error, to be called before or after a request."""

    def call() -> None:
        raise error

    return call


def lose_next_order(bot: Stage) -> None:
    """Lose the next order on its way to the exchange."""
    bot.exchange.before["submit"] = raising(OutcomeUnknown("the connection failed before an answer came"))


def wait_for_a_lock() -> None:
    """Wait until another connection waits for a lock."""
    until = time.monotonic() + 10
    with connection.cursor() as cursor:
        waits = False
        while not waits and time.monotonic() < until:
            cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)")
            [waits] = cursor.fetchone()
    assert waits
