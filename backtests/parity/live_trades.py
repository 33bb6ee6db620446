"""The bot's side of the comparison: the record of a period, read once into frozen values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import takewhile
from typing import Any

from django.db import transaction
from django.db.models import Max, Q, QuerySet, Sum

from backtests.errors import NothingToCompare
from bots.models import Action, BotConfig, BotConfigVersion, BotState, Decision, Fill, Order, Purpose, Trade
from bots.settings.lot_rules import UNIT
from core.times import to_ms
from exchange.api.types import OrderType, Side

ZERO = Decimal(0)
MARKET = ("api_key", "symbol", "timeframe")  # a version that changes one of these trades another market


@dataclass(frozen=True, slots=True)
class RecordedDecision:
    """A decided bar. `entry_state` is the state of the order it asked for, empty if there is none."""

    bar_ms: int
    version: int
    action: str
    signal: int
    reason: str
    close: float | None
    quantity: Decimal | None
    terms: dict[str, str]
    decided_ms: int
    entry_state: str

    @property
    def is_missed(self) -> bool:
        return self.action == Action.MISSED


@dataclass(frozen=True, slots=True)
class RecordedFill:
    """An execution. `is_sound`: its own amounts agree, and its order's total with those of all its fills."""

    time_ms: int
    is_buy: bool
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal
    commission: Decimal
    commission_asset: str
    fee_quote: Decimal
    order_type: str
    is_sound: bool

    def moves(self, base: str, quote: str) -> tuple[Decimal, Decimal]:
        """Return what it did to the ledger: (base, quote)."""
        sign = 1 if self.is_buy else -1
        return (
            sign * self.quantity - (self.commission if self.commission_asset == base else ZERO),
            -sign * self.quote_quantity - (self.commission if self.commission_asset == quote else ZERO),
        )


@dataclass(frozen=True, slots=True)
class RecordedTrade:
    """A round trip. `decided_ms` is the bar whose decision asked for it, None if no decision did."""

    opened_ms: int
    closed_ms: int | None
    version: int
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal | None
    exit_reason: str
    net_pnl: Decimal
    decided_ms: int | None
    exit_was_refused: bool
    has_stop_limit: bool
    fills: tuple[RecordedFill, ...]

    @property
    def buys(self) -> tuple[RecordedFill, ...]:
        return tuple(fill for fill in self.fills if fill.is_buy)

    @property
    def average_entry(self) -> Decimal:
        """Return the average price of its buys."""
        return average_price(self.buys)

    @property
    def average_exit(self) -> Decimal:
        """Return the average price of its sales."""
        return average_price(self.sells)

    @property
    def sells(self) -> tuple[RecordedFill, ...]:
        return tuple(fill for fill in self.fills if not fill.is_buy)


@dataclass(frozen=True, slots=True)
class LiveRecord:
    """A bot's record: the decisions of the period, and every trade since it trades its present market.

    `versions` are the configurations by their number. `quote` and `base` are the ledger as it stands, `net_pnl` is that
    of all trades ever; `peak` is the highest equity decided on before the period. `is_cut`: part of the period was on
    another market.
    """

    decisions: tuple[RecordedDecision, ...]
    trades: tuple[RecordedTrade, ...]
    versions: dict[int, dict[str, Any]]
    quote: Decimal
    base: Decimal
    net_pnl: Decimal
    peak: float | None
    is_cut: bool


def average_price(fills: Sequence[RecordedFill]) -> Decimal:
    """Return the prices' average, weighted by quantity; 0 for no fills."""
    quantity = sum((fill.quantity for fill in fills), ZERO)
    return sum((fill.price * fill.quantity for fill in fills), ZERO) / quantity if quantity else ZERO


