"""Render badges: status, venue, parity. Their colours are in static/site/css/badges.css."""

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
    """Return a badge with the CSS classes `kind`."""
    return format_html('<span class="badge {}" title="{}">{}</span>', kind, title or text, text)


def venue(name: str) -> SafeString:
    """Return the badge that tells real money from simulated."""
    kind, text, title = VENUES.get(Venue(name), ("", name, ""))
    return badge(kind, text, title)


def parity(check: ParityCheck) -> SafeString:
    """Return the badge of a parity check: equal, explained differences, drift, or not compared."""
    if check.error:
        return badge("warn", "Not compared", check.error)
    if check.drift:
        return badge("bad dot", "Drift", check.drift)
    if check.differences:
        return badge("info", f"{check.differences} explained", "Each difference from the engine has its cause")
    return badge("good", "Equal", "The engine takes the same trades from the same candles")


def status(name: str, label: str, *, is_halted: bool = False) -> SafeString:
    """Return the badge of a bot's status; a drawdown halt replaces it."""
    if is_halted and name != "stopped":
        return badge(
            "bad dot", "Halted: drawdown", "The drawdown limit was reached; resume the bot to let it enter again"
        )
    return badge(f"{name} dot", label.split(":")[0], label)
