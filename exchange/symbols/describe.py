"""Describe a symbol's filters in sentences. The checks themselves are in filters.py."""

from __future__ import annotations

from decimal import Decimal

from core.formats import plain
from exchange.api.types import SymbolRules
from exchange.symbols.filters import lot


def describe(rules: SymbolRules) -> tuple[str, ...]:
    """Return the rules as sentences."""
    base, quote = rules.base, rules.quote
    bounds, market = lot(rules, is_market=False), lot(rules, is_market=True)
    lines = [f"Quantity: {_span(bounds.minimum, bounds.maximum, base)}, in steps of {plain(bounds.step)} {base}."]
    if market != bounds:
        lines.append(
            f"Market orders: {_span(market.minimum, market.maximum, base)}, in steps of {plain(market.step)} {base}."
        )
    tick = f", in ticks of {plain(rules.tick_size)} {quote}" if rules.tick_size else ""
    lines.append(f"Price: {_span(rules.min_price, rules.max_price, quote)}{tick}.")
    lines.append(f"Worth of an order: {_span(rules.min_notional, rules.max_notional, quote)}{_market_words(rules)}.")
    lines += _distance_words(rules)
    for most, what in (
        (rules.max_orders, "open orders"),
        (rules.max_algo_orders, "open stop orders"),
        (rules.max_order_lists, "open order lists"),
    ):
        if most is not None:
            lines.append(f"At most {most} {what} at a time on {rules.symbol}, over all bots of an account.")
    if rules.max_position is not None:
        lines.append(f"At most {plain(rules.max_position)} {base} held, open buys included.")
    return tuple(lines)


def _span(least: Decimal | None, most: Decimal | None, unit: str) -> str:
    if least is None and most is None:
        return "any"
    if most is None:
        return f"at least {plain(least or Decimal(0))} {unit}"
    if least is None:
        return f"at most {plain(most)} {unit}"
    return f"{plain(least)} to {plain(most)} {unit}"


def _market_words(rules: SymbolRules) -> str:
    if rules.min_notional is None or rules.min_notional_applies_to_market:
        return ""
    return "; market orders may be worth less"


def _distance_words(rules: SymbolRules) -> list[str]:
    minutes = rules.average_price_minutes
    average = f"the average price of {minutes} minutes" if minutes else "the last price"
    return [
        f"A {side} may ask for {plain(down or Decimal(0))} to {plain(up)} times {average}."
        for side, down, up in (
            ("buy", rules.bid_multiplier_down, rules.bid_multiplier_up),
            ("sell", rules.ask_multiplier_down, rules.ask_multiplier_up),
        )
        if up is not None
    ]
