"""Test the admin pages of datasets."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from exchange.models import Dataset


def test_dataset_page_lists_its_gaps(admin: Client) -> None:
    row = Dataset.objects.create(
        symbol="BTCUSDT", interval="1h", first_open_time=datetime(2024, 1, 1, tzinfo=UTC),
        last_open_time=datetime(2024, 1, 2, tzinfo=UTC), rows=22, missing=3,
        gaps=[[1704067200000, 1704074400000]], data_hash="ab",
    )  # fmt: skip
    text = admin.get(reverse("admin:exchange_dataset_change", args=[row.pk])).content.decode()
    assert "2024-01-01 00:00 to 2024-01-01 02:00 UTC: 3 bars missing" in text


@pytest.mark.parametrize("name", ["symbol", "dataset", "apikey"])
def test_every_list_opens(admin: Client, name: str) -> None:
    assert admin.get(reverse(f"admin:exchange_{name}_changelist")).status_code == 200
