"""Settings as the strategy steps take them: floats, and NaN for what is off."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from bots.models import BotConfig
from bots.settings.engine import rule_settings
from bots.settings.parse import make_settings
from bots.strategy.types import SizeMode

RISK = {"position_size_mode": "risk", "risk_per_trade": "0.01", "stop_loss": "0.05", "cooldown_bars": 3}


def test_sizes_are_floats_and_the_mode_a_number():
    size = rule_settings(make_settings(RISK)).size
    assert (size.position_size_mode, size.risk_per_trade, size.stop_loss) == (SizeMode.RISK, 0.01, 0.05)


@pytest.mark.parametrize("name", ["position_size_fixed"])
def test_a_size_that_is_off_is_nan(name):
    assert math.isnan(getattr(rule_settings(make_settings(RISK)).size, name))


@pytest.mark.parametrize("name", ["take_profit", "trailing_stop"])
def test_an_exit_that_is_off_is_nan(name):
    assert math.isnan(getattr(rule_settings(make_settings(RISK)).exits, name))


@pytest.mark.parametrize("name", ["max_daily_trades", "max_daily_loss", "daily_profit_target", "max_drawdown"])
def test_a_limit_that_is_off_is_nan(name):
    assert math.isnan(getattr(rule_settings(make_settings({name: "none"})).risk, name))


def test_a_cooldown_is_a_whole_number():
    assert rule_settings(make_settings(RISK)).risk.cooldown_bars == 3


def test_a_bot_and_a_run_of_the_same_settings_have_the_same_rules():
    bot = BotConfig(
        position_size_mode="risk", risk_per_trade=Decimal("0.01"), stop_loss=Decimal("0.05"), cooldown_bars=3
    )
    assert str(rule_settings(bot)) == str(rule_settings(make_settings(RISK)))  # as text, because NaN is not itself
