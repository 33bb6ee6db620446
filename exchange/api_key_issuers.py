"""Let a venue open an account and issue its key, so that no module here needs to know the venue's app."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple


class IssuedKey(NamedTuple):
    """A key and its secret, in plain text."""

    key: str
    secret: str


KeyIssuer = Callable[[str, Decimal], IssuedKey]  # from the account's name and its starting balance in USDT

_issuers: dict[str, KeyIssuer] = {}


def register(venue: str, issuer: KeyIssuer) -> None:
    """Register the function that opens accounts on a venue."""
    _issuers[venue] = issuer


def can_issue(venue: str) -> bool:
    """Return True if the venue opens accounts on request."""
    return venue in _issuers


def issue(venue: str, account_name: str, balance: Decimal) -> IssuedKey:
    """Open an account on the venue. Return its key."""
    return _issuers[venue](account_name, balance)
