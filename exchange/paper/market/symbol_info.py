"""Describe a paper market's symbols: exchangeInfo entries for the known ones, plausible ones for any other.

The numbers are in symbols_demo.json; real entries come from a recorded exchangeInfo and are passed through unchanged.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from exchange.fills import UNITS
from exchange.klines.series import FullKlines
from exchange.paper.market.base import SymbolInfo

_FILE = Path(__file__).resolve().parent.parent / "symbols_demo.json"
_BASE = re.compile(r"^[A-Z0-9]{1,12}$")
_MIN_NOTIONAL_USD = 5
_ORDER_TYPES = (
    "LIMIT",
    "LIMIT_MAKER",
    "MARKET",
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
)


@dataclass(frozen=True, slots=True)
class SymbolTraits:
    """A symbol of a paper market. Prices and volume in quote, `daily_volatility` as a fraction."""

    symbol: str
    base: str
    quote: str
    tick: Decimal
    step: Decimal
    max_price: Decimal
    max_quantity: Decimal
    market_max_quantity: Decimal
    min_notional: Decimal
    price: float
    daily_volatility: float
    minute_volume: float


@cache
def known_traits() -> dict[str, SymbolTraits]:
    """Return the symbols of symbols_demo.json, in its order."""
    return {symbol: _known(symbol, row) for symbol, row in _numbers()["symbols"].items()}


@cache
def traits_of(symbol: str) -> SymbolTraits | None:
    """Return known traits, or plausible ones for any base in a known quote, or None."""
    if symbol in known_traits():
        return known_traits()[symbol]
    base, quote = split_symbol(symbol)
    if base is None or quote is None:
        return None
    usd_of_quote = float(_numbers()["quotes_in_usd"][quote])
    price = _price_in_usd(base) / usd_of_quote
    tick = power_of_ten(price * 1e-4)
    step = power_of_ten(_MIN_NOTIONAL_USD / usd_of_quote / price / 20)
    return SymbolTraits(
        symbol=symbol,
        base=base,
        quote=quote,
        tick=tick,
        step=step,
        max_price=min(tick * 10**8, Decimal(1_000_000)),
        max_quantity=min(step * 10**8, Decimal(9_000_000_000)),
        market_max_quantity=min(step * 10**7, Decimal(9_000_000_000)),
        min_notional=_min_notional(usd_of_quote),
        price=price,
        daily_volatility=0.03 + 0.03 * _fraction(base, "volatility"),
        minute_volume=(5_000 + 30_000 * _fraction(base, "volume")) / usd_of_quote,
    )


def split_symbol(symbol: str) -> tuple[str | None, str | None]:
    """Return ('FOO', 'USDT') for FOOUSDT, and (None, None) if no known quote ends the name."""
    for quote in sorted(_numbers()["quotes_in_usd"], key=len, reverse=True):
        base = symbol.removesuffix(quote)
        if base != symbol and _BASE.match(base):
            return base, quote
    return None, None


def entry_of(traits: SymbolTraits) -> SymbolInfo:
    """Return the exchangeInfo entry of a symbol in today's form."""
    return {
        "symbol": traits.symbol,
        "status": "TRADING",
        "baseAsset": traits.base,
        "baseAssetPrecision": 8,
        "quoteAsset": traits.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(_ORDER_TYPES),
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "amendAllowed": False,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(traits),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }


def entry_for_candles(symbol: str, klines: FullKlines) -> SymbolInfo:
    """Return an entry for recorded candles that came without one, its tick as fine as the prices."""
    traits = traits_of(symbol)
    finest = finest_tick(klines)
    if traits is None:
        half = max(len(symbol) - 4, 1)
        return entry_of(_foreign(symbol, symbol[:half], symbol[half:] or "USDT", klines, finest))
    if finest % traits.tick != 0:
        return entry_of(_with_tick(traits, finest))
    return entry_of(traits)


