"""What differs between a record and the engine: one change of a record that agrees, one row."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from backtests.parity.compare import compare
from backtests.parity.tests.builders import (
    BOUGHT,
    SOLD,
    booked,
    context,
    time_of,
    with_decision,
    with_prices,
    with_record,
    with_trade,
    without_decision,
)


def rows(side) -> list[tuple[int, str, str]]:
    return [(side.row(one.bar_ms), one.what, one.cause.name) for one in compare(side)]


def only(side):
    (difference,) = compare(side)
    return difference


def with_fill(side, number, **changes):
    """Return the context with one fill changed, and nothing booked anew."""
    fills = list(side.record.trades[0].fills)
    fills[number] = replace(fills[number], **changes)
    return with_trade(side, fills=tuple(fills))


def test_a_record_that_agrees_has_no_differences():
    assert compare(context()) == []


def test_an_entry_without_a_decision_on_record_is_a_late_tick():
    assert rows(without_decision(context(), 2)) == [(2, "decision", "LATE_TICK")]


def test_a_missed_sell_is_a_late_tick():
    assert rows(with_decision(context(), 5, action="missed")) == [(5, "decision", "LATE_TICK")]


@pytest.mark.parametrize("row", [1, 4, 6])
def test_a_missed_bar_without_anything_to_do_is_no_difference(row):
    assert rows(with_decision(context(), row, action="missed")) == []


def test_a_missed_entry_tells_what_was_forgone():
    missed = only(with_decision(context(), 2, action="missed"))
    paid, got = Decimal(102) * BOUGHT, Decimal(99) * SOLD * Decimal("0.999")
    assert missed.impact == pytest.approx(paid - got, abs=Decimal("1e-7"))


def test_a_decision_on_a_bar_that_is_gone_is_changed_candles():
    side = context()
    extra = replace(side.record.decisions[1], bar_ms=time_of(side, 1) + 1)
    both = with_record(side, decisions=(*side.record.decisions, extra))
    assert rows(both) == [(1, "bar", "CANDLES_CHANGED")]


def test_a_close_that_is_another_one_is_changed_candles():
    assert rows(with_decision(context(), 6, close=99.5)) == [(6, "close", "CANDLES_CHANGED")]


def test_a_close_that_was_not_recorded_is_not_compared():
    assert rows(with_decision(context(), 6, close=None)) == []


def test_a_signal_that_is_another_one_is_a_difference():
    difference = only(with_decision(context(), 1, signal=1))
    assert (difference.what, difference.live, difference.engine) == ("signal", "buy", "none")


def test_an_exit_without_a_sell_signal_is_unexplained():
    assert rows(with_decision(context(), 4, action="exit")) == [(4, "decision", "UNEXPLAINED")]


def test_a_sell_signal_while_long_that_did_not_exit_is_unexplained():
    assert rows(with_decision(context(), 5, action="hold")) == [(5, "decision", "UNEXPLAINED")]


def test_an_action_while_flat_without_a_signal_is_unexplained():
    assert rows(with_decision(context(), 6, action="exit")) == [(6, "decision", "UNEXPLAINED")]


def test_a_decided_quantity_that_is_another_one_is_a_difference():
    differences = rows(with_decision(context(), 2, quantity=BOUGHT * 2))
    assert differences == [(2, "quantity", "UNEXPLAINED"), (3, "quantity bought", "PARTIAL_FILL")]


def test_a_refusal_where_the_engine_enters_is_a_difference():
    refused = with_decision(context(), 2, action="refused", reason="order_limit", quantity=None)
    difference = only(refused)
    assert (difference.live, difference.engine) == ("refused: order_limit", "enter, 4.90196")


def test_an_entry_where_the_engine_refuses_is_a_difference():
    difference = compare(context(trading_hours="Mon-Sun 20:00-21:00"))[0]
    assert (difference.live, difference.engine) == ("enter, 4.90196", "refused: outside_schedule")


def test_an_entry_that_was_never_filled_is_a_difference():
    side = with_decision(with_trade(context(), decided_ms=None), 2, entry_state="expired")
    assert rows(side) == [(2, "entry", "ORDER_REFUSED"), (3, "entry", "UNEXPLAINED")]


def test_a_buy_that_no_decision_asked_for_says_so():
    differences = compare(with_trade(context(), decided_ms=None))
    assert differences[-1].engine == "no decision asked for it"


def test_an_entry_price_that_moved_is_a_difference():
    difference = only(with_prices(context(), entry="103"))
    assert (difference.what, difference.live, difference.engine) == ("entry price", "103", "102")


def test_an_entry_price_that_moved_up_cost_the_bot():
    assert only(with_prices(context(), entry="103")).impact == -BOUGHT


def test_an_exit_price_that_moved_up_gained_the_bot():
    assert only(with_prices(context(), exit_="99.50")).impact == SOLD / 2


def test_an_exit_for_another_reason_is_a_difference():
    difference = only(with_trade(context(), exit_reason="stop_loss"))
    assert (difference.what, difference.live[:19]) == ("exit", "stop loss at 99, ba")


def test_a_position_that_should_have_ended_is_a_difference():
    side = context()
    buy = side.record.trades[0].fills[:1]
    held = booked(with_trade(side, closed_ms=None, fills=buy, exit_reason=""))
    difference = only(with_decision(held, 6, action="hold"))
    assert (difference.what, difference.live) == ("exit", "still held")


def test_a_fee_at_another_rate_is_a_difference():
    side = with_fill(context(), 0, commission=BOUGHT * Decimal("0.002"))
    assert rows(side) == [(3, "fee", "FEE_RATE")]


def test_a_fee_in_another_asset_is_a_difference():
    side = with_fill(context(), 0, commission_asset="BNB", commission=Decimal("0.001"))
    difference = only(side)
    assert (difference.what, difference.live, difference.cause.name) == ("fee", "0.001 BNB", "FEE_IN_BNB")


def test_a_fee_that_cost_more_has_a_negative_impact():
    fee = context().record.trades[0].fills[0].fee_quote
    assert only(with_fill(context(), 0, commission=BOUGHT / 500, fee_quote=fee * 2)).impact == pytest.approx(-fee)


def test_a_result_that_its_fills_do_not_explain_is_a_difference():
    side = context()
    assert rows(with_trade(side, net_pnl=side.record.trades[0].net_pnl + 1)) == [(6, "net PnL", "UNEXPLAINED")]


def test_a_booked_exit_that_its_fills_do_not_explain_is_a_difference():
    assert rows(with_trade(context(), exit_price=Decimal(98))) == [(6, "average exit", "UNEXPLAINED")]


def test_a_ledger_that_its_trades_do_not_explain_is_a_difference():
    assert rows(with_record(context(), quote=Decimal(1))) == [(7, "ledger", "UNEXPLAINED")]


def test_differences_come_oldest_first():
    side = with_decision(with_prices(context(), exit_="99.50"), 1, action="exit")
    assert [row for row, _, _ in rows(side)] == [1, 6]


def test_a_trade_from_before_the_period_is_compared_at_its_exit():
    side = with_prices(context(first=5), entry="103", exit_="99.50")
    assert [what for _, what, _ in rows(side)] == ["exit price"]
