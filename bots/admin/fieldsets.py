"""The groups of a bot's form, in order, with the settings that schema.py declares."""

from __future__ import annotations

from typing import Any

from bots.settings.form_fields import strategy_fieldsets
from bots.settings.schema import BOT_SETTINGS, Group

SCHEDULE = ("trading_hours", "max_signal_age_s")
DESCRIPTIONS = {
    Group.SIZE: "How much each entry buys. The bot spends from its own ledger alone.",
    Group.EXITS: "Stop and target rest on the exchange as one OCO and hold while the site is down.",
    Group.LIMITS: "They stop entries only. Exits always go out.",
}


def _settings_of(group: Group) -> list[str]:
    return [setting.name for setting in BOT_SETTINGS if setting.group == group and setting.name not in SCHEDULE]


FIELDSETS: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "Market",
        {
            "fields": ["name", ("api_key",), ("symbol", "timeframe")],
            "description": "What it trades, with whose money.",
        },
    ),
    ("Strategy", {"fields": ["strategy"], "classes": ["strategy-choice"]}),
    *strategy_fieldsets(),
    *(
        (str(group), {"fields": _settings_of(group), "description": description})
        for group, description in DESCRIPTIONS.items()
    ),
    (
        "Schedule",
        {"fields": list(SCHEDULE), "description": "The bot decides after each candle's close, by itself."},
    ),
)
THIS_CHANGE = ("This change", {"fields": ["reason_for_change"]})
# With view permission only: the chosen strategy's parameters, not the inputs of all.
READ_ONLY_FIELDSETS = tuple(
    (title, {**options, "fields": ["strategy", "strategy_parameters"]} if title == "Strategy" else options)
    for title, options in FIELDSETS
    if "strategy-parameters" not in options.get("classes", ())
)
