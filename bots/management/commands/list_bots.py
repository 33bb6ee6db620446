"""`manage.py list_bots`: list every bot with its state and last decision."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.db.models import OuterRef, Subquery, Sum
from rich.console import Console
from rich.table import Table

from bots.models import BotConfig, Decision, Trade

COLUMNS = ("bot", "market", "strategy", "status", "position", "closed PnL", "last decision", "venue")


class Command(BaseCommand):
    help = "List bots with status, position, profit and last decision."

    def handle(self, *args: Any, **options: Any) -> None:
        table = Table(*COLUMNS, title="Bots")
        for bot in _bots():
            table.add_row(*_cells(bot))
        if not table.row_count:
            self.stdout.write("There are no bots yet; create one in the admin.")
            return
        Console(file=self.stdout, width=160 if not self.stdout.isatty() else None).print(table)  # type: ignore[arg-type]


def _bots() -> Any:
    last = Decision.objects.filter(bot=OuterRef("pk")).order_by("-bar")
    closed = Trade.objects.filter(bot=OuterRef("pk"), closed_at__isnull=False).order_by()
    return BotConfig.objects.select_related("api_key", "state").annotate(
        last_action=Subquery(last.values("action")[:1]),
        last_reason=Subquery(last.values("reason")[:1]),
        last_bar=Subquery(last.values("bar")[:1]),
        closed_pnl=Subquery(closed.values("bot").annotate(total=Sum("net_pnl")).values("total")),
    )


def _cells(bot: Any) -> tuple[str, ...]:
    base = bot.state.base.normalize() if bot.state.base else 0
    decision = f"{bot.last_bar:%m-%d %H:%M} {bot.last_action} {bot.last_reason}".strip() if bot.last_bar else "none yet"
    venue = f"{bot.api_key.venue} (simulated)" if bot.api_key.is_simulated else bot.api_key.venue
    return (
        bot.name,
        f"{bot.symbol} {bot.timeframe}",
        bot.strategy,
        bot.state.status,
        f"{base:f}" if base else "flat",
        f"{bot.closed_pnl:.2f}" if bot.closed_pnl is not None else "0",
        decision,
        venue,
    )
