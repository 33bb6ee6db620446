"""The cause that is named for a difference: each only where the record bears it out."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from backtests.parity import classify
from backtests.parity.classify import Cause
from backtests.parity.context import EngineExit
from backtests.parity.tests.builders import (
    ENTRY,
    EXIT,
    context,
    fill,
    time_of,
    with_decision,
    with_trade,
    without_decision,
)
from bots.strategy.types import Decided, RejectionReason, StrategyAction

ENTERED = Decided(StrategyAction.ENTER, 1, RejectionReason.OPEN)
# Another exit in the same bar, whose candle tells the order.
ENGINE_EXIT = EngineExit(EXIT, Decimal(99), "stop_loss", False, frozenset({"stop_loss"}))


def with_signal(side, row, value):
    """Return the context as if all of history gave another signal at a row."""
    signal = side.rules[1].signal.copy()
    signal[row] = value
    return replace(side, rules={1: replace(side.rules[1], signal=signal)})


def refusing(gate):
    return Decided(StrategyAction.REFUSED, 0, gate)


# Signals


def signal_cause(side, row):
    return classify.classify_signal(side, row, side.decisions[row])


def test_a_signal_of_the_window_is_the_indicators_window():
    assert signal_cause(with_signal(context(), 4, 1), 4) is Cause.INDICATOR_WINDOW


def test_a_signal_that_the_window_does_not_give_is_unexplained():
    assert signal_cause(with_decision(context(), 4, signal=1), 4) is Cause.UNEXPLAINED


def test_a_signal_over_changed_candles_is_theirs():
    assert signal_cause(with_decision(context(), 3, close=1.0), 4) is Cause.CANDLES_CHANGED


def test_a_candle_before_the_window_does_not_explain_its_signal():
    side = with_decision(with_decision(context(), 1, close=1.0), 4, signal=1)
    assert signal_cause(side, 4) is Cause.UNEXPLAINED


# Decisions


def decision_cause(decided=ENTERED, *, settings=None, **changes):
    side = with_decision(context(**(settings or {})), 2, **changes)
    return classify.classify_decision(side, 2, side.decisions[2], decided)


@pytest.mark.parametrize(("reason", "cause"), classify.LIVE_ONLY.items())
def test_a_refusal_that_only_a_live_bot_knows_has_its_cause(reason, cause):
    assert decision_cause(action="refused", reason=reason) is cause


def test_a_refusal_that_the_engine_knows_too_is_unexplained():
    assert decision_cause(action="refused", reason="cooldown") is Cause.UNEXPLAINED


def test_an_entry_after_the_drawdown_limit_is_by_hand():
    assert decision_cause(refusing(RejectionReason.MAX_DRAWDOWN)) is Cause.BY_HAND


@pytest.mark.parametrize(("late_ms", "cause"), [(60_000, Cause.UNEXPLAINED), (60_001, Cause.LATE_TICK)])
def test_a_limit_of_the_day_is_a_late_ticks_after_a_minute(late_ms, cause):
    decided_ms = time_of(context(), ENTRY) + late_ms
    assert decision_cause(action="refused", reason="daily_loss_limit", decided_ms=decided_ms) is cause


def test_a_late_tick_does_not_explain_a_cooldown():
    decided_ms = time_of(context(), ENTRY) + 10**6
    assert decision_cause(action="refused", reason="cooldown", decided_ms=decided_ms) is Cause.UNEXPLAINED


def test_a_size_that_follows_from_the_free_balance_is_the_accounts_limit():
    lots = context().decide_buy(2, 1, free_quote=102.0).lots
    quantity = lots * Decimal("0.00001")
    assert decision_cause(quantity=quantity, terms={"free_quote": "102"}) is Cause.ACCOUNT_LIMIT


def test_a_size_that_follows_from_the_price_seen_is_a_price_that_moved():
    assert decision_cause(quantity=Decimal(4), terms={"price": "125"}) is Cause.PRICE_MOVED


def test_a_size_that_follows_from_neither_is_unexplained():
    assert decision_cause(quantity=Decimal(3), terms={"price": "125", "free_quote": "600"}) is Cause.UNEXPLAINED


@pytest.mark.parametrize(
    ("changes", "agrees"),
    [({}, True), ({"quantity": Decimal(4)}, False), ({"action": "refused"}, False)],
)
def test_an_entry_agrees_by_its_action_and_quantity(changes, agrees):
    side = with_decision(context(), 2, **changes)
    assert classify.agrees(side, side.decisions[2], side.decide_buy(2, 1)) is agrees


@pytest.mark.parametrize(("reason", "agrees"), [("cooldown", True), ("max_drawdown", False)])
def test_a_refusal_agrees_by_its_reason(reason, agrees):
    side = with_decision(context(), 2, action="refused", reason=reason)
    assert classify.agrees(side, side.decisions[2], refusing(RejectionReason.COOLDOWN)) is agrees


@pytest.mark.parametrize(
    ("state", "cause"),
    [
        ("rejected", Cause.ORDER_REFUSED),
        ("expired", Cause.ORDER_REFUSED),
        ("canceled", Cause.ORDER_REFUSED),
        ("created", Cause.LATE_TICK),
        ("unknown", Cause.LATE_TICK),
        ("filled", Cause.UNEXPLAINED),
        ("", Cause.UNEXPLAINED),
    ],
)
def test_an_entry_without_a_fill_is_explained_by_its_order(state, cause):
    side = with_decision(context(), 2, entry_state=state)
    assert classify.classify_unfilled(side.decisions[2]) is cause


# Prices and fees


def price_cause(*prices, expected="102", is_limit=False, **changes):
    side = context()
    fills = [fill(time_of(side, ENTRY), price, is_buy=True, **changes) for price in prices]
    return classify.classify_price(side, ENTRY, fills, Decimal(expected), is_limit=is_limit)


@pytest.mark.parametrize("price", ["101", "103", "104"])
def test_a_price_within_the_bars_range_has_moved(price):
    assert price_cause(price) is Cause.PRICE_MOVED


@pytest.mark.parametrize("price", ["100.99", "104.01"])
def test_a_price_outside_the_bars_range_is_unexplained(price):
    assert price_cause(price) is Cause.UNEXPLAINED


def test_a_spread_widens_the_bars_range():
    side = replace(context(), spread=100_000)  # 10 basis points
    fills = [fill(time_of(side, ENTRY), "104.10", is_buy=True)]
    assert classify.classify_price(side, ENTRY, fills, Decimal(102)) is Cause.PRICE_MOVED


def test_a_fill_whose_own_amounts_disagree_is_unexplained():
    assert price_cause("103", is_sound=False) is Cause.UNEXPLAINED


def test_a_limit_that_sold_lower_is_unexplained():
    assert price_cause("101.50", is_limit=True) is Cause.UNEXPLAINED


def test_a_limit_that_sold_higher_has_moved():
    assert price_cause("103", is_limit=True) is Cause.PRICE_MOVED


def test_a_stop_limit_explains_its_price():
    assert price_cause("103", order_type="STOP_LOSS_LIMIT") is Cause.STOP_LIMIT


def test_several_prices_are_a_partial_fill():
    assert price_cause("102.50", "103") is Cause.PARTIAL_FILL


def test_several_fills_at_one_price_are_no_partial_fill():
    assert price_cause("103", "103") is Cause.PRICE_MOVED


@pytest.mark.parametrize(
    ("paid", "cause"),
    [("0", Cause.FEE_RATE), ("1", Cause.FEE_RATE), ("1.01", Cause.UNEXPLAINED), ("-0.1", Cause.UNEXPLAINED)],
)
def test_a_fee_up_to_a_percent_is_a_rate(paid, cause):
    assert classify.classify_fee(Decimal(paid), Decimal(100)) is cause


# Exits


def exit_cause(side, closed=EXIT, engine=ENGINE_EXIT):
    return classify.classify_exit(side, side.record.trades[0], closed, engine)


def test_an_exit_by_a_person_is_by_hand():
    assert exit_cause(with_trade(context(), exit_reason="manual")) is Cause.BY_HAND


def test_an_exit_after_other_parameters_is_theirs():
    assert exit_cause(with_decision(context(), 4, version=2)) is Cause.PARAMETERS_CHANGED


def test_an_exit_over_changed_candles_is_theirs():
    assert exit_cause(with_decision(context(), 4, close=1.0)) is Cause.CANDLES_CHANGED


def test_candles_after_the_exit_do_not_explain_it():
    assert exit_cause(with_decision(context(), EXIT, close=1.0), 5, replace(ENGINE_EXIT, row=4)) is Cause.UNEXPLAINED


def test_an_exit_of_a_stop_limit_is_its_own():
    assert exit_cause(with_trade(context(), has_stop_limit=True)) is Cause.STOP_LIMIT


def test_an_exit_that_the_exchange_refused_is_its_own():
    assert exit_cause(with_trade(context(), exit_was_refused=True)) is Cause.ORDER_REFUSED


def test_another_level_touched_in_the_same_bar_is_inside_it():
    engine = replace(ENGINE_EXIT, possible=frozenset({"signal", "stop_loss"}))
    assert exit_cause(context(), EXIT, engine) is Cause.INSIDE_BAR


def test_a_level_that_the_bar_did_not_touch_is_not_inside_it():
    assert exit_cause(with_trade(context(), exit_reason="trailing_stop")) is Cause.UNEXPLAINED


def test_a_level_touched_before_a_late_entry_is_inside_its_bar():
    side = context()
    late = with_trade(side, opened_ms=time_of(side, ENTRY) + 5)
    assert exit_cause(late, EXIT, replace(ENGINE_EXIT, row=ENTRY)) is Cause.INSIDE_BAR


def test_a_level_touched_after_an_entry_at_the_open_is_not():
    assert exit_cause(context(), EXIT, replace(ENGINE_EXIT, row=ENTRY)) is Cause.UNEXPLAINED


def test_an_exit_over_a_missed_bar_is_a_late_tick():
    assert exit_cause(with_decision(context(), 5, action="missed")) is Cause.LATE_TICK


def test_an_exit_over_a_bar_without_a_decision_is_a_late_tick():
    assert exit_cause(without_decision(context(), 4)) is Cause.LATE_TICK


def test_an_exit_after_another_signal_follows_from_it():
    assert exit_cause(with_decision(context(), 4, signal=-1)) is Cause.EARLIER_DIFFERENCE


def test_an_exit_that_nothing_explains_is_unexplained():
    assert exit_cause(context()) is Cause.UNEXPLAINED


def test_a_position_that_only_the_engine_ended_is_unexplained():
    assert exit_cause(with_trade(context(), closed_ms=None), None) is Cause.UNEXPLAINED
