"""The page that puts a run's parameters into a bot: what changes, and what the run stood on that the bot lacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backtests.models import Run
from backtests.reports.backtest.assumptions import setting
from backtests.reports.formats import label
from bots.bot_settings import run_values
from bots.models import BotConfig
from bots.settings.parse import make_settings

NOT_OF_THE_BOT = ("initial_capital", "fee_rate", "maker_fee_rate", "slippage_bps")  # its money, and what trading costs


def changes_shown(changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of `apply_to_bot.put_into` as people read them."""
    return [
        {
            "label": label(row["name"]),
            "before": _shown(row["name"], row["before"]),
            "after": _shown(row["name"], row["after"]),
            "changes": row["changes"],
        }
        for row in changes
    ]


def unlike(bot: BotConfig, run: Run, wanted: Mapping[str, str]) -> list[dict[str, str]]:
    """Where a bot with `wanted` put into it still trades otherwise than the run did: the run does not speak for it."""
    rows = [
        {"label": "Symbol", "run": run.symbol, "bot": bot.symbol},
        {"label": "Interval", "run": run.interval, "bot": bot.timeframe},
    ]
    theirs = make_settings({**run.settings, **wanted}).to_json()
    ours = make_settings(run_values(bot)).to_json()
    for name in ours:
        if name not in NOT_OF_THE_BOT:
            values = (_shown(name, theirs.get(name)), _shown(name, ours[name]))
            rows.append({"label": label(name), "run": values[0], "bot": values[1]})
    return [row for row in rows if row["run"] != row["bot"]]


def _shown(name: str, value: Any) -> str:
    return setting(name, None if value == "off" else value)["value"] or "off"
