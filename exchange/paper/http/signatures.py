"""Check who signed a request, and whether in time: HMAC-SHA256 over the bytes as sent, on the wall clock.

Keys are looked up in accounts.py; nothing here ever repeats a key or a signature in an error.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from decimal import Decimal

from exchange.paper import errors
from exchange.paper.protocol.parameters import Parameters

DEFAULT_RECEIVE_WINDOW_MS = Decimal(5000)
LONGEST_RECEIVE_WINDOW_MS = Decimal(60_000)
AHEAD_ALLOWED_MS = 1000
EARLIEST_TIMESTAMP_MS = 1_483_228_800_000  # 2017-01-01

_KEY = re.compile(r"^[A-Za-z0-9_-]{1,128}$", re.ASCII)
_SIGNATURE_PAIR = re.compile(rb"(^|&)signature=[^&]*")
_RECEIVE_WINDOW = re.compile(r"^[0-9]{1,20}(\.[0-9]{1,3})?$", re.ASCII)
_RECEIVE_WINDOW_PATTERN = r"^[0-9]{1,20}(\.[0-9]{1,3})?$"


def check_key_format(key: str | None) -> str:
    if not key or not _KEY.match(key):
        raise errors.bad_key_format()
    return key


def signed_payload(query: bytes, body: bytes) -> bytes:
    """Return the query string followed by the body, both as sent, without the `signature` pair."""
    return _without_signature(query) + _without_signature(body)


def _without_signature(part: bytes) -> bytes:
    if b"signature=" not in part:
        return part
    rest = _SIGNATURE_PAIR.sub(b"", part)
    return rest[1:] if rest.startswith(b"&") else rest


def sign(secret: str, payload: bytes) -> str:
    return hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()


def check_signature(secret: str, query: bytes, body: bytes, signature: str) -> None:
    """Raise -1022 unless `signature` (hex, in either case) was made with `secret` over exactly these bytes."""
    expected = sign(secret, signed_payload(query, body))
    if not hmac.compare_digest(expected.encode(), signature.lower().encode()):
        raise errors.bad_signature()


def check_timing(params: Parameters, wall_ms: int) -> None:
    """Accept a timestamp if it is < now + 1000 ms and now - timestamp <= recvWindow, both in ms or microseconds."""
    timestamp = params.time_ms("timestamp")
    if timestamp is None:
        raise errors.missing("timestamp")
    window = _receive_window(params)
    if timestamp < EARLIEST_TIMESTAMP_MS:
        raise errors.illegal_characters("timestamp", errors.INTEGER_PATTERN)
    if timestamp >= wall_ms + AHEAD_ALLOWED_MS:
        raise errors.ahead_of_server()
    if wall_ms - timestamp > window:
        raise errors.outside_receive_window()


def _receive_window(params: Parameters) -> Decimal:
    text = params.raw("recvWindow")
    if text is None:
        return DEFAULT_RECEIVE_WINDOW_MS
    if not _RECEIVE_WINDOW.match(text):
        raise errors.illegal_characters("recvWindow", _RECEIVE_WINDOW_PATTERN)
    window = Decimal(text)
    if window > LONGEST_RECEIVE_WINDOW_MS:
        raise errors.receive_window_too_long()
    return window
