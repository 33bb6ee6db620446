"""Columns of admin lists, declared in a line."""

from __future__ import annotations

from types import SimpleNamespace

from core.admin_columns import column, number, number_column

ROW = SimpleNamespace(value=5)


def test_a_column_shows_its_function_of_the_row():
    assert column("Value", lambda row: row.value + 1)(None, ROW) == 6


def test_a_column_has_its_label_and_order():
    declared = column("Value", lambda row: row.value, ordering="value")
    assert (declared.short_description, declared.admin_order_field) == ("Value", "value")


def test_a_number_is_a_cell_of_its_own():
    assert number("5", "gain") == '<span class="cell-num gain">5</span>'


def test_a_number_column_has_the_tone_of_its_row():
    declared = number_column("Value", lambda row: str(row.value), tone=lambda row: "gain" if row.value > 0 else "")
    assert declared(None, ROW) == '<span class="cell-num gain">5</span>'


def test_what_a_number_column_shows_is_escaped():
    assert "<b>" not in number_column("Value", lambda row: "<b>")(None, ROW)
