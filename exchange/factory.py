"""The one place that chooses live, testnet or paper: an API key in, an exchange out. Below it no line asks which.

Connections are kept: one per thread, process and state of the key, because the client under them serves one thread.
"""

from __future__ import annotations

import hashlib
import os
import threading
from functools import lru_cache
from typing import TYPE_CHECKING

import requests
from django.conf import settings

from exchange.api.errors import RequestRejected
from exchange.binance.clock import ServerClock
from exchange.limits.budget import Budget, wall_clock_ms
from exchange.limits.stores import RedisStore
from exchange.models import ApiKey, Venue

if TYPE_CHECKING:
    from exchange.binance.exchange import BinanceExchange

LIVE_URL = "https://api.binance.com"
TESTNET_URL = "https://testnet.binance.vision"


class LiveTradingOff(RequestRejected):
    """A live key on a site where real money is not turned on."""


_kept = threading.local()


def base_url(venue: str) -> str:
    """Root of a venue's REST API, above `/api/v3`."""
    return {Venue.LIVE: LIVE_URL, Venue.TESTNET: TESTNET_URL, Venue.PAPER: settings.PAPER_URL}[Venue(venue)]


def connect(api_key: ApiKey) -> BinanceExchange:
    """The exchange behind a key. `LiveTradingOff` for a live key unless ALLOW_LIVE_TRADING is on."""
    if api_key.venue == Venue.LIVE and not settings.ALLOW_LIVE_TRADING:
        raise LiveTradingOff(
            f"{api_key.name} is a key to real money and ALLOW_LIVE_TRADING is off; set it to on to trade with it"
        )
    return _connection(api_key.venue, str(api_key.pk), _plain(api_key.key), _plain(api_key.secret))


def connect_public(venue: str) -> BinanceExchange:
    """A venue's market data, which needs no key and moves no money."""
    return _connection(venue, "public", "", "")


def market_scope(api_key: ApiKey) -> str:
    """Names the market a key sees, for caches: one per host, but on the paper exchange each account has its own."""
    url = base_url(api_key.venue)
    return f"{url}#{_fingerprint(_plain(api_key.key))}" if api_key.venue == Venue.PAPER else url


def _connection(venue: str, name: str, key: str, secret: str) -> BinanceExchange:
    """The kept connection, made anew when the key has changed or this is another process."""
    url = base_url(venue)
    state = f"{os.getpid()} {_fingerprint(url, key, secret)}"
    connections: dict[str, tuple[str, BinanceExchange, requests.Session]] = _kept.__dict__.setdefault("connections", {})
    known = connections.get(f"{venue} {name}")
    if known is not None and known[0] == state:
        return known[1]
    if known is not None:
        known[2].close()
    from exchange.binance.exchange import BinanceExchange  # a second to import, and most commands never connect

    session = requests.Session()
    exchange = BinanceExchange(
        url,
        key,
        secret,
        session=session,
        budget=Budget(url, key, store=_store(os.getpid())),
        clock=_clock(url, os.getpid()),
    )
    connections[f"{venue} {name}"] = (state, exchange, session)
    return exchange


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
