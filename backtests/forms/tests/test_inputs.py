"""Form inputs of runs: what they read, what they refuse, and how a stored value fills them in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django import forms

from backtests.forms.inputs import (
    DatasetField,
    MomentField,
    MomentInput,
    NumbersField,
    RangeField,
    RangeInput,
    range_name,
    suggested_range,
)
from bots.settings.strategies import search_fields
from bots.strategy.types import ParameterField
from exchange.models import Dataset

FIELDS = search_fields("ema_rsi")
FAST, STOP = FIELDS["ema_fast"], FIELDS["stop_loss"]


def dataset(missing=0) -> Dataset:
    return Dataset(
        symbol="BTCUSDT", interval="1h", rows=17_544, missing=missing,
        first_open_time=datetime(2023, 1, 1, tzinfo=UTC), last_open_time=datetime(2024, 12, 31, 23, tzinfo=UTC),
    )  # fmt: skip


def cleaned(field, value):
    return field.clean(value)


def refusal(field, value) -> str:
    with pytest.raises(forms.ValidationError) as refused:
        field.clean(value)
    return " ".join(refused.value.messages)


def parameter(default, minimum=1.0, maximum=1000.0, step=1.0, *, is_integer=True) -> ParameterField:
    return ParameterField("period", "Period", default, minimum, maximum, step, "", is_integer)


@pytest.mark.parametrize(("missing", "holes"), [(0, ""), (1234, " · 1,234 missing")])
def test_candles_are_offered_with_their_coverage(missing, holes):
    field = DatasetField()
    field.offer([dataset(missing)])
    label = f"BTCUSDT 1h · 2023-01-01 to 2024-12-31 · 17,544 bars{holes}"
    assert field.choices == [("", "Choose candles…"), ("BTCUSDT:1h", label)]


@pytest.mark.parametrize("text", ["2024-01-31", "2024-01-31T12:00", "2024-01-31T12:00+02:00"])
def test_a_moment_is_iso_text(text):
    assert cleaned(MomentField(), f" {text} ") == text


def test_an_empty_moment_is_the_datas_own_end():
    assert cleaned(MomentField(required=False), "") == ""


def test_a_moment_that_is_none_is_refused_with_an_example():
    assert refusal(MomentField(), "31.1.2024").startswith("“31.1.2024” is no date; write, for example, 2024-01-31")


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        ("2024-01-31", "date", "2024-01-31"),
        ("2024-01-31T00:00", "date", "2024-01-31"),
        ("2024-01-31T12:30", "datetime-local", "2024-01-31T12:30"),
        (datetime(2024, 1, 31, tzinfo=UTC), "date", "2024-01-31"),
        (datetime(2024, 1, 31, 1, tzinfo=timezone(timedelta(hours=1))), "date", "2024-01-31"),
        (None, "date", ""),
    ],
)
def test_a_moment_has_a_time_only_where_it_is_not_midnight(value, kind, text):
    widget = MomentInput().get_context("start", value, {})["widget"]
    assert (widget["type"], widget["value"]) == (kind, text)


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        (["5", "24", "", ""], "5:24"),
        ([" 5", "24 ", "2", ""], "5:24:2"),
        (["", "", "", "8, 5 ,13"], "8,5,13"),
        (["", "", "", ""], ""),
        (["", "", "3", ""], ""),  # a step alone varies nothing
    ],
)
def test_a_range_becomes_the_text_of_the_command(typed, text):
    assert cleaned(RangeField(FAST), typed) == text


@pytest.mark.parametrize("word", ["off", "Off", "none"])
def test_a_list_may_say_off(word):
    assert cleaned(RangeField(STOP), ["", "", "", f"{word}, 0.02"]) == "none,0.02"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["5", "", "", ""], "A range has both ends"),
        (["", "9", "", ""], "A range has both ends"),
        (["5", "9", "", "6"], "Give a range or a list, not both"),
        (["5", "", "", "6"], "Give a range or a list, not both"),
        (["", "9", "", "6"], "Give a range or a list, not both"),
        (["9", "5", "", ""], "must rise"),
        (["5", "x", "", ""], "“x” in “5:x” is not a number"),
        (["", "", "", "off, 5"], "Fast EMA cannot be off"),
        (["0", "5", "", ""], "Fast EMA lies between"),
    ],
)
def test_a_range_that_cannot_be_tried_is_refused(typed, words):
    assert words in refusal(RangeField(FAST), typed)


@pytest.mark.parametrize(
    ("text", "inputs"),
    [
        ("5:24", ["5", "24", "", ""]),
        ("5:24:2", ["5", "24", "2", ""]),
        ("none,0.02", ["", "", "", "off,0.02"]),
        ("", ["", "", "", ""]),
        (None, ["", "", "", ""]),
    ],
)
def test_a_stored_range_fills_in_its_inputs(text, inputs):
    assert RangeInput(FAST).decompress(text) == inputs


@pytest.mark.parametrize("text", ["5:24", "5:24:2", "5,8,13"])
def test_a_range_that_is_filled_in_reads_back_the_same(text):
    assert cleaned(RangeField(FAST), RangeInput(FAST).decompress(text)) == text


def test_the_inputs_of_a_range_stand_in_one_line():
    html = RangeInput(FAST).render("r", None, {})
    assert html.startswith('<span class="range-input"><input')
    assert html.endswith("></span>")


def test_the_inputs_of_a_range_say_what_they_are():
    html = RangeInput(FAST).render("r", ["5", "24", "", ""], {})
    assert all(f'aria-label="Fast EMA, {word}"' in html for word in ("from", "to", "step", "a list of values"))


@pytest.mark.parametrize(("described", "has_off"), [(FAST, False), (STOP, True)])
def test_a_list_offers_off_only_where_it_can_be(described, has_off):
    assert ("a list: off" in RangeInput(described).render("r", None, {})) is has_off


@pytest.mark.parametrize(
    ("described", "text"),
    [
        (parameter(20), "10:40:2"),
        (parameter(9), "4:18:1"),
        (parameter(2.0, step=0.1, minimum=0.1, is_integer=False), "1:4:0.1"),
        (parameter(1), "1:2:1"),  # not under the minimum
        (parameter(800), "400:1000:30"),  # nor over the maximum
    ],
)
def test_a_suggested_range_is_half_to_twice_the_default(described, text):
    assert suggested_range(described) == text


@pytest.mark.parametrize("name", FIELDS)
def test_a_suggested_range_is_always_accepted(name):
    field = RangeField(FIELDS[name])
    assert cleaned(field, field.widget.decompress(suggested_range(FIELDS[name])))


@pytest.mark.parametrize("text", ["1, 1.5, 2", "1 1.5 2", "1,1.5,,2"])
def test_numbers_are_separated_by_commas_or_spaces(text):
    assert cleaned(NumbersField(), text) == [1, 1.5, 2]


def test_a_word_among_numbers_is_refused():
    assert "separated by commas" in refusal(NumbersField(), "1, two")


def test_the_range_of_a_parameter_has_its_own_name():
    assert range_name("ema_rsi", "ema_fast") == "range__ema_rsi__ema_fast"
