"""What promoting a result would change on a bot, and in what the bot would still differ from the run."""

from __future__ import annotations

import pytest

from backtests.models import Backtest
from backtests.reports.promote import change_rows, differences
from bots.models import BotConfig

BOT = BotConfig(name="Alpha", symbol="BTCUSDT", timeframe="1h")


def run(**fields) -> Backtest:
    """Return a run with the settings of the bot, but for what is named."""
    settings = {"strategy": "ema_rsi", **fields.pop("settings", {})}
    return Backtest(**{"symbol": "BTCUSDT", "interval": "1h", "strategy": "ema_rsi", "settings": settings, **fields})


def rows(of, settings=None) -> dict[str, tuple[str, str]]:
    return {row["label"]: (row["run"], row["bot"]) for row in differences(BOT, of, settings or {})}


@pytest.mark.parametrize(
    ("fields", "label", "values"),
    [
        ({"symbol": "ETHUSDT"}, "Symbol", ("ETHUSDT", "BTCUSDT")),
        ({"interval": "4h"}, "Interval", ("4h", "1h")),
    ],
)
def test_another_market_is_a_difference(fields, label, values):
    assert rows(run(**fields))[label] == values


def test_a_market_of_its_own_is_no_difference():
    assert not {"Symbol", "Interval"} & set(rows(run()))


def test_a_limit_of_the_run_that_the_bot_lacks_is_a_difference():
    assert rows(run(settings={"max_daily_trades": 3}))["Max. daily trades"] == ("3", "off")


def test_a_setting_that_is_applied_counts_for_the_run():
    assert rows(run(), {"ema_slow": "77"})["Slow EMA"][0] == "77"


def test_costs_are_no_settings_of_a_bot():
    assert not {label for label in rows(run(settings={"fee_rate": "0.005"})) if "fee" in label.lower()}


def test_a_change_is_shown_under_its_label():
    (row,) = change_rows([{"name": "ema_fast", "before": "9", "after": "7", "changes": True}])
    assert (row["label"], row["changes"]) == ("Fast EMA", True)
