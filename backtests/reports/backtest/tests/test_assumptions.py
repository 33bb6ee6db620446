"""What a result stands on: costs, data, code, settings, and what a trade truly risks."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from backtests.engine.jit_cache import FOLDER
from backtests.models import Backtest
from backtests.reports.backtest.assumptions import GAPS_SHOWN, assumptions, setting, strategy_label


def shown(settings=None, **fields) -> dict:
    return assumptions(Backtest(**{"strategy": "ema_rsi", "settings": settings or {}, **fields}))


def costs(**settings) -> list[str]:
    return [row["value"] for row in shown(settings)["costs"]]


def facts(**fields) -> dict[str, str]:
    return {row["name"]: row["value"] for row in shown(**fields)["facts"]}


def group(title, settings, **fields) -> list[dict]:
    return next((one["rows"] for one in shown(settings, **fields)["groups"] if one["name"] == title), [])


def at_risk(**settings) -> list[dict]:
    return group("Truly at risk", {"position_size_mode": "risk", **settings})


def test_costs_are_the_runs_own():
    assert costs(fee_rate="0.001", maker_fee_rate="0.0002", slippage_bps="5")[:2] == ["0.1000%", "0.0200%"]


def test_a_target_pays_the_taker_fee_where_no_maker_fee_is_set():
    assert costs(fee_rate="0.001", maker_fee_rate=None)[1] == "0.1000%"


def test_a_maker_fee_of_zero_is_no_missing_one():
    assert costs(fee_rate="0.001", maker_fee_rate="0")[1] == "0.0000%"


def test_slippage_is_in_basis_points():
    assert costs(slippage_bps="2.50")[2].startswith("2.5 bps")


def test_facts_name_data_code_seed_and_result():
    named = facts(data_hash="data", code_version="code", seed=7, result_hash="result")
    assert named == {"Data": "data", "Code": "code", "Seed": "7", "Result": "result"}


def test_facts_tell_when_the_filters_were_read():
    assert facts(filters_at=datetime(2024, 5, 1, 12, 30, tzinfo=UTC))["Filters read"] == "2024-05-01 12:30 UTC"


@pytest.mark.parametrize(("version", "is_same"), [(FOLDER.name, True), ("older", False)])
def test_a_result_of_other_code_is_known(version, is_same):
    assert shown(code_version=version)["is_same_code"] is is_same


def test_gaps_have_their_first_and_last_bar():
    assert shown(gaps=[[0, 3_600_000]])["gaps"] == [{"first": "1970-01-01 00:00", "last": "1970-01-01 01:00"}]


def test_many_gaps_are_cut_but_counted():
    report = shown(gaps=[[0, 0]] * (GAPS_SHOWN + 3))
    assert (len(report["gaps"]), report["gap_count"]) == (GAPS_SHOWN, GAPS_SHOWN + 3)


def test_the_strategys_own_settings_come_first():
    title, *_ = (one["name"] for one in shown({"ema_fast": 9})["groups"])
    assert title == strategy_label("ema_rsi")


def test_a_strategys_setting_has_its_value():
    rows = {row["key"]: row["value"] for row in group(strategy_label("ema_rsi"), {"ema_fast": 9})}
    assert (rows["ema_fast"], rows["ema_slow"]) == ("9", "")


def test_settings_of_every_bot_are_a_group_of_their_own():
    rows = group("Money, exits, limits", {"ema_fast": 9, "stop_loss": "0.02"})
    assert [(row["key"], row["value"]) for row in rows] == [("stop_loss", "2%")]


def test_a_strategy_that_is_gone_still_shows_its_settings():
    rows = group("gone", {"strategy": "gone", "period": 3, "stop_loss": "0.02"}, strategy="gone")
    assert [(row["key"], row["value"]) for row in rows] == [("period", "3")]


def test_a_risk_over_the_stop_says_what_is_truly_at_risk():
    (row,) = at_risk(risk_per_trade="0.05", stop_loss="0.02")
    assert (row["key"], row["label"]) == ("risk_per_trade", "Risk per trade")
    assert "so 2 % of it is truly at risk" in row["value"]


@pytest.mark.parametrize("risk", ["0.02", "0.01"])
def test_a_risk_up_to_the_stop_is_what_it_says(risk):
    assert at_risk(risk_per_trade=risk, stop_loss="0.02") == []


def test_a_size_that_is_not_by_risk_has_no_such_row():
    assert at_risk(position_size_mode="percent", risk_per_trade="0.05", stop_loss="0.02") == []


def test_a_risk_without_a_stop_has_no_such_row():
    assert at_risk(risk_per_trade="0.05", stop_loss=None) == []


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("stop_loss", "0.025", "2.5%"),
        ("stop_loss", None, ""),
        ("trading_hours", "", ""),
        ("max_daily_trades", 4, "4"),
        ("deviations", 1.80, "1.8"),
        ("compounding", True, "yes"),
        ("compounding", False, "no"),
        ("initial_capital", "1000", "1000"),
    ],
)
def test_a_setting_is_shown_as_a_person_writes_it(name, value, text):
    assert setting(name, value)["value"] == text
