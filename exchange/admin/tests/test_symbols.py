"""Test the admin pages of symbols."""

from __future__ import annotations

from datetime import UTC, datetime

from django.test import Client
from django.urls import reverse

from exchange.models import Symbol

INFO = {
    "symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT", "orderTypes": ["LIMIT", "MARKET"],
    "filters": [{"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "9", "stepSize": "0.001"}],
}  # fmt: skip


def test_symbol_page_describes_its_rules(admin: Client) -> None:
    row = Symbol.objects.create(
        venue="live", name="BTCUSDT", base="BTC", quote="USDT", info=INFO, read_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    text = admin.get(reverse("admin:exchange_symbol_change", args=[row.pk])).content.decode()
    assert "Quantity: 0.001 to 9 BTC, in steps of 0.001 BTC." in text
