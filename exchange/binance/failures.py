"""Translate every status, code, text and network error into the errors of exchange/api/errors.py.

The question behind each case is whether an order may have been executed. `changes` says that the call was one that
could (placing or cancelling); then everything short of a clear no is `OutcomeUnknown`.
"""

from __future__ import annotations

import math
import re
import time

import requests
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError

from exchange.api.errors import (
    DuplicateOrder,
    ExchangeError,
    ExchangeUnavailable,
    FilterViolation,
    InsufficientBalance,
    InvalidCredentials,
    OrderNotFound,
    OutcomeUnknown,
    RateLimited,
    RequestRejected,
    WouldTriggerImmediately,
)
from exchange.binance.client import Answer

CLOCK_IS_OFF = -1021
TOO_MANY_ORDERS = -1015

# UNKNOWN, DISCONNECTED, UNEXPECTED_RESP, TIMEOUT, SERVER_BUSY: the engine may have got the order before it went wrong.
# -2021: half of a cancel-and-replace was done.
_IN_DOUBT = frozenset({-1000, -1001, -1006, -1007, -1008, -2021})
_CREDENTIALS = frozenset({-1002, -1022, -2014, -2015})
# -2026: cancelled or expired without a fill long ago and archived, so nothing of it is left to find.
_NOT_FOUND = frozenset({-2011, -2013, -2026})
_DEFAULT_WAIT_S = {418: 120.0, 429: 60.0}
_LONGEST_MESSAGE = 300
_LONGEST_WAIT_S = 3 * 86_400.0  # the longest ban there is; a header that says more, or nonsense, is not believed

# Codes are stable, but -2010 and -1013 cover many cases that only the text tells apart.
_BY_TEXT: tuple[tuple[str, type[RequestRejected]], ...] = (
    ("filter failure", FilterViolation),
    ("insufficient balance", InsufficientBalance),
    ("would trigger immediately", WouldTriggerImmediately),
    ("immediately match", WouldTriggerImmediately),
    ("relationship of the prices", WouldTriggerImmediately),
    ("duplicate order", DuplicateOrder),
)


def from_answer(answer: Answer, *, changes: bool) -> ExchangeError:
    """Return the error for an answer that is not a success."""
    words = _words(answer)
    if answer.status in (418, 429) or answer.code in (-1003, TOO_MANY_ORDERS):
        return RateLimited(words, retry_after_s=_wait_s(answer), code=answer.code)
    if answer.status >= 500 or answer.code in _IN_DOUBT:
        return _doubt(words, changes, answer.code)
    if answer.code == CLOCK_IS_OFF:  # judged before the engine sees the order
        return ExchangeUnavailable(words, code=answer.code)
    if answer.status == 401 or answer.code in _CREDENTIALS:
        return InvalidCredentials(words, code=answer.code)
    if answer.code == 0:
        return _not_the_exchange(answer, words, changes)
    return _refusal(answer)(words, code=answer.code)


def _refusal(answer: Answer) -> type[RequestRejected]:
    if answer.code in _NOT_FOUND:
        return OrderNotFound
    if answer.code in (-2010, -1013):
        text = answer.message.lower()
        for part, kind in _BY_TEXT:
            if part in text:
                return kind
    return FilterViolation if answer.code == -1013 else RequestRejected


def _not_the_exchange(answer: Answer, words: str, changes: bool) -> ExchangeError:
    """Return the error for an answer without Binance's code: a firewall, a proxy or another server answered."""
    if 300 <= answer.status < 400:
        return RequestRejected(f"{words}: the address redirects elsewhere; is it the right one?")
    if changes:
        return OutcomeUnknown(words)
    return RequestRejected(f"{words}: this is not an answer of the exchange; is the address right, is it blocked?")


def _words(answer: Answer) -> str:
    if answer.code == 0:
        return f"the exchange answered HTTP {answer.status} without a reason"
    return f"{answer.message[:_LONGEST_MESSAGE] or 'no reason given'} (code {answer.code})"


def _wait_s(answer: Answer) -> float:
    """Return how long to wait: by the header, else by the text, else a careful guess."""
    try:
        wait_s = float(answer.retry_after or "")
    except ValueError:
        wait_s = math.nan
    if math.isfinite(wait_s):
        return min(max(0.0, wait_s), _LONGEST_WAIT_S)
    until = re.search(r"banned until ([0-9]{13})(?![0-9])", answer.message)
    if until:
        return min(max(1.0, int(until[1]) / 1000 - time.time()), _LONGEST_WAIT_S)
    per_seconds = re.search(r"per (\d+) ?SECOND", answer.message)
    if per_seconds:
        return float(per_seconds[1])
    return _DEFAULT_WAIT_S.get(answer.status, 60.0)


def from_network(error: Exception, *, changes: bool) -> ExchangeError:
    """Return the error for a request without an answer. The library's text holds the signed address, so it is not
    quoted.
    """
    name = type(error).__name__
    if _was_not_sent(error):
        return ExchangeUnavailable(f"the exchange cannot be reached ({name})")
    return _doubt(f"the connection failed before an answer came ({name})", changes)


def _was_not_sent(error: Exception) -> bool:
    """Return True if the connection was never made, so that nothing can have been executed."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.InvalidURL):
        return True
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)  # a name that does not resolve is one of these


def unreadable(what: str, *, changes: bool) -> ExchangeError:
    """Return the error for a success that cannot be understood."""
    return _doubt(f"the exchange's answer cannot be read: {what}", changes)


def _doubt(words: str, changes: bool, code: int | None = None) -> ExchangeError:
    if changes:
        return OutcomeUnknown(f"{words}; whether it was executed is not known", code=code)
    return ExchangeUnavailable(words, code=code)
