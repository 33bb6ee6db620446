"""Order records: their ids, what is sent of them, and what a report makes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bots.models import BotConfig, Order, OrderState, Purpose
from bots.tests import builders
from bots.trading.orders import (
    SEND_WITHIN_S,
    STATE_OF,
    Draft,
    OrderTimes,
    apply_report,
    as_request,
    base36,
    mark,
    next_attempt,
    record,
    send_by_s,
    stem,
    unsettled_orders,
)
from exchange.api.types import OrderReport, OrderStatus, OrderType, Side, TimeInForce

BAR = datetime(2026, 11, 20, 11, tzinfo=UTC)
TIMES = OrderTimes(BAR, BAR + timedelta(hours=1), BAR + timedelta(hours=1, seconds=2))
ENTRY = Draft(Purpose.ENTRY, Side.BUY, OrderType.MARKET, Decimal(5))
STOP = Draft(Purpose.STOP, Side.SELL, OrderType.STOP_LOSS, Decimal(5), stop_price=Decimal(95))
TARGET = Draft(Purpose.TARGET, Side.SELL, OrderType.LIMIT_MAKER, Decimal(5), limit_price=Decimal(110))


@pytest.fixture
def bot(db: None) -> BotConfig:
    return builders.bot()


@pytest.mark.parametrize(("number", "digits"), [(0, "0"), (35, "z"), (36, "10"), (1_700_000_000, "s44we8")])
def test_numbers_are_written_in_base_36(number, digits):
    assert base36(number) == digits
    assert int(digits, 36) == number


def test_an_id_names_bot_bar_purpose_and_attempt(bot):
    [order] = record(bot, [ENTRY], TIMES)
    assert order.client_order_id == f"{stem(bot, BAR)}e1"


def test_an_id_fits_the_exchange(bot):
    [order] = record(bot, [ENTRY], TIMES)
    assert len(order.client_order_id) <= 36


def test_no_id_is_used_twice(bot):
    record(bot, [ENTRY], TIMES)
    assert next_attempt(bot, BAR) == 2


def test_two_orders_are_the_legs_of_one_list(bot):
    stop, target = record(bot, [STOP, TARGET], TIMES)
    assert stop.list_client_order_id == target.list_client_order_id == f"{stem(bot, BAR)}l1"


def test_a_single_order_is_of_no_list(bot):
    assert record(bot, [STOP], TIMES)[0].list_client_order_id == ""


def test_a_new_order_is_on_record_before_it_is_sent(bot):
    record(bot, [ENTRY], TIMES)
    assert Order.objects.get().state == OrderState.CREATED


def test_an_order_leaves_within_its_time(bot):
    [order] = record(bot, [ENTRY], TIMES)
    assert send_by_s(order) == TIMES.sent_at.timestamp() + SEND_WITHIN_S


def test_an_order_without_a_time_leaves_at_any():
    assert send_by_s(Order()) is None


@pytest.mark.parametrize(
    ("kind", "rests"),
    [("MARKET", False), ("STOP_LOSS", False), ("LIMIT_MAKER", False), ("STOP_LOSS_LIMIT", True), ("LIMIT", True)],
)
def test_only_a_limit_says_how_long_it_rests(kind, rests):
    order = Order(symbol="BTCUSDT", side="SELL", type=kind, quantity=Decimal(1), client_order_id="x")
    assert as_request(order).time_in_force == (TimeInForce.GTC if rests else None)


@pytest.mark.parametrize("status", OrderStatus)
def test_every_status_of_the_exchange_has_a_state(status):
    assert STATE_OF[status] in OrderState


def test_a_report_is_stored_in_its_order(bot):
    [order] = record(bot, [ENTRY], TIMES)
    report = OrderReport(
        symbol="BTCUSDT", order_id=7, client_order_id=order.client_order_id, status=OrderStatus.FILLED, side=Side.BUY,
        type=OrderType.MARKET, quantity=Decimal(5), executed_quantity=Decimal(5), executed_quote=Decimal(500),
        time_ms=0,
    )  # fmt: skip
    apply_report(order, report)
    stored = Order.objects.get()
    assert (stored.exchange_order_id, stored.state, stored.executed_quote) == (7, OrderState.FILLED, 500)


def test_a_mark_is_stored_with_its_reason(bot):
    [order] = record(bot, [ENTRY], TIMES)
    mark(order, OrderState.REJECTED, "x" * 400)
    stored = Order.objects.get()
    assert (stored.state, stored.error) == (OrderState.REJECTED, "x" * 300)


@pytest.mark.parametrize(
    ("state", "count"), [("created", 1), ("unknown", 1), ("open", 1), ("filled", 0), ("canceled", 0)]
)
def test_orders_that_may_still_move_are_unsettled(bot, state, count):
    record(bot, [ENTRY], TIMES)
    Order.objects.update(state=state)
    assert len(unsettled_orders(bot.pk)) == count
