"""When decisions are made and fill, on the live runner (rule 1)."""

from __future__ import annotations

import pytest

from bots.models import Action, Decision, Order
from bots.trading.tests.tables import BUY, hours, lines, run
from exchange.klines.series import gaps

pytestmark = pytest.mark.django_db


def test_a_decision_fills_at_the_next_bars_open():
    result = run(BUY + "103 104 103 104  enters")
    assert lines(result) == ["bar 3 buys 4.854 at 103, open"]


def test_a_decision_on_the_last_bar_is_neither_order_nor_rejection():
    result = run(BUY, max_daily_trades=1)
    assert (lines(result), dict(result.rejections)) == ([], {})
    assert not Order.objects.exists()


def test_each_bar_but_the_last_is_decided_once():
    result = run(BUY + "103 104 103 104\n 104 104 104 104")
    bars = list(Decision.objects.order_by("bar").values_list("bar", "action"))
    assert [action for _, action in bars] == [Action.WAIT, Action.WAIT, Action.ENTER, Action.HOLD]
    assert len({bar for bar, _ in bars}) == result.bars - 1


def test_a_buy_while_long_does_nothing_and_is_no_rejection():
    result = run(BUY + "103 104 103 104  closes above both highs again\n 104 110 104 110  and again\n 110 110 110 110")
    assert lines(result) == ["bar 3 buys 4.854 at 103, open"]
    assert dict(result.rejections) == {}


def test_a_position_closed_at_the_next_open_was_held_at_the_decision():
    result = run(
        BUY
        + """
        100  101  100  100   enters at 100, stop 95
        100  105  100  105   would buy, but is long
         93   96   93   96   opens through the stop
         96   96   96   96
        """,
        stop_loss="0.05",
    )
    assert lines(result) == ["bar 3 buys 5 at 100, bar 5 sells at 93: stop_loss"]
    assert dict(result.rejections) == {}


def test_a_gap_in_the_data_is_no_bar_and_makes_nothing_stale():
    table = BUY + "gap 7\n 103 104 103 104  enters seven hours later"
    assert [gap.missing for gap in gaps(hours(table))] == [7]
    result = run(table, max_signal_age_s=60)
    assert lines(result) == ["bar 10 buys 4.854 at 103, open"]


def test_bars_before_the_span_are_warm_up_alone():
    table = BUY + "103 104 103 104\n 104 104 104 104\n 104 106 104 106  buys\n 106 106 106 106  enters"
    result = run(table, since="2023-11-15T05:00")
    assert result.bars == 2
    assert lines(result) == ["bar 1 buys 4.716 at 106, open"]
