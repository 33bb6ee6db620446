"""What every tick reads, by statements written out; core/sql.py says why."""

from __future__ import annotations

from datetime import datetime

from bots.models import Fill, Order, Trade
from bots.trading.orders import UNSETTLED
from core.sql import find


def unsettled_orders(bot_id: int) -> list[Order]:
    """The bot's orders that may still move, oldest first."""
    return find(Order, "WHERE bot_id = %s AND state IN %s ORDER BY id", [bot_id, UNSETTLED])


def newest_trade(bot_id: int) -> Trade | None:
    """The bot's open trade, else the last one that it closed."""
    found = find(Trade, "WHERE bot_id = %s ORDER BY opened_at DESC, id DESC LIMIT 1", [bot_id])
    return found[0] if found else None


def fills_after(bot_id: int, moment: datetime) -> list[Fill]:
    return find(Fill, "WHERE bot_id = %s AND filled_at > %s", [bot_id, moment])
