"""Test that each way of getting a parameter wrong has its documented code."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

from exchange.paper.errors import ApiError
from exchange.paper.protocol.parameters import Parameters, merge, parse_pairs


def code_of(call: Any) -> int | None:
    try:
        call()
    except ApiError as error:
        return error.code
    return None


def test_pairs_are_decoded_in_order() -> None:
    assert parse_pairs("a=1+2&b=%41&c") == [("a", "1 2"), ("b", "A"), ("c", "")]


def test_name_in_query_and_body_takes_the_querys_value() -> None:
    assert merge("a=1", "a=2&b=3").require("a") == "1"


def test_name_twice_in_one_part_is_refused() -> None:
    assert code_of(lambda: merge("a=1&a=2", "")) == -1101


@pytest.mark.parametrize(("text", "value"), [("1", D(1)), ("0.10000000", D("0.1")), ("1.000000000", D(1))])
def test_decimal_is_exact(text: str, value: D) -> None:
    assert Parameters({"q": text}).decimal("q") == value


@pytest.mark.parametrize(("text", "code"), [("1e3", -1100), ("-1", -1100), ("0.000000001", -1111), ("", -1105)])
def test_bad_decimal_has_its_code(text: str, code: int) -> None:
    assert code_of(lambda: Parameters({"q": text}).decimal("q")) == code


@pytest.mark.parametrize(("text", "code"), [("x", -1100), ("1.0", -1100), ("-1", -1100), ("9" * 20, -1108)])
def test_bad_integer_has_its_code(text: str, code: int) -> None:
    assert code_of(lambda: Parameters({"n": text}).integer("n")) == code


def test_largest_integer_is_taken() -> None:
    assert Parameters({"n": str(2**63 - 1)}).integer("n") == 2**63 - 1


@pytest.mark.parametrize(("sent", "limit"), [({}, 500), ({"limit": "7"}, 7), ({"limit": "5000"}, 1000)])
def test_limit_has_a_default_and_a_maximum(sent: dict[str, str], limit: int) -> None:
    assert Parameters(sent).limit(500, 1000) == limit


def test_limit_of_zero_is_refused() -> None:
    assert code_of(lambda: Parameters({"limit": "0"}).limit(500, 1000)) == -1130


@pytest.mark.parametrize("text", ["1700000000000", "1700000000000000"])
def test_time_is_read_in_both_units(text: str) -> None:
    assert Parameters({"t": text}).time_ms("t") == 1_700_000_000_000


@pytest.mark.parametrize(("text", "value"), [("true", True), ("FALSE", False)])
def test_flag_is_read_in_any_case(text: str, value: bool) -> None:
    assert Parameters({"f": text}).flag("f") is value


def test_flag_that_is_neither_is_refused() -> None:
    assert code_of(lambda: Parameters({"f": "yes"}).flag("f")) == -1100


def test_choice_outside_the_list_is_refused() -> None:
    assert code_of(lambda: Parameters({"c": "z"}).choice("c", ("a", "b"))) == -1130


def test_missing_mandatory_parameter_is_named() -> None:
    with pytest.raises(ApiError, match="symbol"):
        Parameters({}).symbol()


def test_parameter_that_must_not_be_sent_is_refused() -> None:
    assert code_of(lambda: Parameters({"price": "1"}).refuse("price")) == -1106


def test_symbols_are_a_json_array() -> None:
    assert Parameters({"symbols": '["BTCUSDT", "ETHUSDT"]'}).symbols() == ("BTCUSDT", "ETHUSDT")
