"""Test how our requests are written in Binance's parameters."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D

import pytest

from exchange.api.types import OcoRequest, OrderRequest, OrderType, Side
from exchange.binance.parameters import oco_parameters, order_parameters

MARKET = OrderRequest("BTCUSDT", Side.BUY, OrderType.MARKET, D("1E-7"), "entry")
LIMIT = replace(MARKET, type=OrderType.LIMIT, limit_price=D("42000.10"))
OCO = OcoRequest("BTCUSDT", Side.SELL, D("0.5"), "list", "target", "stop", D(111), D(95))


def test_quantity_is_written_in_plain_digits() -> None:
    assert order_parameters(MARKET)["quantity"] == "0.0000001"


def test_full_answer_is_asked_for() -> None:
    assert order_parameters(MARKET)["newOrderRespType"] == "FULL"


def test_market_order_has_no_time_in_force() -> None:
    assert "timeInForce" not in order_parameters(MARKET)


def test_limit_order_rests_until_cancelled() -> None:
    assert order_parameters(LIMIT)["timeInForce"] == "GTC"


def test_limit_price_has_no_needless_zeros() -> None:
    assert order_parameters(LIMIT)["price"] == "42000.1"


@pytest.mark.parametrize(("side", "target"), [(Side.SELL, "above"), (Side.BUY, "below")])
def test_target_of_an_oco_lies_on_the_side_of_profit(side: Side, target: str) -> None:
    assert oco_parameters(replace(OCO, side=side))[f"{target}Price"] == "111"


def test_stop_of_an_oco_is_a_market_order() -> None:
    assert oco_parameters(OCO)["belowType"] == "STOP_LOSS"


def test_stop_with_a_limit_price_is_a_stop_limit() -> None:
    assert oco_parameters(replace(OCO, stop_limit_price=D(94)))["belowType"] == "STOP_LOSS_LIMIT"
