"""Reading the settings of a run, and the messages about what is wrong."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bots.models import BotConfig
from bots.settings.parse import make_settings, parse_pairs
from bots.settings.run_settings import RunSettings
from bots.settings.schema import SettingError


def parameters(*pairs: str) -> RunSettings:
    return make_settings(parse_pairs([pairs]), symbol="BTCUSDT", interval="1h")


def test_defaults_are_those_of_a_new_bot():
    run, bot = make_settings({}), BotConfig()
    for name in run.to_json():
        if hasattr(bot, name) and name != "strategy_params":
            mine = getattr(run.strategy_params, name) if hasattr(run.strategy_params, name) else getattr(run, name)
            assert mine == getattr(bot, name), name
    assert (run.fee_rate, run.maker_fee_rate, run.slippage_bps) == (Decimal("0.001"), None, 0)


def test_pairs_come_in_groups_and_the_last_of_a_key_counts():
    assert parse_pairs([["a=1", "b=2"], ["a=3"]]) == {"a": "3", "b": "2"}


def test_the_strategys_own_settings_stand_beside_the_rest():
    run = parameters("strategy=donchian", "entry_period=55", "exit_period=20")
    assert run.strategy_params == (55, 20)
    assert run.to_json()["entry_period"] == 55


def test_the_market_may_be_repeated():
    assert parameters("symbol=BTCUSDT", "timeframe=1h", "is_active=true") == parameters()


def test_the_market_may_not_be_contradicted():
    with pytest.raises(SettingError, match="contradicts --symbol BTCUSDT"):
        parameters("symbol=ETHUSDT")


@pytest.mark.parametrize(
    "pairs, message",
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
def test_a_wrong_setting_is_explained(pairs, message):
    with pytest.raises(SettingError, match=message):
        parameters(*pairs)


def test_parameters_of_ema_rsi_are_checked_beside_another_strategy():
    with pytest.raises(SettingError, match="must be between 1 and 1000"):
        parameters("strategy=donchian", "ema_fast=0")


def test_settings_of_bots_alone_are_left_out_of_a_run():
    assert (
        make_settings({"max_signal_age_s": 5, "stop_limit_distance": "0.01"}).to_json().get("stop_limit_distance")
        is None
    )
