"""What the pages of one bot list: versions, parity checks and records. Candles for charts are in charts.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.core.exceptions import FieldDoesNotExist

from bots.models import BotConfig, BotConfigVersion, BotRun, Decision, Incident, Order, ParityCheck, Trade


@dataclass(frozen=True, slots=True)
class Change:
    """Describe one field that differs between two versions."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class VersionEntry:
    """Pair a version with its changes."""

    version: BotConfigVersion
    changes: list[Change]


def versions(bot: BotConfig, limit: int = 30) -> list[VersionEntry]:
    """Return the newest versions with the changes of each; the first one has none."""
    rows = list(bot.versions.select_related("author").order_by("-number")[: limit + 1])
    older: list[BotConfigVersion | None] = [*rows[1:], None]
    return [VersionEntry(row, changes(before, row)) for row, before in zip(rows, older, strict=True)][:limit]


def changes(before: BotConfigVersion | None, after: BotConfigVersion) -> list[Change]:
    """Return every field whose value differs, by its label on the form."""
    if before is None:
        return []
    names = [name for name in after.values if before.values.get(name) != after.values[name]]
    return [Change(_label(name), _shown(before.values.get(name)), _shown(after.values[name])) for name in names]


def _label(name: str) -> str:
    try:
        return str(getattr(BotConfig._meta.get_field(name), "verbose_name", name))
    except FieldDoesNotExist:
        return name


def _shown(value: object) -> str:
    if value is None or value == "":
        return "off"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key} {part}" for key, part in value.items()) or "none"
    return str(value)


def latest_parity(bot_ids: Sequence[int]) -> dict[int, ParityCheck]:
    """Return the last check of each bot, without its differences, by one query."""
    checks = ParityCheck.objects.filter(bot__in=bot_ids).order_by("bot_id", "-checked_at").distinct("bot_id")
    return {check.bot_id: check for check in checks.defer("rows", "causes", "notes")}


def parity_checks(bot: BotConfig, limit: int = 12) -> list[ParityCheck]:
    """Return a bot's last checks, newest first."""
    return list(bot.parity_checks.order_by("-checked_at")[:limit])


@dataclass(frozen=True, slots=True)
class Records:
    """Hold what a bot's live page lists below its chart."""

    decisions: list[Decision]
    orders: list[Order]
    trades: list[Trade]
    runs: list[BotRun]
    incidents: list[Incident]


def records(bot: BotConfig, limit: int = 50) -> Records:
    """Return the newest records of each kind, by five queries."""
    return Records(
        decisions=list(bot.decisions.order_by("-bar")[:limit]),
        orders=list(bot.orders.order_by("-created_at", "-pk")[:limit]),
        trades=list(bot.trades.order_by("-opened_at")[:limit]),
        runs=list(bot.runs.order_by("-started_at")[:20]),
        incidents=list(bot.incidents.order_by("-last_seen_at")[:20]),
    )
