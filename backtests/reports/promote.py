"""The values of the page that applies a run's parameters to a bot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backtests.models import Run
from backtests.reports.backtest.assumptions import setting
from backtests.reports.formats import label
from bots.bot_settings import run_values
from bots.models import BotConfig
from bots.settings.parse import make_settings

NOT_BOT_SETTINGS = (
    "initial_capital",
    "fee_rate",
    "maker_fee_rate",
    "slippage_bps",
)  # its money, and what trading costs


def change_rows(changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of `promote.apply_settings` with labels and texts."""
    return [
        {
            "label": label(row["name"]),
            "before": _shown(row["name"], row["before"]),
            "after": _shown(row["name"], row["after"]),
            "changes": row["changes"],
        }
        for row in changes
    ]


def differences(bot: BotConfig, run: Run, settings: Mapping[str, str]) -> list[dict[str, str]]:
    """Return in what a bot with `settings` applied still differs from the run."""
    rows = [
        {"label": "Symbol", "run": run.symbol, "bot": bot.symbol},
        {"label": "Interval", "run": run.interval, "bot": bot.timeframe},
    ]
    theirs = make_settings({**run.settings, **settings}).to_json()
    ours = make_settings(run_values(bot)).to_json()
    for name in ours:
        if name not in NOT_BOT_SETTINGS:
            values = (_shown(name, theirs.get(name)), _shown(name, ours[name]))
            rows.append({"label": label(name), "run": values[0], "bot": values[1]})
    return [row for row in rows if row["run"] != row["bot"]]


def _shown(name: str, value: Any) -> str:
    return setting(name, None if value == "off" else value)["value"] or "off"
