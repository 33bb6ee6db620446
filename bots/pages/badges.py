"""Small labels with a colour: status, action, venue, state of an order. Colours are in static/site/css/badges.css."""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.safestring import SafeString

from bots.models import ParityCheck
from exchange.models import Venue

VENUES = {
    Venue.PAPER: ("simulated", "Simulated", "Paper exchange: no real money"),
    Venue.TESTNET: ("testnet", "Testnet", "Binance testnet: play money"),
    Venue.LIVE: ("live", "Real money", "Binance: real orders, real money"),
}


def badge(kind: str, text: str, title: str = "") -> SafeString:
    return format_html('<span class="badge {}" title="{}">{}</span>', kind, title or text, text)


def venue(name: str) -> SafeString:
    """Whose money it is: unmistakable wherever it shows."""
    kind, text, title = VENUES.get(Venue(name), ("", name, ""))
    return badge(kind, text, title)


def parity(check: ParityCheck) -> SafeString:
    """How a bot's record stood against the engine: equal, different with causes, drift, or not compared."""
    if check.error:
        return badge("warn", "Not compared", check.error)
    if check.drift:
        return badge("bad dot", "Drift", check.drift)
    if check.differences:
        return badge("info", f"{check.differences} explained", "Each difference from the engine has its cause")
    return badge("good", "Equal", "The engine takes the same trades from the same candles")


def status(name: str, label: str, *, is_halted: bool = False) -> SafeString:
    """A bot's status; a drawdown halt shows over it."""
    if is_halted and name != "stopped":
        return badge(
            "bad dot", "Halted: drawdown", "The drawdown limit was reached; resume the bot to let it enter again"
        )
    return badge(f"{name} dot", label.split(":")[0], label)
