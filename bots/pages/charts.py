"""Collect a bot's chart data: candles, entries and exits, levels, equity. static/bots/live_chart.js draws it.

Times are Unix seconds, as the chart library takes them; prices are floats, for display only.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from bots.models import BotConfig, Fill, Trade
from bots.trading.context import open_context
from exchange.api.errors import ExchangeError
from exchange.api.types import INTERVAL_MS, Klines
from exchange.klines import store
from exchange.klines.series import KlinesInvalid

logger = logging.getLogger(__name__)

BARS = 400
NEWEST_EQUITIES = """
    SELECT bot.id, newest.equity
    FROM unnest(%s) AS bot (id)
    CROSS JOIN LATERAL (
        SELECT bar, equity FROM bots_decision
        WHERE bot_id = bot.id AND equity IS NOT NULL ORDER BY bar DESC LIMIT %s
    ) AS newest
    ORDER BY bot.id, newest.bar
"""


@dataclass(frozen=True, slots=True)
class BotChart:
    """Hold a chart. `source` names the origin of the candles, `note` says why there are none."""

    candles: list[dict[str, float]] = field(default_factory=list)
    markers: list[dict[str, Any]] = field(default_factory=list)
    equity: list[dict[str, float]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    precision: int = 2
    source: str = ""
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def bot_chart(bot: BotConfig, bars: int = BARS, *, asks_exchange: bool = True) -> BotChart:
    """Return the newest bars with the bot's fills; without the exchange, from the bot's own records."""
    klines, source, note = _klines(bot, bars) if asks_exchange else (None, "", "")
    decisions = list(bot.decisions.order_by("-bar").values_list("bar", "close", "equity")[:bars])[::-1]
    if klines is None or not len(klines):
        candles = [_flat(bar.timestamp(), close) for bar, close, _ in decisions if close is not None]
        source = "closes of the bot's own decisions" if candles else ""
    else:
        candles = _candles(klines)
    first = candles[0]["time"] if candles else 0
    return BotChart(
        candles=candles,
        markers=_markers(bot, first),
        equity=[{"time": bar.timestamp(), "value": round(equity, 8)} for bar, _, equity in decisions if equity],
        lines=_lines(bot),
        precision=_precision(candles),
        source=source,
        note=note,
    )


def equity_points(bot_ids: Sequence[int], points: int = 48) -> dict[int, list[float]]:
    """Return the newest equities of each bot, oldest first, by one query."""
    if not bot_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(NEWEST_EQUITIES, [list(bot_ids), points])
        rows = cursor.fetchall()
    equities: dict[int, list[float]] = {pk: [] for pk in bot_ids}
    for pk, equity in rows:
        equities[pk].append(equity)
    return equities


def _klines(bot: BotConfig, bars: int) -> tuple[Klines | None, str, str]:
    """Return candles from the bot's exchange, else from the store, with their origin, or why there are none."""
    try:
        return (*_from_exchange(bot, bars), "")
    except (ExchangeError, ImportError) as error:
        note = f"The exchange gave no candles: {error}"
    except Exception as error:  # noqa: BLE001  (a page must open whatever a broken key or venue raises)
        logger.warning("chart without exchange candles", extra={"bot": bot.pk, "error": type(error).__name__})
        note = "The exchange gave no candles."
    stored = _from_store(bot, bars)
    return (stored, "stored candles", note) if stored is not None else (None, "", note)


def _from_exchange(bot: BotConfig, bars: int) -> tuple[Klines, str]:
    context = open_context(bot)
    klines = context.candles.closed(bot.symbol, bot.timeframe, bars=bars, now_ms=context.now_ms)
    return klines[-bars:] if len(klines) > bars else klines, f"candles of {bot.api_key.get_venue_display()}"


def _from_store(bot: BotConfig, bars: int) -> Klines | None:
    end = int(timezone.now().timestamp() * 1000)
    try:
        klines = store.load(bot.symbol, bot.timeframe, end - bars * INTERVAL_MS[bot.timeframe], end)
    except (KlinesInvalid, OSError, LookupError):
        return None
    return klines if len(klines) else None


def _candles(klines: Klines) -> list[dict[str, float]]:
    columns = zip(klines.open_time, klines.open, klines.high, klines.low, klines.close, strict=True)
    return [
        {"time": int(time) // 1000, "open": float(o), "high": float(h), "low": float(lo), "close": float(c)}
        for time, o, h, lo, c in columns
    ]


def _flat(time: float, close: float) -> dict[str, float]:
    return {"time": time, "open": close, "high": close, "low": close, "close": close}


def _bar_of(bot: BotConfig, time: datetime) -> int:
    """Return the open time of the bar that contains a time, in seconds."""
    interval = INTERVAL_MS[bot.timeframe] // 1000
    return int(time.timestamp()) // interval * interval


def _markers(bot: BotConfig, first: float) -> list[dict[str, Any]]:
    """Return the fills as arrows, sells with their exit reason."""
    since = datetime.fromtimestamp(first, tz=UTC)
    fills = Fill.objects.filter(bot=bot, filled_at__gte=since).select_related("trade", "order").order_by("filled_at")
    return [_marker(bot, fill) for fill in fills[:1000]]


def _marker(bot: BotConfig, fill: Fill) -> dict[str, Any]:
    buys = fill.side == "BUY"
    reason = fill.trade.get_exit_reason_display() if fill.trade and fill.trade.exit_reason else "Sell"
    return {
        "time": _bar_of(bot, fill.filled_at),
        "side": "buy" if buys else "sell",
        "text": "Buy" if buys else reason,
        "price": float(fill.price),
    }


def _lines(bot: BotConfig) -> list[dict[str, Any]]:
    """Return entry, stop and target of the open trade."""
    trade = Trade.objects.filter(bot=bot, closed_at__isnull=True).first()
    if trade is None:
        return []
    levels = (("Entry", trade.entry_price), ("Stop", trade.stop_price), ("Target", trade.target_price))
    return [{"kind": name.lower(), "title": name, "price": float(price)} for name, price in levels if price]


def _precision(candles: list[dict[str, float]]) -> int:
    """Return the decimals for prices of this size."""
    if not candles:
        return 2
    price = candles[-1]["close"]
    return 2 if price >= 10 else 4 if price >= 0.1 else 8
