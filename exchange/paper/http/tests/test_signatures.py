"""Test signatures against Binance's published example, and the timing of requests."""

from __future__ import annotations

import pytest

from exchange.paper.errors import ApiError
from exchange.paper.http.signatures import check_key_format, check_signature, check_timing, sign, signed_payload
from exchange.paper.protocol.parameters import Parameters

# https://developers.binance.com/docs/binance-spot-api-docs/rest-api/request-security
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
PAYLOAD = (
    b"symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
)
SIGNATURE = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
NOW = 1_700_000_000_000


def refusal(params: dict[str, str]) -> int | None:
    try:
        check_timing(Parameters(params), NOW)
    except ApiError as error:
        return error.code
    return None


def test_signature_is_that_of_the_documents() -> None:
    assert sign(SECRET, PAYLOAD) == SIGNATURE


def test_valid_signature_in_capitals_is_accepted() -> None:
    check_signature(SECRET, PAYLOAD, b"", SIGNATURE.upper())


def test_other_bytes_make_the_signature_invalid() -> None:
    with pytest.raises(ApiError, match="-1022"):
        check_signature(SECRET, PAYLOAD + b"0", b"", SIGNATURE)


@pytest.mark.parametrize("query", [b"a=1&signature=ff&b=2", b"a=1&b=2&signature=ff", b"signature=ff&a=1&b=2"])
def test_signature_is_left_out_wherever_it_stands(query: bytes) -> None:
    assert signed_payload(query, b"") == b"a=1&b=2"


def test_body_follows_the_query_without_a_separator() -> None:
    assert signed_payload(b"a=1", b"b=2") == b"a=1b=2"


@pytest.mark.parametrize("key", [None, "", "a b", "k" * 129])
def test_malformed_key_is_refused(key: str | None) -> None:
    with pytest.raises(ApiError, match="-2014"):
        check_key_format(key)


@pytest.mark.parametrize(
    ("timestamp", "code"),
    [(NOW, None), (NOW - 5000, None), (NOW - 5001, -1021), (NOW + 999, None), (NOW + 1000, -1021), (1, -1100)],
)
def test_timestamp_must_lie_in_the_window(timestamp: int, code: int | None) -> None:
    assert refusal({"timestamp": str(timestamp)}) == code


def test_timestamp_in_microseconds_is_understood() -> None:
    assert refusal({"timestamp": str(NOW * 1000)}) is None


@pytest.mark.parametrize(("window", "code"), [("10000", None), ("60000.001", -1131), ("x", -1100)])
def test_receive_window_is_read(window: str, code: int | None) -> None:
    assert refusal({"timestamp": str(NOW - 9000), "recvWindow": window}) == code


def test_missing_timestamp_is_refused() -> None:
    assert refusal({}) == -1102
