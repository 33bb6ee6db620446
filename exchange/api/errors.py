"""Define the errors of an exchange call, each named by what the caller should do.

No message here ever holds a key, a signature or a signed address.
"""

from __future__ import annotations


class ExchangeError(Exception):
    """Base of everything that a call to an exchange may raise. `code` is Binance's, when it gave one."""

    def __init__(self, message: str, *, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class RequestRejected(ExchangeError):
    """The exchange said no; asking again unchanged will not help."""


class InvalidCredentials(RequestRejected):
    """The key is unknown, malformed, or not allowed to do this."""


class FilterViolation(RequestRejected):
    """The order breaks one of the symbol's filters."""


class InsufficientBalance(RequestRejected):
    """The account cannot pay for the order."""


class WouldTriggerImmediately(RequestRejected):
    """The stop is already reached, or the post-only limit would match at once."""


class DuplicateOrder(RequestRejected):
    """An open order carries this client order id: it may be ours, so look it up."""


class OrderNotFound(RequestRejected):
    """No such order is known there (or not yet, right after placing), or it can no longer be cancelled."""


class RateLimited(ExchangeError):
    """Nothing was executed; wait `retry_after_s` seconds."""

    def __init__(self, message: str, *, retry_after_s: float, code: int | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after_s = retry_after_s


class ExchangeUnavailable(ExchangeError):
    """Nothing was executed; asking again is safe."""


class OutcomeUnknown(ExchangeError):
    """It may have been executed; look before asking again."""
