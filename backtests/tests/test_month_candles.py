"""Candles of a month, whose length varies, are refused in words wherever a run can be asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from backtests.forms.tests.test_forms import filled_in, searching
from exchange.klines import store
from exchange.klines.series import FullKlines
from exchange.models import Symbol
from exchange.paper.tests.builders import symbol_info

pytestmark = pytest.mark.django_db

KINDS = ("backtest", "optimisation", "walkforward")


@pytest.fixture(autouse=True)
def months(tmp_path: Path, settings: Any) -> None:
    """Twenty years of months of BTCUSDT in the store, and its filters on record."""
    settings.KLINES_URL = str(tmp_path / "klines")
    opened = [round(datetime(2000 + n // 12, n % 12 + 1, 1, tzinfo=UTC).timestamp() * 1000) for n in range(240)]
    close = 100 + 20 * np.sin(np.arange(240) / 5)
    first = np.append(100.0, close[:-1])
    high, low, one = np.maximum(first, close), np.minimum(first, close), np.ones(240)
    times, trades = np.array(opened, dtype=np.int64), np.ones(240, dtype=np.int64)
    store.merge("BTCUSDT", FullKlines("1M", times, first, high, low, close, one, close, trades, one, close))
    Symbol.objects.create(
        venue="paper", name="BTCUSDT", base="BTC", quote="USDT", info=symbol_info(), read_at=timezone.now()
    )


@pytest.mark.parametrize("command", ["optimise", "walk_forward"])
def test_a_command_refuses_month_candles_in_words(command):
    options = {"grid": ["ema_fast=2:3"], "set": [["ema_fast=2", "ema_slow=4", "rsi_period=2"]]}
    with pytest.raises(CommandError, match="1M"):
        call_command(command, dataset="BTCUSDT:1M", **options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.xfail(strict=True, reason="the form of a run offers month candles, on which it then fails")
def test_a_form_does_not_offer_month_candles(kind, admin_client):
    assert "BTCUSDT:1M" not in admin_client.get(reverse("backtests:new", args=[kind])).content.decode()


def filled_in_for(client: Any, kind: str) -> dict[str, Any]:
    """Return a form that lacks only valid candles, as a browser that shows an older page would send it."""
    averages = {"ema_fast": 2, "ema_slow": 4, "rsi_period": 2}
    return filled_in(client, kind, dataset="BTCUSDT:1M", **averages, **searching(2, 3))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("page", ["new", "preview"])
@pytest.mark.xfail(strict=True, reason="a form sent with month candles ends in HTTP 500")
def test_month_candles_sent_by_a_form_are_no_server_error(kind, page, admin_client):
    data = filled_in_for(admin_client, kind)
    admin_client.raise_request_exception = False
    assert admin_client.post(reverse(f"backtests:{page}", args=[kind]), data).status_code == 200
