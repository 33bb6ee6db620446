"""From a key to an exchange, and from a venue to its symbols on record."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from exchange import factory
from exchange.api.errors import ExchangeUnavailable, RateLimited, RequestRejected
from exchange.binance.tests.canned import CannedServer, Reply, canned_server, refusal
from exchange.factory import LiveTradingOff, market_scope
from exchange.models import ApiKey, Symbol, Venue
from exchange.symbol_catalogue import rules_for

STEP = {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "9", "stepSize": "0.001"}


def info(name: str = "BTCUSDT", **fields: Any) -> dict[str, Any]:
    return {
        "symbol": name,
        "baseAsset": name[:-4],
        "quoteAsset": "USDT",
        "status": "TRADING",
        "filters": [STEP],
        **fields,
    }


def listing(*entries: dict[str, Any]) -> Reply:
    limit = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 1234}
    return Reply({"symbols": list(entries), "rateLimits": [limit]})


@pytest.fixture
def server(redis_url: str, settings: Any) -> Iterator[CannedServer]:
    with canned_server() as running:
        settings.PAPER_URL = running.url
        yield running


@pytest.fixture
def key(db: None) -> ApiKey:
    return ApiKey.objects.create(name="mine", venue=Venue.PAPER, key="k", secret="s")


def test_a_connection_is_kept_until_the_key_changes(server: CannedServer, key: ApiKey) -> None:
    first = factory.connect(key)
    assert factory.connect(ApiKey.objects.get()) is first
    key.secret = "another"
    key.save()
    assert factory.connect(ApiKey.objects.get()) is not first


def test_each_thread_has_a_connection_of_its_own(server: CannedServer, key: ApiKey) -> None:
    found: list[object] = [factory.connect(key)]
    thread = threading.Thread(target=lambda: found.append(factory.connect(key)))
    thread.start()
    thread.join()
    assert found[0] is not found[1]


def test_a_live_key_needs_the_setting(db: None, settings: Any, redis_url: str) -> None:
    live = ApiKey.objects.create(name="live", venue=Venue.LIVE, key="k", secret="s")
    with pytest.raises(LiveTradingOff, match="ALLOW_LIVE_TRADING"):
        factory.connect(live)
    settings.ALLOW_LIVE_TRADING = True
    assert factory.connect(live).base_url == "https://api.binance.com"


def test_each_venue_has_its_own_address(db: None, redis_url: str) -> None:
    testnet = ApiKey(name="t", venue=Venue.TESTNET, key="k", secret="s")
    assert factory.connect(testnet).base_url == "https://testnet.binance.vision"
    assert factory.connect_public(Venue.LIVE).base_url == "https://api.binance.com"


def test_paper_accounts_may_see_different_markets_and_hosts_only_one(settings: Any) -> None:
    one, two = (ApiKey(venue=Venue.PAPER, key=text, secret="s") for text in ("one", "two"))
    assert market_scope(one) != market_scope(two)
    assert "one" not in market_scope(one)
    one.venue = two.venue = Venue.LIVE
    assert market_scope(one) == market_scope(two)


def test_a_429_for_one_key_stops_the_others_of_that_host(server: CannedServer, key: ApiKey) -> None:
    other = ApiKey.objects.create(name="other", venue=Venue.PAPER, key="k2", secret="s2")
    server.on("GET openOrders", refusal(-1003, "Too much request weight used.", 429, Retry_After="30"))
    with pytest.raises(RateLimited):
        factory.connect(key).open_orders("BTCUSDT")
    with pytest.raises(RateLimited):
        factory.connect(other).open_orders("BTCUSDT")
    assert len(server.calls("GET openOrders")) == 1


# Symbols


def test_rules_are_read_once_and_again_when_old(server: CannedServer, key: ApiKey) -> None:
    server.on("GET exchangeInfo", listing(info()))
    for _ in range(3):
        assert rules_for(key, "BTCUSDT").step_size == Decimal("0.001")
    assert len(server.calls("GET exchangeInfo")) == 1
    assert server.calls("GET exchangeInfo")[0].parameters == {"symbol": "BTCUSDT"}
    Symbol.objects.update(read_at=timezone.now() - timedelta(days=1))
    server.on("GET exchangeInfo", listing(info(filters=[{**STEP, "stepSize": "0.01"}])))
    assert rules_for(Venue.PAPER, "BTCUSDT").step_size == Decimal("0.01")


def test_old_rules_stay_in_force_while_the_exchange_is_away(server: CannedServer, key: ApiKey) -> None:
    server.on("GET exchangeInfo", listing(info()))
    rules_for(key, "BTCUSDT")
    Symbol.objects.update(read_at=timezone.now() - timedelta(days=9))
    server.on("GET exchangeInfo", refusal(-1003, "Too much request weight used.", 429, Retry_After="1"))
    assert rules_for(key, "BTCUSDT").step_size == Decimal("0.001")


def test_an_unknown_symbol_is_the_exchanges_refusal(server: CannedServer, key: ApiKey) -> None:
    server.on("GET exchangeInfo", refusal(-1121, "Invalid symbol."))
    with pytest.raises(RequestRejected, match="Invalid symbol"):
        rules_for(key, "NOPEUSDT")
    assert not Symbol.objects.exists()


def test_rules_that_cannot_be_read_leave_nothing_stored(server: CannedServer, key: ApiKey) -> None:
    server.on("GET exchangeInfo", listing(info(filters=[{**STEP, "stepSize": "x"}])))
    with pytest.raises(ExchangeUnavailable, match=r"LOT_SIZE\.stepSize"):
        rules_for(key, "BTCUSDT")
    assert not Symbol.objects.exists()


def test_refreshing_reads_every_symbol_in_one_call_and_marks_what_is_gone(server: CannedServer, db: None) -> None:
    server.on("GET exchangeInfo", listing(info("BTCUSDT"), info("LUNAUSDT")))
    call_command("refresh_symbols", venue="paper", stdout=io.StringIO())
    server.on("GET exchangeInfo", listing(info("BTCUSDT", status="BREAK"), info("ETHUSDT")))
    out = io.StringIO()
    call_command("refresh_symbols", venue="paper", stdout=out)
    assert dict(Symbol.objects.values_list("name", "status")) == {
        "BTCUSDT": "BREAK", "ETHUSDT": "TRADING", "LUNAUSDT": "DELISTED",
    }  # fmt: skip
    assert "2 symbols" in out.getvalue()
    assert len(server.calls("GET exchangeInfo")) == 2
    assert factory.connect_public(Venue.PAPER).budget.state().used[0].limit.most == 1234


def test_one_unreadable_symbol_leaves_all_as_they_were(server: CannedServer, db: None) -> None:
    server.on("GET exchangeInfo", listing(info("BTCUSDT"), info("ETHUSDT", filters="none")))
    with pytest.raises(CommandError, match="Nothing was changed: ETHUSDT"):
        call_command("refresh_symbols", venue="paper")
    assert not Symbol.objects.exists()
