"""Read a market's symbols as orders need them: rules as values, sizes in units, read once per market."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from exchange.api.types import SymbolRules
from exchange.fills import to_units
from exchange.paper import errors
from exchange.paper.market.base import Market
from exchange.symbols.filters import lot, parse_rules


@dataclass(frozen=True, slots=True)
class SymbolListing:
    """One symbol: its exchangeInfo entry, its rules, and tick and steps in units of 1e-8."""

    info: Mapping[str, Any]
    rules: SymbolRules
    tick: int
    step: int
    market_step: int

    @property
    def symbol(self) -> str:
        return self.rules.symbol

    @property
    def is_spot(self) -> bool:
        """Return True if an account with the permission SPOT may trade it: each set names one that it needs."""
        sets = [group for group in self.info.get("permissionSets") or () if group]
        return bool(self.info.get("isSpotTradingAllowed", True)) and all("SPOT" in group for group in sets)

    def filter_value(self, name: str, field: str) -> Any:
        """Return a filter's field, or None if the symbol has no such filter."""
        return next((f.get(field) for f in self.info["filters"] if f["filterType"] == name), None)

    def modes_of_self_trade(self) -> tuple[str, ...]:
        return tuple(self.info.get("allowedSelfTradePreventionModes", ("NONE",)))

    @property
    def default_self_trade_mode(self) -> str:
        return str(self.info.get("defaultSelfTradePreventionMode", "NONE"))


_read: WeakKeyDictionary[Any, dict[str, SymbolListing]] = WeakKeyDictionary()


def listing_of(market: Market, symbol: str) -> SymbolListing:
    """Return the symbol's listing, or raise -1121."""
    listings = _read.setdefault(market, {})
    listing = listings.get(symbol)
    if listing is None:
        info = market.symbols().get(symbol)
        if info is None:
            raise errors.bad_symbol()
        listing = listings[symbol] = _read_listing(info)
    return listing


def _read_listing(info: Mapping[str, Any]) -> SymbolListing:
    rules = parse_rules(info)
    tick = to_units(rules.tick_size) if rules.tick_size else 1
    return SymbolListing(info, rules, tick, to_units(lot(rules, False).step), to_units(lot(rules, True).step))
