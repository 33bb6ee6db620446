"""Where positions are closed, on the live runner (rule 8)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bots.models import Order
from bots.trading.tests.tables import BUY, lines, run

pytestmark = pytest.mark.django_db


ENTRY = BUY + "100 101 100 100   enters at 100\n"


@pytest.mark.parametrize(
    ("bar", "sold"),
    [
        ("100 102 94 96    through the stop", "95: stop_loss"),
        ("100 102 95 96    touches the stop", "95: stop_loss"),
        ("93 96 92 96      opens under the stop", "93: stop_loss"),
        ("100 111 100 108  through the target", "110: take_profit"),
        ("112 113 111 112  opens above the target, which is a resting limit", "110: take_profit"),
        ("100 111 94 105   touches both: the stop is assumed first", "95: stop_loss"),
    ],
)
def test_a_bar_meets_stop_and_target(bar, sold):
    result = run(ENTRY + bar, stop_loss="0.05", take_profit="0.1")
    assert lines(result) == [f"bar 3 buys 5 at 100, bar 4 sells at {sold}"]


def test_a_stop_pays_slippage_and_a_target_does_not():
    # entry at 100 * 1.001 = 100.10: stop 95.095, down to 95.09, target 110.11
    stopped = run(ENTRY + "100 102 94 96", stop_loss="0.05", take_profit="0.1", slippage_bps=10)
    assert lines(stopped)[0].endswith("sells at 94.99: stop_loss")  # 95.09 * 0.999 = 94.99491
    reached = run(ENTRY + "100 111 100 108", stop_loss="0.05", take_profit="0.1", slippage_bps=10)
    assert lines(reached)[0].endswith("sells at 110.11: take_profit")


def test_a_target_pays_the_makers_fee_and_a_stop_the_takers():
    fees = {"fee_rate": "0.001", "maker_fee_rate": "0"}
    reached = run(ENTRY + "100 111 100 108", stop_loss="0.05", take_profit="0.1", **fees).closed_trades[0]
    assert reached.fees == Decimal("0.5")  # the entry's alone: 0.005 at 100
    stopped = run(ENTRY + "100 102 94 96", stop_loss="0.05", take_profit="0.1", **fees).closed_trades[0]
    assert stopped.fees == Decimal("0.5") + Decimal("4.995") * 95 * Decimal("0.001")


def test_the_entry_bars_own_range_counts():
    result = run(BUY + "100 101 94 96   enters at 100 and is stopped", stop_loss="0.05")
    assert lines(result) == ["bar 3 buys 5 at 100, bar 3 sells at 95: stop_loss"]


def test_a_trailing_stop_follows_the_high_and_never_retreats():
    result = run(
        ENTRY
        + """
        100  120  100  119   trail from 95.95 to 114
        119  119  115  116   holds at 114
        116  117  115  116   and holds
        116  116  113  115   sold at 114
        """,
        trailing_stop="0.05",
    )
    assert lines(result) == ["bar 3 buys 5 at 100, bar 7 sells at 114: trailing_stop"]


def test_a_stop_loss_above_the_trail_gives_its_own_reason():
    result = run(ENTRY + "100 101 94 96", stop_loss="0.03", trailing_stop="0.05")
    assert lines(result) == ["bar 3 buys 5 at 100, bar 4 sells at 97: stop_loss"]


def test_a_trail_raised_above_the_price_sells_at_the_open():
    result = run(
        ENTRY
        + """
        100  120  100  112   trail to 114, above the close
        110  111  109  110   opens over the resting 95.95: no stop can be placed at 114
        """,
        trailing_stop="0.05",
    )
    assert lines(result) == ["bar 3 buys 5 at 100, bar 5 sells at 110: trailing_stop"]


def test_a_stop_that_the_entry_itself_puts_beyond_the_price_sells_at_once():
    # bought at 106 with 6 % of slippage: the stop of 100.70 is above the price of 100, the sale at 94
    result = run(BUY + "100 101 99 100", stop_loss="0.05", slippage_bps=600)
    assert lines(result) == ["bar 3 buys 4.716 at 106, bar 3 sells at 94: stop_loss"]


def test_a_signal_exit_goes_before_the_bars_range():
    result = run(
        ENTRY
        + """
        100  100   96   96   closes under both lows: sells
         98   98   90   90   sold at the open, not at the stop
        """,
        stop_loss="0.05",
    )
    assert lines(result) == ["bar 3 buys 5 at 100, bar 5 sells at 98: signal"]


def test_a_gap_through_the_stop_goes_before_a_signal_exit():
    result = run(ENTRY + "100 100 96 96   sells\n 94 96 93 96   opens under the stop", stop_loss="0.05")
    assert lines(result) == ["bar 3 buys 5 at 100, bar 5 sells at 94: stop_loss"]


def test_an_open_above_the_target_goes_before_a_signal_exit():
    result = run(ENTRY + "100 100 96 96   sells\n 112 113 111 112", stop_loss="0.05", take_profit="0.1")
    assert lines(result) == ["bar 3 buys 5 at 100, bar 5 sells at 110: take_profit"]


def test_stop_and_target_rest_as_one_list_and_one_fill_cancels_the_other():
    run(ENTRY + "100 111 100 101\n 101 101 101 101", stop_loss="0.05", take_profit="0.1")
    stop, target = Order.objects.get(purpose="stop"), Order.objects.get(purpose="target")
    assert stop.list_client_order_id == target.list_client_order_id != ""
    assert target.state == "filled"
    assert stop.state in ("expired", "canceled")
