"""What pages ask of the books, answered in plain frozen values: a fixed number of queries, however many bots.

Templates format these and compute nothing. Candles for charts are in charts.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Count, OuterRef, Q, Subquery, Sum
from django.utils import timezone

from bots.control import schedules
from bots.models import (
    BotConfig,
    BotConfigVersion,
    BotRun,
    BotState,
    Decision,
    Incident,
    KillSwitch,
    Order,
    ParityCheck,
    Status,
    Trade,
)
from bots.pages import reason_labels
from exchange.api.types import INTERVAL_MS
from exchange.models import Symbol, Venue

ZERO = Decimal(0)
SECRETS = ("api_key__key", "api_key__secret")  # no page needs them
QUOTES = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "DAI", "EUR", "TRY", "BTC", "ETH", "BNB")
# A bot that ticks later than this after its bar's close is worth a look (the promise is 15 s).
LATE_S = 15.0


@dataclass(frozen=True, slots=True)
class BotFacts:
    """One bot as lists, tiles and headers show it. Amounts in quote unless named otherwise; times UTC."""

    bot: BotConfig
    status: str
    status_label: str
    is_halted: bool
    venue: str
    is_simulated: bool
    base: str
    quote: str
    price: Decimal | None
    trade: Trade | None
    position: Decimal
    position_value: Decimal
    unrealised: Decimal
    today_pnl: Decimal
    total_pnl: Decimal
    equity: Decimal
    total_return: Decimal
    last_decision: Decision | None
    reason: str
    next_run: datetime | None
    lateness_s: float | None
    failures: int
    last_error: str
    open_incidents: int

    @property
    def is_late(self) -> bool:
        return self.lateness_s is not None and self.lateness_s > LATE_S

    @property
    def has_position(self) -> bool:
        return self.trade is not None


@dataclass(frozen=True, slots=True)
class Money:
    """Sums over all bots of one venue and quote asset; amounts of different money are never added up."""

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
    """What every page's header shows."""

    kill_switch_is_on: bool
    open_incidents: int
    has_bots: bool
    live_bots: int


def site_status() -> SiteStatus:
    """Three small queries, on every page."""
    switch = KillSwitch.objects.filter(pk=1).values_list("is_on", flat=True).first()
    bots = dict(BotConfig.objects.order_by().values_list("api_key__venue").annotate(number=Count("pk")))
    return SiteStatus(
        kill_switch_is_on=bool(switch),
        open_incidents=Incident.objects.filter(resolved_at__isnull=True).count(),
        has_bots=bool(bots),
        live_bots=bots.get(Venue.LIVE, 0),
    )


# --- Bots -----------------------------------------------------------------------------------------------------------


def facts(bots: Iterable[BotConfig], now: datetime | None = None) -> list[BotFacts]:
    """The facts of these bots, in their order: seven queries, whether for three bots or for sixty."""
    now = now or timezone.now()
    listed = list(_with_last_decision(bots))
    ids = [bot.pk for bot in listed]
    sources = _Sources(
        states={state.bot_id: state for state in BotState.objects.filter(bot__in=ids)},
        open_trades={trade.bot_id: trade for trade in Trade.objects.filter(bot__in=ids, closed_at__isnull=True)},
        decisions=Decision.objects.in_bulk([pk for bot in listed if (pk := bot.last_decision_id)]),  # type: ignore[attr-defined]
        closed=_closed_pnl(ids, now),
        assets=_assets(listed),
        incidents=dict(
            Incident.objects.filter(bot__in=ids, resolved_at__isnull=True)
            .order_by()
            .values_list("bot")
            .annotate(number=Count("pk"))
        ),
    )
    return [_facts(bot, sources, now) for bot in listed]


def facts_of(bot: BotConfig, now: datetime | None = None) -> BotFacts:
    return facts([bot], now)[0]


@dataclass(frozen=True, slots=True)
class _Sources:
    """What `facts` read, by bot id."""

    states: dict[int, BotState]
    open_trades: dict[int, Trade]
    decisions: dict[int, Decision]
    closed: dict[int, tuple[Decimal, Decimal]]
    assets: dict[tuple[str, str], tuple[str, str]]
    incidents: dict[int, int]


def _with_last_decision(bots: Iterable[BotConfig]) -> list[BotConfig]:
    """The same bots with their key and the id of their newest decision; the index on (bot, bar) answers that."""
    newest = Decision.objects.filter(bot=OuterRef("pk")).order_by("-bar").values("pk")[:1]
    ids = [bot.pk for bot in bots]
    found = (
        BotConfig.objects.select_related("api_key")
        .defer(*SECRETS)
        .annotate(last_decision_id=Subquery(newest))
        .in_bulk(ids)
    )
    return [found[pk] for pk in ids if pk in found]


def _closed_pnl(ids: Sequence[int], now: datetime) -> dict[int, tuple[Decimal, Decimal]]:
    """(all, today's) net PnL of closed trades, by bot; today is the UTC day."""
    rows = (
        Trade.objects.filter(bot__in=ids, closed_at__isnull=False)
        .order_by()
        .values_list("bot")
        .annotate(total=Sum("net_pnl"), today=Sum("net_pnl", filter=Q(closed_at__gte=start_of_day(now))))
    )
    return {bot: (total or ZERO, today or ZERO) for bot, total, today in rows}


