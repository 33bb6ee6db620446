"""Build rows as ticks store them: bots with decisions, trades, orders and fills."""

from __future__ import annotations

import itertools
import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from bots.control import lifecycle
from bots.models import BotConfig, BotRun, BotState, Decision, Fill, Order, Trade
from bots.versions import current_version
from exchange.models import ApiKey, Symbol, Venue

NOW = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
INFO = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
        {"filterType": "NOTIONAL", "minNotional": "5", "applyMinToMarket": True, "avgPriceMins": 5},
    ],
}
_numbers = itertools.count(1)


def paper_key(name: str = "Paper", venue: str = Venue.PAPER) -> ApiKey:
    key, _ = ApiKey.objects.get_or_create(name=name, defaults={"venue": venue, "key": "k" * 16, "secret": "s" * 16})
    return key


def btcusdt(venue: str = Venue.PAPER) -> Symbol:
    return Symbol.objects.get_or_create(
        venue=venue, name="BTCUSDT", defaults={"base": "BTC", "quote": "USDT", "info": INFO, "read_at": NOW}
    )[0]


def bot(name: str = "", **values: Any) -> BotConfig:
    """Store a bot with its version, state and schedule."""
    number = next(_numbers)
    values = {"api_key": paper_key(), "symbol": "BTCUSDT", "timeframe": "1h", "stop_loss": Decimal("0.03"), **values}
    made = BotConfig(name=name or f"Bot {number}", **values)
    lifecycle.save(made)
    return made


def with_history(made: BotConfig, *, days: int = 5, holds: bool = True, until: datetime = NOW) -> BotConfig:
    """Give a bot hourly decisions, two closed trades and, if it `holds`, an open one."""
    version = current_version(made)
    end = until.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    bars = [end - timedelta(hours=h) for h in range(days * 24)][::-1]
    closes = [60_000 + 2_000 * math.sin(i / 9) + 12 * i for i in range(len(bars))]
    Decision.objects.bulk_create(
        Decision(
            bot=made,
            version=version,
            bar=bar,
            action="hold" if i % 3 else "wait",
            close=close,
            decided_at=bar,
            equity=1000 + (close - 60_000) / 90,
            lateness_s=3.2,
            values={"ema_fast": close - 20, "ema_slow": close - 90, "rsi": 54.2},
        )
        for i, (bar, close) in enumerate(zip(bars, closes, strict=True))
    )
    newest = made.decisions.first()
    newest.action, newest.reason, newest.signal = "refused", "cooldown", 1
    newest.save()
    closed_trade(made, end - timedelta(hours=40), Decimal("12.50"), "take_profit")
    closed_trade(made, end - timedelta(hours=9), Decimal("-4.20"), "stop_loss")
    state = BotState.objects.get(bot=made)
    state.quote, state.lateness_s, state.last_bar = Decimal("1008.30"), 3.2, bars[-1]
    if holds:
        open_trade(made, end - timedelta(hours=4))
        state.quote, state.base = Decimal("508.30"), Decimal("0.00824")
    state.save()
    BotRun.objects.create(bot=made, outcome="decided", message="refused: cooldown", started_at=until, duration_s=0.4)
    return made


def open_trade(made: BotConfig, opened_at: datetime) -> Trade:
    trade = Trade.objects.create(
        bot=made,
        version=current_version(made),
        symbol=made.symbol,
        opened_at=opened_at,
        quantity=Decimal("0.00825"),
        entry_price=Decimal(60_606),
        stop_price=Decimal("58787.82"),
        target_price=Decimal(63_000),
        highest_price=Decimal(61_200),
        net_pnl=Decimal("-500"),
        fees=Decimal("0.50"),
    )
    order(made, trade, "BUY", "entry", opened_at, Decimal(60_606))
    return trade


def closed_trade(made: BotConfig, opened_at: datetime, pnl: Decimal, reason: str) -> Trade:
    trade = Trade.objects.create(
        bot=made,
        version=current_version(made),
        symbol=made.symbol,
        opened_at=opened_at,
        closed_at=opened_at + timedelta(hours=5),
        quantity=Decimal("0.00825"),
        entry_price=Decimal(60_606),
        exit_price=Decimal(61_800),
        exit_reason=reason,
        net_pnl=pnl,
        fees=Decimal("1.01"),
    )
    order(made, trade, "BUY", "entry", opened_at, Decimal(60_606))
    order(made, trade, "SELL", "exit", opened_at + timedelta(hours=5), Decimal(61_800))
    return trade


def order(made: BotConfig, trade: Trade, side: str, purpose: str, when: datetime, price: Decimal) -> Order:
    """Store a filled market order with its fill."""
    number = next(_numbers)
    quantity = Decimal("0.00825")
    row = Order.objects.create(
        bot=made,
        version=trade.version,
        trade=trade,
        api_key=made.api_key,
        symbol=made.symbol,
        purpose=purpose,
        side=side,
        type="MARKET",
        quantity=quantity,
        client_order_id=f"test-{number}",
        state="filled",
        executed_quantity=quantity,
        executed_quote=quantity * price,
        exchange_order_id=number,
        created_at=when,
    )
    Fill.objects.create(
        bot=made,
        order=row,
        trade=trade,
        api_key=made.api_key,
        symbol=made.symbol,
        exchange_trade_id=number,
        side=side,
        price=price,
        quantity=quantity,
        quote_quantity=quantity * price,
        commission=Decimal("0.00000825"),
        commission_asset="BTC",
        fee_quote=Decimal("0.5"),
        filled_at=when,
    )
    return row
