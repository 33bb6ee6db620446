"""Check an API key: what it may do, and whether that is what a bot's key should be able to.

A key that can withdraw can lose everything to whoever steals it; a bot needs trading alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from exchange.api.errors import ExchangeError, InvalidCredentials
from exchange.factory import LiveTradingOff, connect
from exchange.models import ApiKey, Venue

MAY_WITHDRAW = (
    "This key may withdraw. A bot never needs that: make a key with reading and spot trading alone, "
    "restricted to this machine's address."
)
_HINT_LENGTH = 4


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """The result of a check; None where the exchange did not say. `is_refused`: it does not accept the key."""

    can_trade: bool | None
    can_withdraw: bool | None
    message: str
    is_refused: bool = False

    @property
    def is_good(self) -> bool:
        return self.can_trade is True and self.can_withdraw is False


def hint(key: str) -> str:
    """Return the end of a key, by which its owner recognises it; nothing if the key is short."""
    return key[-_HINT_LENGTH:] if len(key) >= 4 * _HINT_LENGTH else ""


def check(api_key: ApiKey) -> KeyCheck:
    """Ask the exchange about a key, stored or not."""
    try:
        account = connect(api_key).account()
    except InvalidCredentials as error:
        return KeyCheck(None, None, f"The exchange does not accept this key: {error}", is_refused=True)
    except LiveTradingOff as error:
        return KeyCheck(None, None, f"Not checked: {error}")
    except ExchangeError as error:
        return KeyCheck(None, None, f"Could not be checked: {error}")
    if not account.can_trade:
        message = "This key may not trade: allow spot trading for it on the exchange."
    elif account.can_withdraw and api_key.venue == Venue.LIVE:
        message = MAY_WITHDRAW
    else:
        message = "This key may trade."
    # Simulated money cannot be withdrawn, whatever the answer says.
    can_withdraw = account.can_withdraw and api_key.venue == Venue.LIVE
    return KeyCheck(account.can_trade, can_withdraw, message)


def note(api_key: ApiKey, found: KeyCheck) -> None:
    """Write the result of a check into the key's row, without saving it."""
    api_key.can_trade, api_key.can_withdraw = found.can_trade, found.can_withdraw
    api_key.check_message = found.message[:300]
    api_key.checked_at = timezone.now()


def check_and_record(api_key: ApiKey) -> KeyCheck:
    """Check a stored key and save the result."""
    result = check(api_key)
    note(api_key, result)
    api_key.save(update_fields=["can_trade", "can_withdraw", "check_message", "checked_at"])
    return result
