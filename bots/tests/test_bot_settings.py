"""A bot's configuration as settings."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bots.bot_settings import check_bot, parameter_values, run_values, strategy_params
from bots.models import BotConfig
from bots.settings.parse import make_settings
from bots.settings.schema import RUN_SETTINGS, SettingError

CHANGED = BotConfig(
    ema_fast=9,
    rsi_oversold=Decimal(0),
    initial_capital=Decimal("2500.50"),
    position_size_mode="fixed",
    position_size_fixed=Decimal(250),
    position_size_perc=Decimal("0.25"),
    compounding=False,
    take_profit=Decimal("0.05"),
    trailing_stop=Decimal("0.10"),
    max_daily_trades=10,
    cooldown_bars=3,
    trading_hours="Mon-Fri 08:00-20:00",
)


def test_parameters_of_ema_rsi_are_the_columns():
    assert parameter_values(BotConfig(ema_fast=9))["ema_fast"] == 9


def test_parameters_of_other_strategies_are_stored_by_name():
    bot = BotConfig(strategy="donchian", parameters={"entry_period": 30, "exit_period": 7})
    assert parameter_values(bot) == {"entry_period": 30, "exit_period": 7}


def test_a_strategy_gets_its_parameters_typed():
    bot = BotConfig(strategy="bollinger", parameters={"period": 10, "deviations": "1.5"})
    assert strategy_params(bot) == (10, 1.5)


def test_parameters_out_of_bounds_are_refused_by_name():
    with pytest.raises(SettingError) as error:
        strategy_params(BotConfig(ema_fast=0))
    assert error.value.field == "ema_fast"


def test_checking_a_bot_names_its_problems():
    assert set(check_bot(BotConfig(stop_loss=Decimal(2), ema_fast=0)).problems) == {"stop_loss", "ema_fast"}


def test_checking_a_bot_of_an_unknown_strategy_names_it():
    assert set(check_bot(BotConfig(strategy="martingale")).problems) == {"strategy"}


@pytest.mark.parametrize("setting", [s for s in RUN_SETTINGS if s.of_bot], ids=lambda setting: setting.name)
def test_a_setting_of_a_bot_is_that_of_its_run(setting):
    run = make_settings(run_values(CHANGED))
    assert getattr(run, setting.name) == getattr(CHANGED, setting.name)


@pytest.mark.parametrize("name", ["ema_fast", "ema_slow", "rsi_period", "rsi_overbought", "rsi_oversold"])
def test_a_parameter_of_a_bot_is_that_of_its_run(name):
    run = make_settings(run_values(CHANGED))
    assert getattr(run.strategy_params, name) == getattr(CHANGED, name)
