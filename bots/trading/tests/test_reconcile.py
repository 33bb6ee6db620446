"""Settling orders: lost answers, lagging trade lists, and executions that nobody ordered."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from bots.models import BotRun, Fill, Incident, Order
from bots.trading import reconcile
from bots.trading.tests.stage import Stage, lose_next_order, raising
from bots.trading.tests.tables import ENTER, HELD, QUIET
from exchange.api.errors import ExchangeUnavailable
from exchange.api.types import FillReport, OrderRequest, OrderType, Side

pytestmark = pytest.mark.django_db


@pytest.fixture
def lost(make_stage) -> Stage:
    """Make a bot whose entry was lost on its way."""
    stage = make_stage(HELD + QUIET)
    lose_next_order(stage)
    stage.decide(ENTER)
    return stage


def age(stage: Stage, by: timedelta) -> None:
    """Let the lost order be that old."""
    order = Order.objects.get()
    Order.objects.update(sent_at=order.sent_at - by)


def test_an_order_that_may_still_arrive_is_waited_for(lost):
    assert (lost.tick().outcome, lost.orders()) == (BotRun.Outcome.SKIPPED, [("entry", "unknown")])


def test_an_order_that_cannot_arrive_any_more_is_given_up(lost):
    age(lost, reconcile.PATIENCE)
    assert (lost.tick().outcome, lost.orders()) == (BotRun.Outcome.SETTLED, [("entry", "rejected")])


def test_an_order_is_not_given_up_a_second_early(lost):
    age(lost, reconcile.PATIENCE - timedelta(seconds=1))
    lost.tick()
    assert lost.orders() == [("entry", "unknown")]


def test_a_foreign_execution_like_a_lost_order_is_an_incident(lost):
    quantity = Order.objects.get().quantity
    lost.exchange.submit(OrderRequest("BTCUSDT", Side.BUY, OrderType.MARKET, quantity, "foreign"))
    age(lost, reconcile.PATIENCE)
    lost.tick()
    assert lost.orders() == [("entry", "unknown")]
    assert Incident.objects.filter(kind="unexplained_fill", resolved_at=None).exists()


def test_a_foreign_execution_of_another_size_is_none_of_ours(lost):
    lost.exchange.submit(OrderRequest("BTCUSDT", Side.BUY, OrderType.MARKET, Decimal(1), "foreign"))
    age(lost, reconcile.PATIENCE)
    lost.tick()
    assert lost.orders() == [("entry", "rejected")]


def test_an_order_found_by_its_id_is_booked(lost):
    order = Order.objects.get()
    request = OrderRequest("BTCUSDT", Side.BUY, OrderType.MARKET, order.quantity, order.client_order_id)
    lost.exchange.submit(request)
    lost.tick()
    assert (lost.orders("entry"), Fill.objects.count()) == ([("entry", "filled")], 1)
    lost.assert_books_agree()


def test_fills_that_are_not_all_listed_are_waited_for(lost, monkeypatch):
    order = Order.objects.get()
    request = OrderRequest("BTCUSDT", Side.BUY, OrderType.MARKET, order.quantity, order.client_order_id)
    lost.exchange.submit(request)
    monkeypatch.setattr(lost.exchange._exchange, "fills", lambda *args, **kwargs: ())
    assert "not all listed yet" in lost.tick().message
    assert not Fill.objects.exists()


def fill(asset: str) -> FillReport:
    return FillReport(
        symbol="BTCUSDT", trade_id=1, order_id=1, side=Side.BUY, price=Decimal(100), quantity=Decimal(1),
        quote_quantity=Decimal(100), commission=Decimal("0.1"), commission_asset=asset, time_ms=0, is_maker=False,
    )  # fmt: skip


@pytest.mark.parametrize("asset", ["BTC", "USDT"])
def test_a_commission_in_base_or_quote_needs_no_price(make_stage, asset):
    assert reconcile.discount_price((fill(asset),), make_stage(HELD).context()) is None


def test_a_price_that_cannot_be_read_is_unknown(make_stage):
    stage = make_stage(HELD)
    stage.exchange.before["book_ticker"] = raising(ExchangeUnavailable("away"))
    assert reconcile.discount_price((fill("BNB"),), stage.context()) is None
