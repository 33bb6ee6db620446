"""The settings of a run as a value and as JSON."""

from __future__ import annotations

import json
import pickle
from decimal import Decimal

import pytest

from bots.settings.parse import make_settings
from bots.settings.schema import RUN_SETTINGS

CHANGED = {
    "strategy": "donchian",
    "entry_period": 55,
    "stop_loss": "0.05",
    "take_profit": "0.10",
    "maker_fee_rate": "0",
    "trading_hours": "Mon-Fri 08:00-20:00",
    "compounding": "no",
}


@pytest.mark.parametrize("values", [{}, CHANGED])
def test_settings_survive_json(values):
    settings = make_settings(values)
    assert make_settings(json.loads(json.dumps(settings.to_json()))) == settings


def test_json_has_every_setting_of_a_run():
    assert {setting.name for setting in RUN_SETTINGS} <= set(make_settings({}).to_json())


def test_json_has_decimals_as_plain_text():
    assert make_settings({"slippage_bps": "5.00"}).to_json()["slippage_bps"] == "5"


def test_json_has_null_for_what_is_off():
    assert make_settings({"stop_loss": "off"}).to_json()["stop_loss"] is None


def test_every_setting_is_an_attribute():
    assert make_settings({"stop_loss": "0.05"}).stop_loss == Decimal("0.05")


def test_an_unknown_attribute_is_refused():
    with pytest.raises(AttributeError, match="no setting 'stop_los'"):
        _ = make_settings({}).stop_los


def test_a_target_pays_the_taker_fee_by_default():
    assert make_settings({"fee_rate": "0.002"}).target_fee_rate == Decimal("0.002")


def test_a_target_may_pay_a_maker_fee():
    assert make_settings({"maker_fee_rate": 0}).target_fee_rate == 0


def test_settings_can_be_sent_to_another_process():
    settings = make_settings(CHANGED)
    assert pickle.loads(pickle.dumps(settings)) == settings
