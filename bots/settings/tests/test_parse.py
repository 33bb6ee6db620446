"""What a person may ask of a run, and what is said when it cannot be."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from bots.bot_settings import run_values
from bots.models import BotConfig
from bots.settings.engine import rule_settings
from bots.settings.parse import make_settings, parse_pairs
from bots.settings.run_settings import RunSettings
from bots.settings.schema import SettingError
from bots.strategy.types import SizeMode


def parameters(*pairs: str) -> RunSettings:
    return make_settings(parse_pairs([pairs]), symbol="BTCUSDT", interval="1h")


def test_defaults_are_those_of_a_new_bot():
    run, bot = make_settings({}), BotConfig()
    for name in run.to_json():
        if hasattr(bot, name) and name != "strategy_params":
            mine = getattr(run.strategy_params, name) if hasattr(run.strategy_params, name) else getattr(run, name)
            assert mine == getattr(bot, name), name
    assert (run.fee_rate, run.maker_fee_rate, run.slippage_bps) == (Decimal("0.001"), None, 0)


def test_a_bots_settings_become_those_of_its_run_one_for_one():
    bot = BotConfig(
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
    run = make_settings(run_values(bot))
    for name in run.to_json():
        if hasattr(bot, name):
            mine = getattr(run.strategy_params, name) if hasattr(run.strategy_params, name) else getattr(run, name)
            assert mine == getattr(bot, name), name


def test_pairs_come_in_groups_and_the_last_of_a_key_counts():
    assert parse_pairs([["a=1", "b=2"], ["a=3"]]) == {"a": "3", "b": "2"}


def test_none_switches_a_limit_off():
    run = parameters("stop_loss=0.02", "max_daily_trades=none", "maker_fee_rate=none", "slippage_bps=none")
    assert run.max_daily_trades is None
    assert math.isnan(rule_settings(run).risk.max_daily_trades)
    assert run.target_fee_rate == run.fee_rate
    assert run.slippage_bps == 0


def test_a_target_may_pay_another_fee():
    assert parameters("maker_fee_rate=0").target_fee_rate == 0


def test_steps_get_floats_and_nan_for_off():
    run = parameters("position_size_mode=risk", "risk_per_trade=0.01", "stop_loss=0.05", "cooldown_bars=3")
    assert rule_settings(run).size == (SizeMode.RISK, rule_settings(run).size.position_size_fixed, 0.5, 0.01, 0.05)
    assert math.isnan(rule_settings(run).size.position_size_fixed)
    assert rule_settings(run).exits.stop_loss == 0.05
    assert math.isnan(rule_settings(run).exits.take_profit)
    assert rule_settings(run).risk.cooldown_bars == 3


def test_the_strategys_own_settings_stand_beside_the_rest():
    run = parameters("strategy=donchian", "entry_period=55", "exit_period=20")
    assert run.strategy_params == (55, 20)
    assert run.to_json()["entry_period"] == 55


def test_the_market_may_be_repeated_but_not_contradicted():
    parameters("symbol=BTCUSDT", "timeframe=1h", "is_active=true")
    with pytest.raises(SettingError, match="contradicts --symbol BTCUSDT"):
        parameters("symbol=ETHUSDT")


@pytest.mark.parametrize(
    "pairs, says",
    [
        (["ema_fas=3"], "did you mean ema_fast"),
        (["entry_period=3"], "There is no setting 'entry_period'"),
        (["x"], "not key=value"),
        (["stop_loss=0"], "between 0.00000001 and 0.99999999"),
        (["stop_loss=1"], "between 0.00000001 and 0.99999999"),
        (["stop_loss=2%"], "must be a number"),
        (["max_drawdown=nan"], "must be a number"),
        (["take_profit=0.123456789"], "at most 8 decimals"),
        (["rsi_overbought=70.123"], "at most 2 decimals"),
        (["cooldown_bars=1.5"], "whole number"),
        (["max_daily_trades=0"], "between 1 and 32767"),
        (["initial_capital=none"], "cannot be off"),
        (["fee_rate=-0.001"], "between 0 and"),
        (["compounding=perhaps"], "true or false"),
        (["position_size_mode=all"], "fixed, percent or risk"),
        (["position_size_mode=fixed"], "how much quote each entry"),
        (["position_size_mode=risk", "risk_per_trade=0.01"], "needs a stop-loss"),
        (["ema_fast=30"], "must be under the slow EMA"),
        (["strategy=martingale"], "there are: ema_rsi"),
        (["trading_hours=Mon 8-9"], "is no time span"),
        (["is_active=false"], "decide nothing"),
    ],
)
def test_what_cannot_be_is_said_in_words(pairs, says):
    with pytest.raises(SettingError, match=says):
        parameters(*pairs)
