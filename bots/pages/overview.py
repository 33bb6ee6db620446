"""What the site's first page and every page's header show, as plain values by a fixed number of queries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Count
from django.utils import timezone

from bots.models import BotConfig, Incident, KillSwitch, Status, Trade
from bots.pages.bot_facts import SECRETS, ZERO, BotFacts, facts
from exchange.models import Venue


@dataclass(frozen=True, slots=True)
class Money:
    """Sum up the bots of one venue and quote asset; amounts of different assets are never added up."""

    venue: str
    quote: str
    bots: int
    equity: Decimal
    today_pnl: Decimal
    total_pnl: Decimal
    unrealised: Decimal
    total_return: Decimal
    open_positions: int


@dataclass(frozen=True, slots=True)
class SiteStatus:
    """Hold what every page's header shows."""

    kill_switch_is_on: bool
    open_incidents: int
    has_bots: bool
    live_bots: int


def site_status() -> SiteStatus:
    """Return the header's values by three small queries."""
    switch = KillSwitch.objects.filter(pk=1).values_list("is_on", flat=True).first()
    bots = dict(BotConfig.objects.order_by().values_list("api_key__venue").annotate(number=Count("pk")))
    return SiteStatus(
        kill_switch_is_on=bool(switch),
        open_incidents=Incident.objects.filter(resolved_at__isnull=True).count(),
        has_bots=bool(bots),
        live_bots=bots.get(Venue.LIVE, 0),
    )


@dataclass(frozen=True, slots=True)
class Overview:
    """Hold what the first page shows: money, positions, incidents, next runs."""

    money: list[Money]
    bots: list[BotFacts]
    positions: list[BotFacts]
    upcoming: list[BotFacts]
    incidents: list[Incident]
    kill_switch: KillSwitch | None
    recent_trades: list[Trade]
    running: int
    late: int
    now: datetime


def overview(now: datetime | None = None) -> Overview:
    """Return everything that the first page shows, by a fixed number of queries."""
    now = now or timezone.now()
    bots = facts(BotConfig.objects.all(), now)
    return Overview(
        money=_money(bots),
        bots=bots,
        positions=[fact for fact in bots if fact.has_position],
        upcoming=sorted((f for f in bots if f.next_run), key=lambda f: f.next_run or now)[:8],
        incidents=list(Incident.objects.filter(resolved_at__isnull=True).select_related("bot")[:8]),
        kill_switch=KillSwitch.objects.select_related("changed_by").filter(pk=1).first(),
        recent_trades=list(
            Trade.objects.filter(closed_at__isnull=False)
            .select_related("bot__api_key")
            .defer(*(f"bot__{name}" for name in SECRETS))
            .order_by("-closed_at")[:8]
        ),
        running=sum(fact.status == Status.RUNNING for fact in bots),
        late=sum(fact.is_late for fact in bots),
        now=now,
    )


def _money(bots: Iterable[BotFacts]) -> list[Money]:
    """Group by venue, real money first, and by quote."""
    groups: dict[tuple[str, str], list[BotFacts]] = {}
    for fact in bots:
        groups.setdefault((fact.venue, fact.quote), []).append(fact)
    order = {Venue.LIVE: 0, Venue.TESTNET: 1, Venue.PAPER: 2}
    return [
        Money(
            venue=venue,
            quote=quote,
            bots=len(group),
            equity=sum((fact.equity for fact in group), ZERO),
            today_pnl=sum((fact.today_pnl for fact in group), ZERO),
            total_pnl=(total := sum((fact.total_pnl for fact in group), ZERO)),
            unrealised=sum((fact.unrealised for fact in group), ZERO),
            total_return=total / sum((fact.bot.initial_capital for fact in group), ZERO),
            open_positions=sum(fact.has_position for fact in group),
        )
        for (venue, quote), group in sorted(groups.items(), key=lambda item: (order[Venue(item[0][0])], item[0][1]))
    ]
