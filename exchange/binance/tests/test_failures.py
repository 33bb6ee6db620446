"""Test which error each failure of a call becomes."""

from __future__ import annotations

import pytest
import requests

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
from exchange.binance import failures
from exchange.binance.client import Answer


def failure(status: int, code: int = 0, message: str = "", retry_after: str | None = None) -> ExchangeError:
    return failures.from_answer(Answer(status, code, message, retry_after), changes=True)


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (400, -1013, "Filter failure: LOT_SIZE", FilterViolation),
        (400, -1013, "Stop price would trigger immediately.", WouldTriggerImmediately),
        (400, -2010, "Account has insufficient balance for requested action.", InsufficientBalance),
        (400, -2010, "Order would immediately match and take.", WouldTriggerImmediately),
        (400, -2010, "Duplicate order sent.", DuplicateOrder),
        (400, -2010, "Something new.", RequestRejected),
        (400, -2011, "Unknown order sent.", OrderNotFound),
        (400, -2013, "Order does not exist.", OrderNotFound),
        (401, -2015, "Invalid API-key, IP, or permissions for action.", InvalidCredentials),
        (400, -1021, "Timestamp for this request is outside of the recvWindow.", ExchangeUnavailable),
        (429, -1003, "Too many requests.", RateLimited),
        (418, -1003, "IP banned.", RateLimited),
        (400, -1007, "Timeout waiting for response from backend server.", OutcomeUnknown),
        (502, 0, "", OutcomeUnknown),
        (302, 0, "", RequestRejected),
    ],
)
def test_answer_becomes_the_error_that_tells_what_to_do(
    status: int, code: int, message: str, kind: type[ExchangeError]
) -> None:
    assert type(failure(status, code, message)) is kind


def test_server_error_of_a_read_is_unavailable() -> None:
    answer = Answer(502, 0, "", None)
    assert type(failures.from_answer(answer, changes=False)) is ExchangeUnavailable


@pytest.mark.parametrize(
    ("status", "message", "retry_after", "wait_s"),
    [
        (429, "", "7", 7),
        (429, "", None, 60),
        (418, "", None, 120),
        (429, "", "nan", 60),
        (429, "", "999999999", 3 * 86_400),
        (429, "Too many new orders; current limit is 50 orders per 10 SECOND.", None, 10),
    ],
)
def test_wait_is_read_from_header_or_text(status: int, message: str, retry_after: str | None, wait_s: float) -> None:
    error = failure(status, -1003, message, retry_after)
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == wait_s


def test_connection_that_was_never_made_executed_nothing() -> None:
    assert type(failures.from_network(requests.ConnectTimeout(), changes=True)) is ExchangeUnavailable


def test_connection_that_broke_leaves_a_change_in_doubt() -> None:
    assert type(failures.from_network(requests.ReadTimeout(), changes=True)) is OutcomeUnknown


def test_network_error_does_not_quote_the_address() -> None:
    error = failures.from_network(requests.ReadTimeout("https://host/?signature=abc"), changes=False)
    assert "abc" not in str(error)
