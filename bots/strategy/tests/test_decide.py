"""The decision about one bar, interpreted and compiled."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from bots.strategy.decide import decide, stop_as_entry_fills
from bots.strategy.tests.builders import FACTS, NO_EXITS, NO_RISK, RULES, fixed
from bots.strategy.types import (
    OFF,
    EntryFacts,
    ExitParams,
    Funds,
    RejectionReason,
    RuleSettings,
    Signal,
    SizeParams,
    StrategyAction,
)

OPEN = RejectionReason.OPEN


def decided(
    signal: int,
    lots: int,
    *,
    facts: EntryFacts = FACTS,
    params: SizeParams | None = None,
    exits=NO_EXITS,
    capital=1000.0,
):
    settings = RuleSettings(params or fixed(100.0), exits, NO_RISK)
    return decide(signal, lots, facts, settings, RULES, Funds(capital, capital, capital, 10.0, 0.001))


@pytest.mark.parametrize(
    ("signal", "lots", "action", "quantity"),
    [
        (Signal.BUY, 0, StrategyAction.ENTER, 100),
        (Signal.BUY, 7, StrategyAction.HOLD, 0),
        (Signal.SELL, 7, StrategyAction.EXIT, 7),
        (Signal.SELL, 0, StrategyAction.WAIT, 0),
        (Signal.NONE, 7, StrategyAction.HOLD, 0),
        (Signal.NONE, 0, StrategyAction.WAIT, 0),
    ],
)
def test_a_signal_acts_only_where_there_is_something_to_do(signal, lots, action, quantity):
    assert decided(signal, lots) == (action, quantity, OPEN)


def test_a_gate_rejects_an_entry():
    halted = FACTS._replace(is_halted=True)
    assert decided(Signal.BUY, 0, facts=halted) == (StrategyAction.REFUSED, 0, RejectionReason.HALTED)


def test_a_gate_never_rejects_an_exit():
    assert decided(Signal.SELL, 7, facts=FACTS._replace(is_halted=True)) == (StrategyAction.EXIT, 7, OPEN)


@pytest.mark.parametrize(
    ("room", "gate"), [(100.0, OPEN), (99.9, RejectionReason.EXPOSURE_LIMIT), (-1.0, RejectionReason.EXPOSURE_LIMIT)]
)
def test_exposure_is_checked_once_the_size_is_known(room, gate):
    assert decided(Signal.BUY, 0, facts=FACTS._replace(exposure_room=room)).gate == gate


def test_a_size_that_cannot_be_bought_is_a_refusal():
    refused = decided(Signal.BUY, 0, capital=4.0)
    assert (refused.action, refused.gate) == (StrategyAction.REFUSED, RejectionReason.INSUFFICIENT_BALANCE)


def test_the_stop_as_an_entry_fills_is_the_larger_of_stop_and_trail():
    assert stop_as_entry_fills(ExitParams(0.05, OFF, 0.02), 100.0, 0.5) == 98.0


def test_the_smallest_size_is_measured_at_the_larger_of_stop_and_trail():
    loose, tight = ExitParams(0.5, OFF, OFF), ExitParams(0.5, OFF, 0.1)
    assert decided(Signal.BUY, 0, params=fixed(1.0), exits=loose).lots == 11  # 5 / 5 = 1, and the fee
    assert decided(Signal.BUY, 0, params=fixed(1.0), exits=tight).lots == 7  # 5 / 9 = 0.56: 0.6, and the fee


_compiled = njit(lambda *values: decide(*values))


@settings(max_examples=200, deadline=None)
@given(
    signal=st.sampled_from([-1, 0, 1]),
    lots=st.integers(0, 3),
    capital=st.floats(0.01, 1e6),
    account=st.floats(0.01, 1e6),
    price=st.floats(0.01, 1e5),
    stop_loss=st.floats(0.001, 0.9),
    trail=st.floats(0.001, 0.9),
    mode=st.sampled_from([0, 1, 2]),
    room=st.floats(0, 1e6),
    since=st.integers(0, 5),
)
def test_decisions_are_the_same_interpreted_and_compiled(
    signal, lots, capital, account, price, stop_loss, trail, mode, room, since
):
    values = (
        signal,
        lots,
        FACTS._replace(exposure_room=room, bars_since_exit=since),
        RuleSettings(
            SizeParams(mode, 50.0, 0.3, 0.01, stop_loss),
            ExitParams(stop_loss, OFF, trail),
            NO_RISK._replace(cooldown_bars=2),
        ),
        RULES,
        Funds(capital, capital, account, price, 0.001),
    )
    assert _compiled(*values) == decide(*values)
