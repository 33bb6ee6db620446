"""Define an endpoint of the paper exchange, and the request as its handler sees it.

The table of all endpoints and the way from raw bytes to a handler and back are in dispatch.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from exchange.fills import slippage_units
from exchange.paper.errors import rejected_key
from exchange.paper.protocol.parameters import Parameters

if TYPE_CHECKING:
    from exchange.paper.market.base import Market
    from exchange.paper.market.clock import Clock
    from exchange.paper.models import PaperAccount
    from exchange.paper.rate_limits.limits import RateLimit, Used


class Security(Enum):
    NONE = "NONE"
    USER_DATA = "USER_DATA"
    TRADE = "TRADE"

    @property
    def is_signed(self) -> bool:
        return self is not Security.NONE


class TimeUnit(Enum):
    """The unit of the times in an answer, by the header X-MBX-TIME-UNIT."""

    MILLISECOND = 1
    MICROSECOND = 1000


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request, checked as far as its endpoint's security asks.

    `account` is the account of the key that came along (a signed call always has one), else the process's only
    account if it serves just one, else None. `now_ms` is market time, `wall_ms` the wall clock, both read once.
    """

    params: Parameters
    account: PaperAccount | None
    market: Market
    clock: Clock
    now_ms: int
    wall_ms: int
    time_unit: TimeUnit = TimeUnit.MILLISECOND
    rate_limits: tuple[RateLimit, ...] = ()
    order_counts: Callable[[], Used] = list
    replay_rules: bool = False

    def stamp(self, time_ms: int) -> int:
        """Return a time in the unit that the caller asked for; -1 (never) stays -1."""
        return time_ms * self.time_unit.value if time_ms >= 0 else time_ms

    @property
    def holder(self) -> PaperAccount:
        """Return the account of a signed call."""
        if self.account is None:
            raise rejected_key()
        return self.account

    @property
    def slippage(self) -> int:
        """Return the account's slippage as a fraction in units of 1e-8; 0 without an account."""
        return slippage_units(self.account.slippage_bps) if self.account else 0


Handler = Callable[[ApiRequest], Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A handler (request to JSON-ready value, or `ApiError`), what it costs and which parameters it reads.

    `weight` may depend on the parameters. `parameters` are all names it takes besides timestamp, recvWindow and
    signature: any other name sent is -1104. `orders` is what it adds to the order count, and `free_on_success`
    says that its weight counts only when it fails (as Binance does for placing and cancelling).
    """

    handler: Handler
    weight: int | Callable[[Parameters], int] = 1
    security: Security = Security.NONE
    parameters: frozenset[str] = frozenset()
    orders: int = 0
    free_on_success: bool = False

    def weight_of(self, params: Parameters) -> int:
        return self.weight if isinstance(self.weight, int) else self.weight(params)


@dataclass(frozen=True, slots=True)
class Placed:
    """What a handler that placed orders answers: the JSON, and how many of them have filled at once."""

    body: Any
    filled: int = 0


# (method, path below /api/v3, without a leading slash): ("GET", "ticker/price")
EndpointTable = dict[tuple[str, str], Endpoint]
