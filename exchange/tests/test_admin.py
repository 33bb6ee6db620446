"""Admin pages of the exchange app: keys are tried before they are stored, all else is read-only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from exchange.api import factory
from exchange.binance.tests.canned import CannedServer, Reply, canned_server, refusal
from exchange.models import ApiKey, Dataset, Symbol, Venue
from exchange.paper.models import PaperAccount, PaperBalance

ACCOUNT = {"canTrade": True, "canWithdraw": False, "balances": []}
INFO = {
    "symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT", "orderTypes": ["LIMIT", "MARKET"],
    "filters": [{"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "9", "stepSize": "0.001"}],
}  # fmt: skip


@pytest.fixture
def server(redis_url: str) -> Iterator[CannedServer]:
    with canned_server() as running:
        yield running


@pytest.fixture
def live(server: CannedServer, settings: Any, monkeypatch: pytest.MonkeyPatch) -> CannedServer:
    settings.ALLOW_LIVE_TRADING = True
    monkeypatch.setattr(factory, "LIVE_URL", server.url)
    return server


@pytest.fixture
def admin(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("op", password="x"), "django.contrib.auth.backends.ModelBackend")
    return client


def add_key(admin: Client, **typed: Any) -> str:
    form = {"name": "mine", "venue": "live", "new_key": "a-rather-long-key-4711", "new_secret": "s", **typed}
    return admin.post(reverse("admin:exchange_apikey_add"), form, follow=True).content.decode()


def test_a_key_is_tried_before_it_is_stored(admin: Client, live: CannedServer) -> None:
    live.on("GET account", Reply(ACCOUNT))
    add_key(admin)
    row = ApiKey.objects.get()
    assert (row.key_hint, row.can_trade, row.can_withdraw) == ("4711", True, False)
    assert row.checked_at is not None
    assert live.calls("GET account")[0].headers["X-MBX-APIKEY"] == "a-rather-long-key-4711"


def test_a_key_that_the_exchange_refuses_is_not_stored(admin: Client, live: CannedServer) -> None:
    live.on("GET account", refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401))
    assert "does not accept this key" in add_key(admin)
    assert not ApiKey.objects.exists()


def test_a_live_key_that_may_withdraw_needs_an_explicit_yes(admin: Client, live: CannedServer) -> None:
    live.on("GET account", Reply({**ACCOUNT, "canWithdraw": True}))
    assert "This key may withdraw" in add_key(admin)
    assert not ApiKey.objects.exists()
    assert "This key may withdraw" in add_key(admin, may_withdraw="on")
    assert ApiKey.objects.get().can_withdraw is True


def test_an_exchange_that_is_away_does_not_keep_a_key_from_being_stored(admin: Client, settings: Any) -> None:
    settings.PAPER_URL = "http://127.0.0.1:9"
    assert "Could not be checked" in add_key(admin, venue="paper")
    assert ApiKey.objects.get().can_trade is None


def test_a_live_key_is_stored_unchecked_while_real_money_is_off(admin: Client) -> None:
    assert "ALLOW_LIVE_TRADING is off" in add_key(admin)
    assert ApiKey.objects.get().can_trade is None


@pytest.mark.parametrize("typed", [{"new_key": ""}, {"new_secret": ""}, {"new_key": "", "new_secret": ""}])
def test_half_a_key_is_refused_at_the_field(admin: Client, typed: dict[str, str]) -> None:
    text = add_key(admin, **typed)
    assert "go together" in text or "needs its key and secret" in text
    assert not ApiKey.objects.exists()


def test_a_paper_key_left_empty_gets_an_account_of_its_own(admin: Client) -> None:
    add_key(admin, venue="paper", new_key="", new_secret="", paper_balance="2500")
    account, row = PaperAccount.objects.get(), ApiKey.objects.get()
    assert row.key == account.api_key
    assert row.secret == account.api_secret
    assert PaperBalance.objects.get().free == 2500


def test_changing_a_keys_limit_keeps_its_secrets_without_asking_the_exchange(admin: Client) -> None:
    row = ApiKey.objects.create(name="mine", venue=Venue.PAPER, key="kkkk", secret="ssss")
    page = reverse("admin:exchange_apikey_change", args=[row.pk])
    assert admin.get(page).status_code == 200
    admin.post(page, {"name": "renamed", "venue": "paper", "max_exposure_quote": "500"})
    row = ApiKey.objects.get()
    assert (row.name, row.key, row.secret, row.max_exposure_quote) == ("renamed", "kkkk", "ssss", Decimal(500))


def test_selected_keys_are_checked_on_demand(admin: Client, server: CannedServer, settings: Any) -> None:
    settings.PAPER_URL = server.url
    server.on("GET account", Reply({**ACCOUNT, "canTrade": False}))
    row = ApiKey.objects.create(name="mine", venue=Venue.PAPER, key="k", secret="s")
    page = reverse("admin:exchange_apikey_changelist")
    text = admin.post(page, {"action": "check_now", "_selected_action": row.pk}, follow=True).content.decode()
    assert "may not trade" in text
    assert ApiKey.objects.get().can_trade is False


def test_a_symbols_page_says_its_rules_in_words(admin: Client) -> None:
    row = Symbol.objects.create(
        venue="live", name="BTCUSDT", base="BTC", quote="USDT", info=INFO, read_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    text = admin.get(reverse("admin:exchange_symbol_change", args=[row.pk])).content.decode()
    assert "Quantity: 0.001 to 9 BTC, in steps of 0.001 BTC." in text
    assert admin.post(reverse("admin:exchange_symbol_change", args=[row.pk]), {"name": "X"}).status_code == 403


def test_a_datasets_page_shows_where_bars_are_missing(admin: Client) -> None:
    row = Dataset.objects.create(
        symbol="BTCUSDT", interval="1h", first_open_time=datetime(2024, 1, 1, tzinfo=UTC),
        last_open_time=datetime(2024, 1, 2, tzinfo=UTC), rows=22, missing=3,
        gaps=[[1704067200000, 1704074400000]], data_hash="ab",
    )  # fmt: skip
    text = admin.get(reverse("admin:exchange_dataset_change", args=[row.pk])).content.decode()
    assert "2024-01-01 00:00 to 2024-01-01 02:00 UTC: 3 bars missing" in text


def open_accounts(first: int, count: int) -> None:
    for number in range(first, first + count):
        account = PaperAccount.objects.create(name=f"=p{number}", api_key=f"k{number}", api_secret="s", market="mirror")
        PaperBalance.objects.create(account=account, asset="USDT", free=100 + number)


def test_a_longer_list_of_accounts_takes_no_more_queries(admin: Client, django_assert_num_queries: Any) -> None:
    page = reverse("admin:exchange_paperaccount_changelist")
    open_accounts(0, 2)
    admin.get(page)
    with CaptureQueriesContext(connection) as few:
        admin.get(page)
    open_accounts(2, 20)
    with django_assert_num_queries(len(few)):
        assert "121 USDT" in admin.get(page).content.decode()


def test_books_of_the_paper_exchange_are_shown_exported_and_not_edited(admin: Client) -> None:
    open_accounts(0, 3)
    page = reverse("admin:exchange_paperaccount_changelist")
    account = PaperAccount.objects.latest("pk")
    detail = reverse("admin:exchange_paperaccount_change", args=[account.pk])
    assert admin.get(detail).status_code == 200
    assert admin.post(detail, {"name": "X"}).status_code == 403
    chosen = {"action": "export_csv", "_selected_action": [row.pk for row in PaperAccount.objects.all()]}
    lines = b"".join(admin.post(page, chosen)).decode().splitlines()
    assert lines[0] == "name,market,balances__asset,balances__free,balances__locked"
    assert "'=p0,mirror,USDT,100,0" in lines


@pytest.mark.parametrize("name", ["paperorder", "paperfill", "symbol", "dataset", "apikey", "paperaccount"])
def test_every_list_opens(admin: Client, name: str) -> None:
    assert admin.get(reverse(f"admin:exchange_{name}_changelist")).status_code == 200
