"""Test which venues open accounts on request."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from exchange import api_key_issuers
from exchange.api_key_issuers import IssuedKey
from exchange.models import Venue


def test_paper_exchange_opens_accounts() -> None:
    assert api_key_issuers.can_issue(Venue.PAPER)


@pytest.mark.parametrize("venue", [Venue.LIVE, Venue.TESTNET])
def test_binance_does_not(venue: Venue) -> None:
    assert not api_key_issuers.can_issue(venue)


def test_registered_issuer_gets_name_and_balance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_key_issuers, "_issuers", {})
    api_key_issuers.register("made-up", lambda name, balance: IssuedKey(name, str(balance)))
    assert api_key_issuers.issue("made-up", "mine", D(5)) == ("mine", "5")