def _assets(bots: Sequence[BotConfig]) -> dict[tuple[str, str], tuple[str, str]]:
    """(venue, symbol) to (base, quote), as the venue's own description says."""
    rows = Symbol.objects.filter(name__in={bot.symbol for bot in bots}).values_list("venue", "name", "base", "quote")
    return {(venue, name): (base, quote) for venue, name, base, quote in rows}


def split_symbol(symbol: str) -> tuple[str, str]:
    """Base and quote by the usual endings, for a symbol whose description was never read."""
    quote = next((ending for ending in QUOTES if symbol.endswith(ending) and symbol != ending), "")
    return (symbol.removesuffix(quote), quote)


def _facts(bot: BotConfig, sources: _Sources, now: datetime) -> BotFacts:
    state = sources.states.get(bot.pk) or BotState(bot=bot, quote=bot.initial_capital)
    trade = sources.open_trades.get(bot.pk)
    decision = sources.decisions.get(bot.last_decision_id or 0)  # type: ignore[attr-defined]
    price = Decimal(str(decision.close)) if decision and decision.close is not None else None
    realised, today = sources.closed.get(bot.pk, (ZERO, ZERO))
    value = state.base * price if price is not None else ZERO
    unrealised = trade.net_pnl + value if trade and price is not None else ZERO
    total = realised + unrealised
    base, quote = sources.assets.get((bot.api_key.venue, bot.symbol)) or split_symbol(bot.symbol)
    return BotFacts(
        bot=bot,
        status=state.status,
        status_label=Status(state.status).label,
        is_halted=state.drawdown_reached_at is not None,
        venue=bot.api_key.venue,
        is_simulated=bot.api_key.is_simulated,
        base=base,
        quote=quote,
        price=price,
        trade=trade,
        position=state.base if trade else ZERO,
        position_value=value if trade else ZERO,
        unrealised=unrealised,
        today_pnl=today,
        total_pnl=total,
        equity=state.quote + value,
        total_return=total / bot.initial_capital,
        last_decision=decision,
        reason=reason_labels.decision_reason(decision) if decision else "",
        next_run=next_run(bot, now),
        lateness_s=state.lateness_s,
        failures=state.failures,
        last_error=state.last_error,
        open_incidents=sources.incidents.get(bot.pk, 0),
    )


def next_run(bot: BotConfig, now: datetime) -> datetime | None:
    """When the schedule ticks next: on the UTC grid of the interval, plus the bot's offset. None when inactive."""
    if not bot.is_active:
        return None
    period = timedelta(milliseconds=INTERVAL_MS[bot.timeframe])
    offset = timedelta(seconds=schedules.offset_s(bot.pk))
    epoch = datetime.fromtimestamp(0, tz=UTC)
    ticks = (now - epoch - offset) // period
    return epoch + (ticks + 1) * period + offset


def start_of_day(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


# --- The overview ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Overview:
    """The first page: money by venue and quote, what is held, what is wrong, what comes next."""

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
    """Everything the first page shows: a fixed number of queries."""
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
    """Real money first; within a venue by quote."""
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


# --- One bot --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """One field between two versions of a bot."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class VersionEntry:
    version: BotConfigVersion
    changes: list[Change]


def versions(bot: BotConfig, limit: int = 30) -> list[VersionEntry]:
    """The newest versions with what each changed; the first one changed nothing."""
    rows = list(bot.versions.select_related("author").order_by("-number")[: limit + 1])
    older: list[BotConfigVersion | None] = [*rows[1:], None]
    return [VersionEntry(row, changes(before, row)) for row, before in zip(rows, older, strict=True)][:limit]


def changes(before: BotConfigVersion | None, after: BotConfigVersion) -> list[Change]:
    """Every field whose value differs, by its label on the form."""
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
    """The last check of each bot, without its differences: one query."""
    checks = ParityCheck.objects.filter(bot__in=bot_ids).order_by("bot_id", "-checked_at").distinct("bot_id")
    return {check.bot_id: check for check in checks.defer("rows", "causes", "notes")}


def parity_checks(bot: BotConfig, limit: int = 12) -> list[ParityCheck]:
    """A bot's last checks, newest first; the first with its differences."""
    return list(bot.parity_checks.order_by("-checked_at")[:limit])


@dataclass(frozen=True, slots=True)
class Records:
    """What a bot's own page lists below its chart."""

    decisions: list[Decision]
    orders: list[Order]
    trades: list[Trade]
    runs: list[BotRun]
    incidents: list[Incident]


def records(bot: BotConfig, limit: int = 50) -> Records:
    """The newest of everything, five queries."""
    return Records(
        decisions=list(bot.decisions.order_by("-bar")[:limit]),
        orders=list(bot.orders.order_by("-created_at", "-pk")[:limit]),
        trades=list(bot.trades.order_by("-opened_at")[:limit]),
        runs=list(bot.runs.order_by("-started_at")[:20]),
        incidents=list(bot.incidents.order_by("-last_seen_at")[:20]),
    )