@transaction.atomic
def read_record(bot: BotConfig, since: datetime) -> LiveRecord:
    """Read everything at one moment: whoever books a fill holds the state's lock.

    Raises:
        NothingToCompare: the bot decided nothing since then on the market that it trades now.
    """
    state = BotState.objects.select_for_update().get(bot=bot)
    versions = _versions(bot)
    ours = Decision.objects.filter(bot=bot, version__number__gte=min(versions))
    decisions = tuple(_decisions(ours.filter(bar__gte=since)))
    if not decisions:
        raise NothingToCompare(
            f"{bot.name} has decided no {bot.timeframe} bar of {bot.symbol} since {since:%Y-%m-%d %H:%M} UTC: "
            "let it run, or look further back"
        )
    trades = Trade.objects.filter(bot=bot, version__number__gte=min(versions))
    return LiveRecord(
        decisions=decisions,
        trades=tuple(_trades(trades, since)),
        versions=versions,
        quote=state.quote,
        base=state.base,
        net_pnl=Trade.objects.filter(bot=bot).aggregate(total=Sum("net_pnl"))["total"] or ZERO,
        peak=ours.filter(bar__lt=since).aggregate(peak=Max("equity"))["peak"],
        is_cut=Decision.objects.filter(bot=bot, version__number__lt=min(versions), bar__gte=since).exists(),
    )


def _versions(bot: BotConfig) -> dict[int, dict[str, Any]]:
    """Return the configurations by number, back to the first on the present market."""
    rows = list(BotConfigVersion.objects.filter(bot=bot).order_by("-number"))
    market = [rows[0].values[name] for name in MARKET]
    same = takewhile(lambda version: [version.values[name] for name in MARKET] == market, rows)
    return {version.number: version.values for version in same}


def _decisions(rows: QuerySet[Decision]) -> list[RecordedDecision]:
    entries = dict(
        Order.objects.filter(decision__in=rows, purpose=Purpose.ENTRY).order_by("pk").values_list("decision", "state")
    )
    columns = ("pk", "bar", "version__number", "action", "signal", "reason", "close", "quantity", "terms", "decided_at")
    return [
        RecordedDecision(
            bar_ms=to_ms(bar),
            version=version,
            action=action,
            signal=signal,
            reason=reason,
            close=close,
            quantity=quantity,
            terms=terms or {},
            decided_ms=to_ms(decided_at),
            entry_state=entries.get(pk, ""),
        )
        for pk, bar, version, action, signal, reason, close, quantity, terms, decided_at in rows.order_by(
            "bar"
        ).values_list(*columns)
    ]


def _trades(trades: QuerySet[Trade], since: datetime) -> list[RecordedTrade]:
    """Return all trades; those that reach into the period with their fills."""
    in_period = trades.filter(Q(closed_at__isnull=True) | Q(closed_at__gte=since))
    fills: dict[int, list[RecordedFill]] = {}
    for fill in Fill.objects.filter(trade__in=in_period).select_related("order").order_by("filled_at", "pk"):
        fills.setdefault(fill.trade_id or 0, []).append(_fill(fill))
    orders = Order.objects.filter(trade__in=in_period)
    decided = dict(orders.filter(purpose=Purpose.ENTRY).values_list("trade", "decision__bar"))
    refused = set(orders.filter(purpose=Purpose.EXIT).exclude(error="").values_list("trade", flat=True))
    limited = set(orders.filter(type=OrderType.STOP_LOSS_LIMIT).values_list("trade", flat=True))
    return [
        RecordedTrade(
            opened_ms=to_ms(trade.opened_at),
            closed_ms=to_ms(trade.closed_at) if trade.closed_at else None,
            version=trade.version.number,
            quantity=trade.quantity,
            entry_price=trade.entry_price,
            exit_price=trade.exit_price,
            exit_reason=trade.exit_reason,
            net_pnl=trade.net_pnl,
            decided_ms=to_ms(bar) if (bar := decided.get(trade.pk)) else None,
            exit_was_refused=trade.pk in refused,
            has_stop_limit=trade.pk in limited,
            fills=tuple(fills.get(trade.pk, ())),
        )
        for trade in trades.select_related("version").order_by("opened_at", "pk")
    ]


def _fill(fill: Fill) -> RecordedFill:
    worth = fill.price * fill.quantity
    order = fill.order
    return RecordedFill(
        time_ms=to_ms(fill.filled_at),
        is_buy=fill.side == Side.BUY,
        price=fill.price,
        quantity=fill.quantity,
        quote_quantity=fill.quote_quantity,
        commission=fill.commission,
        commission_asset=fill.commission_asset,
        fee_quote=fill.fee_quote,
        order_type=order.type,
        is_sound=abs(worth - fill.quote_quantity) <= UNIT
        and fill.quantity <= order.executed_quantity
        and fill.quote_quantity <= order.executed_quote,
    )