def finest_tick(klines: FullKlines) -> Decimal:
    """Return the largest power of ten, at most 0.01, of which all prices are multiples."""
    units = np.rint(np.concatenate((klines.open, klines.high, klines.low, klines.close)) * UNITS).astype(np.int64)
    tick = UNITS // 100
    while tick > 1 and (units % tick).any():
        tick //= 10
    return Decimal(tick).scaleb(-8)


def power_of_ten(value: float) -> Decimal:
    """Return the power of ten at or below `value`, between 1e-8 and 1."""
    return Decimal(1).scaleb(min(max(math.floor(math.log10(value)), -8), 0))


def _known(symbol: str, row: dict[str, Any]) -> SymbolTraits:
    return SymbolTraits(
        symbol=symbol,
        base=row["base"],
        quote=row["quote"],
        tick=Decimal(row["tick"]),
        step=Decimal(row["step"]),
        max_price=Decimal(row["max_price"]),
        max_quantity=Decimal(row["max_quantity"]),
        market_max_quantity=Decimal(row["market_max_quantity"]),
        min_notional=_min_notional(float(_numbers()["quotes_in_usd"][row["quote"]])),
        price=float(row["price"]),
        daily_volatility=float(row["daily_volatility"]),
        minute_volume=float(row["minute_volume"]),
    )


def _with_tick(traits: SymbolTraits, tick: Decimal) -> SymbolTraits:
    return replace(traits, tick=tick)


def _foreign(symbol: str, base: str, quote: str, klines: FullKlines, tick: Decimal) -> SymbolTraits:
    price = float(klines.close[-1])
    return SymbolTraits(
        symbol=symbol,
        base=base,
        quote=quote,
        tick=tick,
        step=power_of_ten(_MIN_NOTIONAL_USD / price / 20),
        max_price=Decimal(1_000_000),
        max_quantity=Decimal(9_000_000),
        market_max_quantity=Decimal(9_000_000),
        min_notional=Decimal(_MIN_NOTIONAL_USD),
        price=price,
        daily_volatility=0.04,
        minute_volume=10_000.0,
    )


def _filters(traits: SymbolTraits) -> list[dict[str, Any]]:
    tick, step = _text(traits.tick), _text(traits.step)
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": _text(traits.max_price), "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": step, "maxQty": _text(traits.max_quantity), "stepSize": step},
        {"filterType": "ICEBERG_PARTS", "limit": 100},
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": _text(Decimal(0)),
            "maxQty": _text(traits.market_max_quantity),
            "stepSize": _text(Decimal(0)),
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": "1.2",
            "bidMultiplierDown": "0.2",
            "askMultiplierUp": "5",
            "askMultiplierDown": "0.8",
            "avgPriceMins": 5,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": _text(traits.min_notional),
            "applyMinToMarket": True,
            "maxNotional": _text(traits.min_notional * 1_800_000),
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
    ]


def _text(value: Decimal) -> str:
    return f"{value:.8f}"


def _min_notional(usd_of_quote: float) -> Decimal:
    """Return about five dollars in the quote, as a round number."""
    value = _MIN_NOTIONAL_USD / usd_of_quote
    digit = power_of_ten(value) if value < 1 else Decimal(10) ** math.floor(math.log10(value))
    return (Decimal(round(value / float(digit))) * digit).quantize(Decimal("1E-8"))


def _price_in_usd(base: str) -> float:
    """Return a price for an asset: a known one's, else one between 0.02 and 200 that its name decides."""
    for traits in known_traits().values():
        if traits.base == base and traits.quote == "USDT":
            return traits.price
    usd = _numbers()["quotes_in_usd"].get(base)
    return float(usd) if usd else float(0.02 * 10 ** (4 * _fraction(base, "price")))


def _fraction(name: str, use: str) -> float:
    """Return a number from 0 to below 1 that is always the same for a name."""
    digest = hashlib.sha256(f"{use} {name}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


@cache
def _numbers() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(_FILE.read_text())
    return loaded
