"""A paper account under the real client, in this very process: what `replay` and the demo's past trade through."""

from __future__ import annotations

import requests

from exchange.binance.exchange import BinanceExchange
from exchange.limits.budget import Budget
from exchange.limits.stores import MemoryStore
from exchange.paper.account.accounts import reveal
from exchange.paper.http.transport import PaperAdapter
from exchange.paper.market.clock import Clock
from exchange.paper.models import PaperAccount

ADDRESS = "http://paper.invalid"


def connect_locally(account: PaperAccount, clock: Clock) -> BinanceExchange:
    """The exchange behind a paper account, its budget counted on `clock`: market time, where a hand moves it."""
    session = requests.Session()
    session.mount(ADDRESS, PaperAdapter())
    budget = Budget(ADDRESS, account.api_key, store=MemoryStore(clock.now_ms), now_ms=clock.now_ms)
    return BinanceExchange(ADDRESS, account.api_key, reveal(account.api_secret), session=session, budget=budget)
