"""Reading one setting: its kind, its bounds, what turns it off, and the message about what is wrong."""

from __future__ import annotations

import pickle
from decimal import Decimal

import pytest
from django.core.validators import MaxValueValidator, MinValueValidator

from bots.models import BotConfig
from bots.settings.schema import BOT_SETTINGS, BY_NAME, SETTINGS, Setting, SettingError, SettingKind

NUMBERS = (SettingKind.AMOUNT, SettingKind.FRACTION, SettingKind.NUMBER, SettingKind.COUNT)
BOUNDED = [setting for setting in SETTINGS if setting.kind in NUMBERS]


def by_name(setting: Setting) -> str:
    return setting.name


@pytest.mark.parametrize("setting", BOUNDED, ids=by_name)
def test_both_bounds_are_allowed(setting):
    assert (setting.read(setting.low), setting.read(setting.high)) == (setting.low, setting.high)


@pytest.mark.parametrize("setting", BOUNDED, ids=by_name)
@pytest.mark.parametrize("side", ["low", "high"])
def test_a_value_beyond_a_bound_is_refused_with_both(setting, side):
    beyond = setting.low - 1 if side == "low" else setting.high + 1
    with pytest.raises(SettingError) as error:
        setting.read(beyond)
    assert error.value.sentence == (
        f"{setting.label} must be between {setting.low:f} and {setting.high:f}, not {beyond}."
    )


@pytest.mark.parametrize("setting", [s for s in BOUNDED if s.can_be_off], ids=by_name)
@pytest.mark.parametrize("word", ["none", "off", "", " None ", None])
def test_an_optional_setting_is_turned_off(setting, word):
    assert setting.read(word) == setting.off


@pytest.mark.parametrize("setting", [s for s in BOUNDED if not s.can_be_off], ids=by_name)
def test_a_required_setting_cannot_be_turned_off(setting):
    with pytest.raises(SettingError, match=f"{setting.label} cannot be off; give a number"):
        setting.read("none")


@pytest.mark.parametrize("setting", SETTINGS, ids=by_name)
def test_a_default_can_be_read(setting):
    assert setting.read(setting.default) == (setting.off if setting.default is None else setting.default)


@pytest.mark.parametrize("setting", [s for s in SETTINGS if s.search], ids=by_name)
def test_a_search_range_surrounds_its_suggestion(setting):
    assert setting.search.low <= setting.search.suggested <= setting.search.high


@pytest.mark.parametrize("value", ["nan", "inf", "1e", "two", True])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(SettingError, match="Stop-loss must be a number"):
        BY_NAME["stop_loss"].read(value)


def test_a_count_must_be_whole():
    with pytest.raises(SettingError, match=r"Cooldown must be a whole number, not 1\.5"):
        BY_NAME["cooldown_bars"].read("1.5")


def test_too_many_decimals_are_refused():
    with pytest.raises(SettingError, match="Slippage may have at most 4 decimals"):
        BY_NAME["slippage_bps"].read("0.00001")


def test_trailing_zeros_are_no_decimals():
    assert BY_NAME["slippage_bps"].read("5.0000000000") == 5


@pytest.mark.parametrize(("word", "value"), [("true", True), ("Yes", True), ("0", False), ("off", False)])
def test_a_flag_is_read_from_words(word, value):
    assert BY_NAME["compounding"].read(word) is value


def test_a_choice_lists_what_there_is():
    with pytest.raises(SettingError, match="Position sizing must be fixed, percent or risk, not 'all'"):
        BY_NAME["position_size_mode"].read("all")


def test_an_error_can_be_sent_to_another_process():
    error = pickle.loads(pickle.dumps(SettingError("stop_loss", "is wrong")))
    assert (error.field, error.sentence) == ("stop_loss", "is wrong")


@pytest.mark.parametrize("setting", BOT_SETTINGS, ids=by_name)
def test_a_model_field_has_the_declared_label_and_help(setting):
    field = BotConfig._meta.get_field(setting.name)
    assert (field.verbose_name, field.help_text) == (setting.label, setting.help)


@pytest.mark.parametrize("setting", [s for s in BOT_SETTINGS if s.kind in NUMBERS], ids=by_name)
def test_a_model_field_has_the_declared_bounds(setting):
    validators = BotConfig._meta.get_field(setting.name).validators
    assert MinValueValidator(setting.low) in validators
    assert MaxValueValidator(setting.high) in validators


@pytest.mark.parametrize("setting", [s for s in BOT_SETTINGS if s.kind in NUMBERS], ids=by_name)
def test_a_model_field_is_null_only_where_off_has_no_number(setting):
    assert BotConfig._meta.get_field(setting.name).null == (setting.can_be_off and setting.off is None)


@pytest.mark.parametrize("setting", BOT_SETTINGS, ids=by_name)
def test_a_model_field_has_the_declared_default(setting):
    default = setting.default if setting.default is not None else setting.off
    assert getattr(BotConfig(), setting.name) == default


@pytest.mark.parametrize(
    "setting",
    [s for s in BOT_SETTINGS if s.kind in (SettingKind.AMOUNT, SettingKind.FRACTION)],
    ids=by_name,
)
def test_a_model_field_holds_the_largest_value(setting):
    field = BotConfig._meta.get_field(setting.name)
    whole = field.max_digits - field.decimal_places
    assert field.decimal_places == setting.decimals
    assert setting.high < Decimal(10) ** whole
