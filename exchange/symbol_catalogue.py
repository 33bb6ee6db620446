"""Store symbols: a venue's exchangeInfo entries, read again when they are old.

What the filters in them mean is in filters.py.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from exchange.api.errors import ExchangeError, ExchangeUnavailable, RateLimited
from exchange.api.types import SymbolRules
from exchange.factory import connect, connect_public
from exchange.models import ApiKey, Symbol
from exchange.symbols.filters import InvalidSymbolInfo, parse_rules

if TYPE_CHECKING:
    from exchange.binance.public import PublicClient

logger = logging.getLogger(__name__)

MAX_AGE = timedelta(hours=6)


def rules_for(where: ApiKey | str, symbol: str, *, max_age: timedelta = MAX_AGE) -> SymbolRules:
    """Return the rules of a symbol for a key, or on a venue; read from the exchange if absent or older than `max_age`.

    Old rules are better than none: they stay in force while the exchange is unavailable. Raises `ExchangeError` when
    the exchange refuses, or is unavailable and nothing is on record.
    """
    venue = where.venue if isinstance(where, ApiKey) else where
    stored = Symbol.objects.filter(venue=venue, name=symbol).first()
    if stored is not None and timezone.now() - stored.read_at < max_age:
        return _rules(stored)
    exchange = connect(where) if isinstance(where, ApiKey) else connect_public(where)
    try:
        return _rules(_read_again(exchange, venue, symbol))
    except (ExchangeUnavailable, RateLimited) as error:
        if stored is None:
            raise
        logger.warning("symbol rules are old", extra={"symbol": symbol, "venue": venue, "error": str(error)})
        return _rules(stored)


def _read_again(exchange: PublicClient, venue: str, symbol: str) -> Symbol:
    try:
        return store(venue, [exchange.symbol_info(symbol)])[0]
    except InvalidSymbolInfo as error:
        raise ExchangeUnavailable(f"the exchange's description of {symbol} cannot be read: {error}") from None


def _rules(row: Symbol) -> SymbolRules:
    try:
        return parse_rules(row.info)
    except InvalidSymbolInfo as error:
        raise ExchangeError(f"what is on record of {row.name} cannot be read ({error}); run refresh_symbols") from None


def store(venue: str, entries: Iterable[Mapping[str, Any]]) -> list[Symbol]:
    """Put exchangeInfo entries on record. All are read before any is stored: `InvalidSymbolInfo` leaves nothing."""
    now = timezone.now()
    rows = [
        Symbol(
            venue=venue,
            name=rules.symbol,
            base=rules.base,
            quote=rules.quote,
            status=rules.status,
            info=dict(entry),
            read_at=now,
        )
        for entry in entries
        for rules in (parse_rules(entry),)
    ]
    return Symbol.objects.bulk_create(
        rows,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["venue", "name"],
        update_fields=["base", "quote", "status", "info", "read_at"],
    )


def refresh(venue: str, exchange: PublicClient | None = None) -> tuple[int, int]:
    """Read every symbol of a venue in one call. Gives how many are on record and how many of the venue's are gone.

    Symbols that the venue no longer lists keep their row (bots may still name them) with the status DELISTED.
    """
    listed = store(venue, (exchange or connect_public(venue)).all_symbols())
    names = {row.name for row in listed}
    gone = Symbol.objects.filter(venue=venue).exclude(name__in=names).exclude(status="DELISTED")
    return len(listed), gone.update(status="DELISTED")


def refresh_rows(rows: Iterable[Symbol]) -> None:
    """Read these symbols again, each from its own venue."""
    for row in rows:
        store(row.venue, [connect_public(row.venue).symbol_info(row.name)])
