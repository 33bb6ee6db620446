"""A sentence for every reason."""

from __future__ import annotations

import pytest

from bots.models import Action, Decision, Trade
from bots.pages import reason_labels
from bots.strategy.types import RejectionReason


@pytest.mark.parametrize("reason", [reason for reason in RejectionReason if reason != RejectionReason.OPEN])
def test_every_rejection_has_a_sentence(reason):
    assert reason.name.lower() in reason_labels.DECISION_REASONS


@pytest.mark.parametrize("reason", Trade.Reason.values)
def test_every_exit_has_a_sentence(reason):
    assert reason in reason_labels.REASONS


@pytest.mark.parametrize("action", Action)
def test_every_action_without_a_reason_has_a_sentence(action):
    assert reason_labels.decision_reason(Decision(action=action)).endswith(".")


def test_an_unknown_reason_is_shown_as_words():
    assert reason_labels.reason("late_moon") == "Late moon."


def test_an_entry_on_a_signal_is_a_buy_signal():
    assert reason_labels.decision_reason(Decision(action="enter", reason="signal")) == "Buy signal."


def test_indicators_that_are_undefined_are_left_out():
    assert reason_labels.indicators({"rsi": 54.25, "ema": None}) == "rsi 54.25"
