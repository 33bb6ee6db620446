"""Test the cells and columns of CSV files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal as D
from types import SimpleNamespace

import pytest

from core.csv import field, fields, plain, value_columns


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (D("1E-7"), "0.0000001"),
        (D("5.00"), "5"),
        (datetime(2024, 1, 2, 3, 4, tzinfo=UTC), "2024-01-02T03:04:00Z"),
        (datetime(2024, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=2))), "2024-01-02T01:04:00Z"),
        ({"a": [1]}, '{"a":[1]}'),
        (True, "True"),
    ],
)
def test_value_is_written_exactly(value: object, cell: str) -> None:
    assert plain(value) == cell


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\t1"])
def test_text_that_a_spreadsheet_would_run_is_quoted(text: str) -> None:
    assert plain(text) == "'" + text


def test_field_follows_a_relation() -> None:
    column = field("bot.name")
    assert (column.heading, column.value(SimpleNamespace(bot=SimpleNamespace(name="Alpha")))) == ("bot_name", "Alpha")


def test_field_of_a_missing_relation_is_empty() -> None:
    assert field("bot.name").value(SimpleNamespace(bot=None)) is None


def test_fields_have_their_own_names() -> None:
    assert [column.heading for column in fields("a", "b.c")] == ["a", "b_c"]


def test_value_columns_read_tuples_by_position() -> None:
    assert [column.value((1, 2)) for column in value_columns("a", "b__c")] == [1, 2]
