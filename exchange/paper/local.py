"""Connect the real client to a paper account in this process, for `replay` and the past of the demo."""

from __future__ import annotations

import requests

from exchange.binance.exchange import BinanceExchange
from exchange.binance.requester import Connection
from exchange.limits.budget import Budget
from exchange.limits.stores import MemoryStore
from exchange.paper.account.accounts import reveal
from exchange.paper.http.transport import PaperAdapter
from exchange.paper.market.clock import Clock
from exchange.paper.models import PaperAccount

ADDRESS = "http://paper.invalid"


def connect_locally(account: PaperAccount, clock: Clock) -> BinanceExchange:
    """Return the exchange behind a paper account. Its budget is counted on `clock`, so in market time."""
    session = requests.Session()
    session.mount(ADDRESS, PaperAdapter())
    budget = Budget(ADDRESS, account.api_key, store=MemoryStore(clock.now_ms), now_ms=clock.now_ms)
    return BinanceExchange(ADDRESS, account.api_key, reveal(account.api_secret), Connection(session, budget))
