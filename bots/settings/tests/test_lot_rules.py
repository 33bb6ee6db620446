"""A symbol's lot filters, merged for the sizing."""

from __future__ import annotations

from decimal import Decimal

from bots.settings.lot_rules import lot_rules
from exchange.api.types import SymbolRules


def test_lot_filters_are_merged_the_larger_minimum_the_smaller_maximum():
    rules = SymbolRules(
        "X", "A", "B", step_size=Decimal("0.1"), market_step_size=Decimal("0.5"), min_quantity=Decimal(1),
        market_min_quantity=Decimal(2), max_quantity=Decimal(100), market_max_quantity=Decimal(30),
        tick_size=Decimal("0.01"), min_notional=Decimal(5),
    )  # fmt: skip
    assert lot_rules(rules) == (0.01, 0.5, 4, 60, 5.0)


def test_zeros_and_absent_filters_are_no_rule():
    merged = lot_rules(SymbolRules("X", "A", "B", market_step_size=Decimal(0), market_max_quantity=Decimal(0)))
    assert merged == (1e-8, 1e-8, 1, 2**63 - 1, 0.0)


def test_a_minimum_is_rounded_up_to_the_step():
    rules = SymbolRules("X", "A", "B", step_size=Decimal("0.4"), min_quantity=Decimal(1))
    assert lot_rules(rules).min_lots == 3


def test_a_maximum_is_rounded_down_to_the_step():
    rules = SymbolRules("X", "A", "B", step_size=Decimal("0.4"), max_quantity=Decimal(1))
    assert lot_rules(rules).max_lots == 2
