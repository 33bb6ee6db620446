"""Choose live, testnet or paper: an API key in, an exchange out. Below this module no line asks which.

Connections are reused: one per thread, process and state of the key, because the client under them serves one thread.
Every connection to a host counts on the same request budget, in Redis where the site runs.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import requests
from django.conf import settings

from exchange.api.errors import RequestRejected
from exchange.binance.clock import ServerClock
from exchange.limits.budget import Budget, wall_clock_ms
from exchange.limits.stores import RedisStore
from exchange.models import ApiKey, Venue

if TYPE_CHECKING:
    from exchange.binance.exchange import BinanceExchange
    from exchange.binance.public import PublicClient
    from exchange.binance.requester import Connection

LIVE_URL = "https://api.binance.com"
TESTNET_URL = "https://testnet.binance.vision"

T = TypeVar("T")


class LiveTradingOff(RequestRejected):
    """Real money is not turned on for this site: set ALLOW_LIVE_TRADING to use a live key."""


_local = threading.local()


def base_url(venue: str) -> str:
    """Return the root of a venue's REST API, above `/api/v3`."""
    return {Venue.LIVE: LIVE_URL, Venue.TESTNET: TESTNET_URL, Venue.PAPER: settings.PAPER_URL}[Venue(venue)]


def connect(api_key: ApiKey) -> BinanceExchange:
    """Return the exchange behind a key. Raise `LiveTradingOff` for a live key unless ALLOW_LIVE_TRADING is on."""
    if api_key.venue == Venue.LIVE and not settings.ALLOW_LIVE_TRADING:
        raise LiveTradingOff(
            f"{api_key.name} is a key to real money and ALLOW_LIVE_TRADING is off; set it to on to trade with it"
        )
    from exchange.binance.exchange import BinanceExchange  # a second to import, and most commands never connect

    url, key, secret = base_url(api_key.venue), _plain(api_key.key), _plain(api_key.secret)
    return _reuse(
        f"{api_key.venue} {api_key.pk}",
        _fingerprint(url, key, secret),
        lambda session: BinanceExchange(url, key, secret, _connection(url, key, session)),
    )


def connect_public(venue: str) -> PublicClient:
    """Return a venue's market data, which needs no key and moves no money."""
    return public_client(base_url(venue))


def public_client(url: str, **options: Any) -> PublicClient:
    """Return the market data of a host. `options` are fields of `Connection`: how long to wait for it."""
    from exchange.binance.public import PublicClient  # a second to import, and most commands never connect

    return _reuse(
        f"{url} {sorted(options.items())}",
        "public",
        lambda session: PublicClient.connect(url, _connection(url, "", session, **options)),
    )


def market_scope(api_key: ApiKey) -> str:
    """Name the market a key sees, for caches: one per host, but on the paper exchange each account has its own."""
    url = base_url(api_key.venue)
    return f"{url}#{_fingerprint(_plain(api_key.key))}" if api_key.venue == Venue.PAPER else url


def _connection(url: str, key: str, session: requests.Session, **options: Any) -> Connection:
    from exchange.binance.requester import Connection  # imports the client, see above

    budget = Budget(url, key, store=_store(os.getpid()))
    return Connection(session, budget, _clock(url, os.getpid()), **options)


def _reuse(name: str, state: str, make: Callable[[requests.Session], T]) -> T:
    """Return this thread's client of that name, made anew if the key has changed or this is another process."""
    state = f"{os.getpid()} {state}"
    clients: dict[str, tuple[str, Any, requests.Session]] = _local.__dict__.setdefault("clients", {})
    if name in clients:
        made_for, client, session = clients[name]
        if made_for == state:
            return client
        session.close()
    session = requests.Session()
    client = make(session)
    clients[name] = (state, client, session)
    return client


@lru_cache(maxsize=1)
def _store(_process: int) -> RedisStore:
    return RedisStore(settings.REDIS_URL, wall_clock_ms)


@lru_cache(maxsize=8)
def _clock(_url: str, _process: int) -> ServerClock:
    return ServerClock()


def _plain(secret: str) -> str:
    return getattr(secret, "reveal", lambda: secret)()


def _fingerprint(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
