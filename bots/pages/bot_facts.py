"""The facts of bots that lists, tiles and headers show: plain values by a fixed number of queries, for any number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.db.models import Count, OuterRef, Q, Subquery, Sum
from django.utils import timezone

from bots.control import schedules
from bots.models import BotConfig, BotState, Decision, Incident, Status, Trade
from bots.pages import reason_labels
from exchange.api.types import INTERVAL_MS
from exchange.models import Symbol

ZERO = Decimal(0)
SECRETS = ("api_key__key", "api_key__secret")  # no page needs them
QUOTES = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "DAI", "EUR", "TRY", "BTC", "ETH", "BNB")
LATE_S = 15.0  # a decision that comes later than this after its bar's close is shown as late


@dataclass(frozen=True, slots=True)
class BotFacts:
    """Hold what is shown of one bot. Amounts are in quote unless named otherwise, times in UTC."""

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


def facts(bots: Iterable[BotConfig], now: datetime | None = None) -> list[BotFacts]:
    """Return the facts of these bots, in their order, by seven queries."""
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
    """Return the facts of one bot."""
    return facts([bot], now)[0]


@dataclass(frozen=True, slots=True)
class _Sources:
    """Hold what `facts` reads, by bot id."""

    states: dict[int, BotState]
    open_trades: dict[int, Trade]
    decisions: dict[int, Decision]
    closed: dict[int, tuple[Decimal, Decimal]]
    assets: dict[tuple[str, str], tuple[str, str]]
    incidents: dict[int, int]


def _with_last_decision(bots: Iterable[BotConfig]) -> list[BotConfig]:
    """Return the bots with their key and the id of their newest decision, by the index on (bot, bar)."""
    newest = Decision.objects.filter(bot=OuterRef("pk")).order_by("-bar").values("pk")[:1]
    ids = [bot.pk for bot in bots]
    by_id = (
        BotConfig.objects.select_related("api_key")
        .defer(*SECRETS)
        .annotate(last_decision_id=Subquery(newest))
        .in_bulk(ids)
    )
    return [by_id[pk] for pk in ids if pk in by_id]


def _closed_pnl(ids: Sequence[int], now: datetime) -> dict[int, tuple[Decimal, Decimal]]:
    """Return (all, today's) net PnL of closed trades by bot; today is the UTC day."""
    rows = (
        Trade.objects.filter(bot__in=ids, closed_at__isnull=False)
        .order_by()
        .values_list("bot")
        .annotate(total=Sum("net_pnl"), today=Sum("net_pnl", filter=Q(closed_at__gte=start_of_day(now))))
    )
    return {bot: (total or ZERO, today or ZERO) for bot, total, today in rows}


def _assets(bots: Sequence[BotConfig]) -> dict[tuple[str, str], tuple[str, str]]:
    """Return (base, quote) by (venue, symbol), from the venue's symbol descriptions."""
    rows = Symbol.objects.filter(name__in={bot.symbol for bot in bots}).values_list("venue", "name", "base", "quote")
    return {(venue, name): (base, quote) for venue, name, base, quote in rows}


def split_symbol(symbol: str) -> tuple[str, str]:
    """Return base and quote by the usual endings, for a symbol without a description."""
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
    """Return when the bot ticks next: on the UTC grid of its interval, plus its offset. None when inactive."""
    if not bot.is_active:
        return None
    period = timedelta(milliseconds=INTERVAL_MS[bot.timeframe])
    offset = timedelta(seconds=schedules.offset_s(bot.pk))
    epoch = datetime.fromtimestamp(0, tz=UTC)
    ticks = (now - epoch - offset) // period
    return epoch + (ticks + 1) * period + offset


def start_of_day(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
