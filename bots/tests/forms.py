"""Fill in the form of a bot in tests."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse

from bots.admin.forms import BotForm
from bots.tests import builders

FORM = {
    "name": "Fresh",
    "symbol": "btcusdt",
    "timeframe": "1h",
    "strategy": "ema_rsi",
    "ema_fast": "12",
    "ema_slow": "26",
    "rsi_period": "14",
    "rsi_overbought": "70",
    "rsi_oversold": "30",
    "initial_capital": "1000",
    "position_size_mode": "percent",
    "position_size_perc": "0.5",
    "stop_loss": "2 %",
    "stop_limit_distance": "0.5 %",
    "compounding": "on",
    "cooldown_bars": "0",
}


def form_values(**changes: Any) -> dict[str, Any]:
    """Return the values of a form that saves, with some changed; None leaves one out."""
    builders.btcusdt()
    values = {**FORM, "api_key": builders.paper_key().pk, **changes}
    return {name: value for name, value in values.items() if value is not None}


def bot_form(**changes: Any) -> BotForm:
    """Return a bound form of a new bot."""
    return BotForm(form_values(**changes))


def post_bot(client: Client, **changes: Any) -> Any:
    """Send the form of a new bot."""
    return client.post(reverse("admin:bots_botconfig_add"), form_values(**changes))


def errors(response: Any) -> dict[str, str]:
    """Return the errors that the form shows, by field."""
    return {name: " ".join(sentences) for name, sentences in response.context["adminform"].form.errors.items()}
