"""Test the admin pages of API keys: each is tried on the exchange before it is stored."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from exchange import factory
from exchange.binance.tests.canned import CannedServer, Reply, canned_server, refusal
from exchange.models import ApiKey, Venue
from exchange.paper.models import PaperAccount, PaperBalance

ACCOUNT = {"canTrade": True, "canWithdraw": False, "balances": []}


@pytest.fixture
def server(redis_url: str) -> Iterator[CannedServer]:
    with canned_server() as running:
        yield running


@pytest.fixture
def live(server: CannedServer, settings: Any, monkeypatch: pytest.MonkeyPatch) -> CannedServer:
    settings.ALLOW_LIVE_TRADING = True
    monkeypatch.setattr(factory, "LIVE_URL", server.url)
    return server


def add_key(admin: Client, **typed: Any) -> str:
    form = {"name": "mine", "venue": "live", "new_key": "a-rather-long-key-4711", "new_secret": "s", **typed}
    return admin.post(reverse("admin:exchange_apikey_add"), form, follow=True).content.decode()


def test_key_is_checked_before_it_is_stored(admin: Client, live: CannedServer) -> None:
    live.on("GET account", Reply(ACCOUNT))
    add_key(admin)
    row = ApiKey.objects.get()
    assert (row.key_hint, row.can_trade, row.can_withdraw) == ("4711", True, False)
    assert row.checked_at is not None
    assert live.calls("GET account")[0].headers["X-MBX-APIKEY"] == "a-rather-long-key-4711"


def test_key_that_the_exchange_refuses_is_not_stored(admin: Client, live: CannedServer) -> None:
    live.on("GET account", refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401))
    assert "does not accept this key" in add_key(admin)
    assert not ApiKey.objects.exists()


def test_live_key_that_may_withdraw_needs_confirmation(admin: Client, live: CannedServer) -> None:
    live.on("GET account", Reply({**ACCOUNT, "canWithdraw": True}))
    assert "This key may withdraw" in add_key(admin)
    assert not ApiKey.objects.exists()
    assert "This key may withdraw" in add_key(admin, may_withdraw="on")
    assert ApiKey.objects.get().can_withdraw is True


def test_key_is_stored_unchecked_while_the_exchange_is_away(admin: Client, settings: Any) -> None:
    settings.PAPER_URL = "http://127.0.0.1:9"
    assert "Could not be checked" in add_key(admin, venue="paper")
    assert ApiKey.objects.get().can_trade is None


def test_live_key_is_stored_unchecked_while_real_money_is_off(admin: Client) -> None:
    assert "ALLOW_LIVE_TRADING is off" in add_key(admin)
    assert ApiKey.objects.get().can_trade is None


@pytest.mark.parametrize("typed", [{"new_key": ""}, {"new_secret": ""}, {"new_key": "", "new_secret": ""}])
def test_half_a_key_is_refused_at_the_field(admin: Client, typed: dict[str, str]) -> None:
    text = add_key(admin, **typed)
    assert "go together" in text or "needs its key and secret" in text
    assert not ApiKey.objects.exists()


def test_empty_paper_key_opens_an_account(admin: Client) -> None:
    add_key(admin, venue="paper", new_key="", new_secret="", paper_balance="2500")
    account, row = PaperAccount.objects.get(), ApiKey.objects.get()
    assert row.key == account.api_key
    assert row.secret == account.api_secret
    assert PaperBalance.objects.get().free == 2500


def test_changing_the_limit_keeps_the_secrets(admin: Client) -> None:
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
