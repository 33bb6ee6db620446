"""The quote of a fill that an order's answer carries is price times quantity, floored to 8 decimals (rule 7)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from exchange.binance.parsing import order_report
from exchange.binance.tests.test_exchange import FILLED


@pytest.mark.xfail(strict=True, reason="the quote of a fill keeps every decimal of price times quantity")
def test_a_fills_quote_is_floored_to_eight_decimals() -> None:
    fill = {"price": "0.05439", "qty": "9.2339", "commission": "0", "commissionAsset": "ETH", "tradeId": 1}
    report = order_report({**FILLED, "fills": [fill]})
    assert report.fills[0].quote_quantity == Decimal("0.50223182")
