"""Recording a decision, the bars missed before it, and the state it leaves."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bots.models import Action, BotState, Decision, Order, OrderState, Trade
from bots.trading import decision as module
from bots.trading.decision import lateness_s
from bots.trading.tests.tables import ENTER, EXIT_BAR, HELD, QUIET, SELLS
from bots.versions import current_version

pytestmark = pytest.mark.django_db


def test_a_decision_carries_the_version_it_was_made_by(make_stage):
    stage = make_stage(HELD + QUIET)
    stage.decide(ENTER)
    assert Decision.objects.get().version == current_version(stage.bot)


def test_an_entry_is_on_record_with_its_decision(make_stage):
    stage = make_stage(HELD + QUIET)
    stage.decide(ENTER)
    assert Order.objects.get(purpose="entry").decision == Decision.objects.get()


def test_an_exit_is_requested_on_the_open_trade(make_stage):
    stage = make_stage(HELD + SELLS + "98 98 98 98\n")
    stage.decide(ENTER)
    stage.decide(ENTER + 1)
    stage.exchange.before["cancel"] = lambda: Trade.objects.get(exit_requested="signal")
    stage.decide(EXIT_BAR)
    assert Trade.objects.get().exit_reason == "signal"


def test_a_bar_is_decided_once(make_stage):
    stage = make_stage(HELD + QUIET)
    stage.decide(ENTER)
    stage.tick()
    assert Decision.objects.count() == 1


def test_bars_that_nothing_looked_at_are_missed(make_stage):
    stage = make_stage(HELD + QUIET * 4)
    stage.decide(ENTER)
    stage.decide(ENTER + 3)
    actions = list(Decision.objects.order_by("bar").values_list("action", flat=True))
    assert actions == [Action.ENTER, Action.MISSED, Action.MISSED, Action.HOLD]


def test_no_more_missed_bars_are_recorded_than_the_limit(make_stage, monkeypatch):
    monkeypatch.setattr(module, "MAX_MISSED_ROWS", 1)
    stage = make_stage(HELD + QUIET * 4)
    stage.decide(ENTER)
    stage.decide(ENTER + 3)
    assert Decision.objects.filter(action=Action.MISSED).count() == 1


def test_the_state_moves_to_the_decided_bar(make_stage):
    stage = make_stage(HELD + QUIET)
    stage.decide(ENTER)
    state, decision = BotState.objects.get(bot=stage.bot), Decision.objects.get()
    assert (state.last_bar, state.equity) == (decision.bar, decision.equity)


def test_a_refused_entry_has_no_order(make_stage):
    stage = make_stage(HELD + QUIET, trading_hours="Sun 00:00-01:00")
    stage.decide(ENTER)
    assert (Decision.objects.get().reason, Order.objects.count()) == ("outside_schedule", 0)


def test_a_sent_entry_is_filled(make_stage):
    stage = make_stage(HELD + QUIET)
    stage.decide(ENTER)
    assert Order.objects.get(purpose="entry").state == OrderState.FILLED


@pytest.mark.parametrize(("seconds", "late"), [(5, 5.0), (-5, 0.0)])
def test_lateness_counts_from_the_close(make_stage, seconds, late):
    stage = make_stage(HELD + QUIET)
    stage.decide(ENTER)
    bar = Decision.objects.get()

    class Bar:
        closed_at = bar.bar + timedelta(hours=1) - timedelta(milliseconds=1)

    assert lateness_s(Bar(), bar.bar + timedelta(hours=1, seconds=seconds)) == late
