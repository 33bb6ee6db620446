"""Strategies' parameters as settings: bounds, kinds and what fits together."""

from __future__ import annotations

import pytest

from bots.settings.schema import SettingError
from bots.settings.strategies import (
    can_be_off,
    common_search_fields,
    labels,
    search_fields,
    strategy_settings,
    varied_params,
)
from bots.settings.validate import check
from bots.strategy import registry


@pytest.mark.parametrize(
    "name, values, field, sentence",
    [
        ("ema_rsi", {"ema_fast": 0}, "ema_fast", "Fast EMA must be between 1 and 1000, not 0."),
        ("ema_rsi", {"rsi_period": 501}, "rsi_period", "RSI period must be between 2 and 500, not 501."),
        ("ema_rsi", {"ema_fast": 2.5}, "ema_fast", "Fast EMA must be a whole number, not 2.5."),
        ("ema_rsi", {"ema_fast": True}, "ema_fast", "Fast EMA must be a number, not True."),
        ("ema_rsi", {"ema_fast": "nan"}, "ema_fast", "Fast EMA must be a number, not 'nan'."),
        ("ema_rsi", {"ema_fast": 26}, "ema_fast", "The fast EMA (26) must be under the slow EMA (26)."),
        ("ema_rsi", {"rsi_oversold": 70}, "rsi_oversold", "RSI oversold (70) must be under RSI overbought (70)."),
        (
            "ema_rsi",
            {"rsi_oversold": "30.123"},
            "rsi_oversold",
            "RSI oversold may have at most 2 decimals, not 30.123.",
        ),
    ],
)
def test_a_wrong_parameter_is_named_with_its_bound(name, values, field, sentence):
    assert check(name, values, ()).problems == {field: sentence}


def test_an_unknown_strategy_lists_those_that_there_are():
    with pytest.raises(SettingError, match="there are: ema_rsi, donchian, bollinger"):
        strategy_settings("martingale")


def test_params_carry_the_types_that_the_strategy_declares():
    params = check("bollinger", {"period": "10", "deviations": "1.5"}, ()).strategy_params
    assert (type(params.period), type(params.deviations)) == (int, float)


def test_varied_params_keep_what_does_not_vary():
    params = check("ema_rsi", {}, ()).strategy_params
    assert varied_params("ema_rsi", params, {"ema_fast": 7.0}) == params._replace(ema_fast=7)


def test_varied_params_that_do_not_fit_are_refused():
    params = check("ema_rsi", {}, ()).strategy_params
    with pytest.raises(SettingError, match="must be under the slow EMA"):
        varied_params("ema_rsi", params, {"ema_fast": 30})


def test_a_search_may_vary_the_strategys_own_first():
    own = [field.name for field in registry.get("donchian").FIELDS]
    assert list(search_fields("donchian"))[: len(own)] == own


def test_every_common_search_field_has_its_suggestion_within_its_bounds():
    assert all(field.minimum <= field.default <= field.maximum for field in common_search_fields())


@pytest.mark.parametrize("name, expected", [("stop_loss", True), ("cooldown_bars", False), ("ema_fast", False)])
def test_only_optional_settings_can_be_off(name, expected):
    assert can_be_off(name) is expected


def test_every_setting_and_parameter_has_a_label():
    assert labels()["stop_loss"] == "Stop-loss"
    assert labels()["ema_fast"] == "Fast EMA"
