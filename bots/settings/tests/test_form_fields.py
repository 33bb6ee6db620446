"""Inputs of settings: what they read, and what they show."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from bots.settings.form_fields import (
    FractionField,
    SettingField,
    SymbolInput,
    input_name,
    parameter_fields,
    setting_fields,
    strategy_fieldsets,
)
from bots.settings.schema import BY_NAME, SETTINGS
from bots.strategy.registry import STRATEGIES

STOP = BY_NAME["stop_loss"]


@pytest.mark.parametrize("text", ["0.02", "2 %", "2%", " 2.0 % "])
def test_a_fraction_may_be_typed_in_percent(text):
    assert SettingField(STOP).clean(text) == Decimal("0.02")


def test_a_number_is_not_read_in_percent():
    with pytest.raises(ValidationError, match="must be a number"):
        SettingField(BY_NAME["initial_capital"]).clean("2 %")


def test_an_error_is_the_settings_own_sentence():
    with pytest.raises(ValidationError) as error:
        SettingField(STOP).clean("150 %")
    assert error.value.messages == ["Stop-loss must be between 0.00000001 and 0.99999999, not 1.5."]


def test_an_empty_input_is_off():
    assert SettingField(STOP).clean("") is None


def test_a_stored_value_is_shown_without_zeros():
    assert SettingField(STOP).prepare_value(Decimal("0.02000000")) == "0.02"


def test_a_fraction_is_shown_in_percent_too():
    assert "= 2.00 %" in SettingField(STOP).widget.render("stop_loss", "0.02")


def test_an_input_shows_its_unit():
    field = SettingField(BY_NAME["cooldown_bars"])
    assert '<span class="unit">bars</span>' in field.widget.render("cooldown_bars", 3)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_has_an_input_with_its_label_and_help(setting):
    field = setting_fields([setting])[setting.name]
    assert (field.label, field.help_text, field.initial) == (setting.label, setting.help, setting.default)


def test_a_fraction_that_is_no_setting_reads_percent():
    assert FractionField().clean("5 %") == Decimal("0.05")


def test_symbols_are_offered():
    assert '<option value="BTCUSDT">' in SymbolInput(["BTCUSDT"]).render("symbol", "")


def test_columns_have_inputs_of_their_own_name():
    assert input_name("ema_rsi", "ema_fast") == "ema_fast"


def test_other_parameters_are_prefixed_with_their_strategy():
    assert input_name("donchian", "entry_period") == "donchian__entry_period"


def test_every_parameter_has_an_input():
    names = {input_name(name, field.name) for name, strategy in STRATEGIES.items() for field in strategy.FIELDS}
    assert set(parameter_fields()) == names


def test_every_strategy_has_a_group():
    assert [title for title, _ in strategy_fieldsets()] == [f"{one.LABEL}: parameters" for one in STRATEGIES.values()]
