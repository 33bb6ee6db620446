"""Bots and their records. Rules that the database can check are constraints here."""

from bots.models.config import BotConfig, BotConfigVersion, KillSwitch, Timeframe
from bots.models.records import (
    Action,
    BotRun,
    BotState,
    Decision,
    Fill,
    Incident,
    OperatorAction,
    Order,
    OrderState,
    ParityCheck,
    Purpose,
    Status,
    Trade,
)

__all__ = [
    "Action",
    "BotConfig",
    "BotConfigVersion",
    "BotRun",
    "BotState",
    "Decision",
    "Fill",
    "Incident",
    "KillSwitch",
    "OperatorAction",
    "Order",
    "OrderState",
    "ParityCheck",
    "Purpose",
    "Status",
    "Timeframe",
    "Trade",
]
