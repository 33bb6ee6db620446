"""Keep which market and clock an account uses in this process.

The site goes by the wall clock and builds markets from accounts' specs; the stand-alone server, `replay` and the
demo's past install a clock (and market) of their own for an account.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from django.conf import settings

from exchange.paper import errors
from exchange.paper.market.base import Market
from exchange.paper.market.clock import Clock, WallClock
from exchange.paper.market.load import market_from_spec
from exchange.paper.models import PaperAccount
from exchange.paper.rate_limits.counters import SharedCounts
from exchange.paper.rate_limits.limits import Counters


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Where one request takes place. `account` is the one a caller without a key looks through, if any."""

    market: Market
    clock: Clock
    account: PaperAccount | None
    counters: Counters

    def window_ms(self, wall_ms: int) -> int:
        """Return the time by which limits are counted: market time on a manual clock, else the wall clock's."""
        return self.clock.now_ms() if self.clock.is_manual else wall_ms

    def caller(self, address: str) -> str:
        """Return under whose name weight is counted: windows of a manual clock are its account's own."""
        if self.clock.is_manual and self.account is not None:
            return f"{address} {self.account.pk}"
        return address


@dataclass(slots=True)
class MarketRegistry:
    """Markets by spec and clocks by account, for one process.

    `counters` are this process's own. `shared` are those of every process that serves the same accounts by the wall
    clock; a clock moved by hand lives in one process, and so do its windows.
    """

    counters: Counters = field(default_factory=Counters)
    shared: Callable[[], Counters] | None = None
    _clocks: dict[int, Clock] = field(default_factory=dict)
    _markets: dict[str, Market] = field(default_factory=dict)
    _default: PaperAccount | None = None
    _replayed: set[int] = field(default_factory=set)
    _wall: Clock = field(default_factory=WallClock)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def install(
        self,
        account: PaperAccount,
        *,
        clock: Clock | None = None,
        market: Market | None = None,
        default: bool = False,
        replay_rules: bool = False,
    ) -> None:
        """Give an account a clock or a market of its own; `default` shows it to callers without a key, too.

        `replay_rules` loosens its filters as TRADING_RULES 10 says.
        """
        if clock is not None:
            self._clocks[account.pk] = clock
        if market is not None:
            self._markets[account.market] = market
        if default:
            self._default = account
        if replay_rules:
            self._replayed.add(account.pk)

    def remove(self, account: PaperAccount) -> None:
        """Return the account to the wall clock and the ordinary rules."""
        self._clocks.pop(account.pk, None)
        self._replayed.discard(account.pk)
        if self._default is not None and self._default.pk == account.pk:
            self._default = None

    def has_replay_rules(self, account: PaperAccount) -> bool:
        return account.pk in self._replayed

    def clock_of(self, account: PaperAccount) -> Clock:
        return self._clocks.get(account.pk, self._wall)

    def market(self, spec: str) -> Market:
        """Return the market of a spec, opened once per process."""
        market = self._markets.get(spec)
        if market is None:
            with self._lock:
                market = self._markets.get(spec)
                if market is None:
                    market = self._markets[spec] = market_from_spec(spec)
        return market

    def context_of(self, account: PaperAccount | None) -> RequestContext:
        """Return an account's market and clock; if there is none, those of the default account, else of the first."""
        account = account or self._default or self._first()
        if account is None:
            raise errors.bad_symbol()
        clock = self.clock_of(account)
        counters = self.counters if self.shared is None or clock.is_manual else self.shared()
        return RequestContext(self.market(account.market), clock, account, counters)

    def _first(self) -> PaperAccount | None:
        return PaperAccount.objects.order_by("pk").first()


@cache
def _shared_counters() -> Counters:
    return Counters(counts=SharedCounts(settings.REDIS_URL))


market_registry = MarketRegistry(shared=_shared_counters)
