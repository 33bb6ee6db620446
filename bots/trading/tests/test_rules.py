"""TRADING_RULES, rule by rule, on the live runner: tables small enough to check by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bots.models import Action, Decision, Order
from bots.trading.tests.tables import BUY, hours, lines, lots, run, short
from exchange.klines.series import gaps

pytestmark = pytest.mark.django_db


# --- Rule 1: time -----------------------------------------------------------------------------------------------------


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


def test_a_position_closed_at_the_next_bars_open_was_still_held_when_the_bar_was_decided():
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


# --- Rule 4: books ----------------------------------------------------------------------------------------------------

DUST = (
    BUY
    + """
    100  100  100  100   enters at 100
    100  100   99   99   sells
    110  110  110  110   sold at 110; a close above both highs buys again
    100  100  100  100   enters at 100
    100  100   90   90   sells
     90   90   90   90   sold at 90
    """
)


def test_commission_of_a_buy_is_base_and_of_a_sale_quote():
    result = run(DUST, info=lots("0.001"), fee_rate="0.001")
    first = result.closed_trades[0]
    assert lines(result)[0] == "bar 3 buys 5 at 100, bar 5 sells at 110: signal"
    # 4.995 are left of 5, sold for 549.45, of which 0.54945 is fee
    assert first.net_pnl == Decimal("549.45") - Decimal("0.54945") - 500
    assert first.fees == Decimal("0.005") * 100 + Decimal("0.54945")


def test_dust_stays_on_the_ledger_and_goes_out_with_the_next_sale():
    result = run(DUST, info=lots("0.01", "0.01"), fee_rate="0.001")
    first, second = result.closed_trades
    # 4.995 are left of 5: 4.99 are sold at 110, 0.005 stay
    assert first.net_pnl == Decimal("548.90") - Decimal("0.54890") - 500
    # 0.005 and 4.995 are a whole 5.00, sold at 90
    assert (short(second.quantity), second.net_pnl) == ("5", Decimal("450") - Decimal("0.45") - 500)
    assert result.metrics.final_equity == pytest.approx(float(1000 + first.net_pnl + second.net_pnl))


def test_dust_counts_in_the_equity_and_is_no_position():
    until_sold = "\n".join([line for line in DUST.splitlines() if line.strip()][:6])
    result = run(until_sold, info=lots("0.01", "0.01"), fee_rate="0.001")
    assert [trade.net_pnl for trade in result.closed_trades] == [Decimal("48.35110")]
    assert result.metrics.final_equity == pytest.approx(1048.3511 + 0.005 * 110)


# --- Rule 5: size -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "bought"),
    [
        ({"position_size_mode": "fixed", "position_size_fixed": "250"}, "2.5"),
        ({"position_size_mode": "fixed", "position_size_fixed": "5000"}, "10"),  # the capital is all there is
        ({"position_size_mode": "percent", "position_size_perc": "0.3"}, "3"),
        ({"position_size_mode": "risk", "risk_per_trade": "0.01", "stop_loss": "0.05"}, "2"),  # 10 are lost at 95
        ({"position_size_mode": "fixed", "position_size_fixed": "123.456"}, "1.234"),
        ({"position_size_mode": "fixed", "position_size_fixed": "1"}, "0.05"),  # raised to the minimum notional of 5
    ],
)
def test_the_mode_says_how_much_is_bought(settings, bought):
    assert lines(run(BUY + "100 100 100 100", **settings)) == [f"bar 3 buys {bought} at 100, open"]


TWICE = (
    BUY
    + """
    100  100  100  100   enters at 100
    100  100   99   99   sells
    120  120  120  120   sold at 120, buys again
    100  100  100  100   enters at 100
    """
)


@pytest.mark.parametrize(("compounding", "second"), [("true", "5.5"), ("false", "5")])
def test_capital_grows_with_closed_trades_where_the_bot_compounds(compounding, second):
    result = run(TWICE, position_size_mode="percent", position_size_perc="0.5", compounding=compounding)
    assert lines(result) == ["bar 3 buys 5 at 100, bar 5 sells at 120: signal", f"bar 6 buys {second} at 100, open"]


def test_an_entry_that_no_money_reaches_is_refused_and_the_bot_stays_ready():
    result = run(BUY + "103 104 103 104\n 104 106 104 106\n 106 106 106 106", initial_capital="4")
    assert lines(result) == []
    assert dict(result.rejections) == {"insufficient_balance": 3}


def test_an_entry_whose_rest_would_be_worth_too_little_is_below_the_minimum_notional():
    info = lots(notional="6000")
    info["filters"] = [
        {**entry, "maxQty": "50"} if entry["filterType"] == "MARKET_LOT_SIZE" else entry for entry in info["filters"]
    ]
    result = run(BUY + "100 100 100 100", info=info, initial_capital="100000", position_size_fixed="500")
    assert (lines(result), dict(result.rejections)) == ([], {"below_min_notional": 1})


# --- Rule 6: gates ----------------------------------------------------------------------------------------------------

STOPPED_AND_BUYS = (
    BUY
    + """
    100  101  100  100   enters at 100, stop 95
    100  103   94  103   stopped at 95; closes above both highs
    103  104  103  104   the next bar's close buys as well
    104  104  104  104
    """
)


@pytest.mark.parametrize(
    ("cooldown", "entered", "refused"),
    [(0, "bar 5 buys 4.854 at 103, open", {}), (1, "bar 6 buys 4.807 at 104, open", {"cooldown": 1})],
)
def test_a_cooldown_of_one_forbids_the_decision_on_the_exits_own_bar(cooldown, entered, refused):
    result = run(STOPPED_AND_BUYS, stop_loss="0.05", cooldown_bars=cooldown)
    assert lines(result) == ["bar 3 buys 5 at 100, bar 4 sells at 95: stop_loss", entered]
    assert dict(result.rejections) == refused


def test_the_daily_trade_limit_counts_entries_by_the_utc_day_of_the_fill():
    result = run(STOPPED_AND_BUYS, start="2023-11-15T18:00", stop_loss="0.05", max_daily_trades=1)
    # the decision on bar 5, at 23:00, fills at the open of bar 6, at 00:00
    assert lines(result)[1:] == ["bar 6 buys 4.807 at 104, open"]
    assert dict(result.rejections) == {"daily_trade_limit": 1}


@pytest.mark.parametrize(("limit", "refused"), [("0.025", {"daily_loss_limit": 2}), ("0.026", {})])
def test_a_days_loss_at_the_limit_stops_entries(limit, refused):
    # 5 bought at 100 and stopped at 95 lose 25 of 1000
    result = run(STOPPED_AND_BUYS, stop_loss="0.05", max_daily_loss=limit)
    assert dict(result.rejections) == refused


@pytest.mark.parametrize(("target", "refused"), [("0.1", {"daily_profit_target": 1}), ("0.11", {})])
def test_a_days_profit_at_the_target_stops_entries(target, refused):
    assert dict(run(TWICE, daily_profit_target=target).rejections) == refused


@pytest.mark.parametrize(("limit", "refused"), [("0.02", {"max_drawdown": 3}), ("0.03", {})])
def test_a_drawdown_once_reached_halts_entries_for_good(limit, refused):
    table = STOPPED_AND_BUYS + "gap 48\n 104 110 104 110   buys two days later\n 110 110 110 110"
    result = run(table, stop_loss="0.05", max_drawdown=limit)
    assert dict(result.rejections) == refused


# --- Rule 7: fills ----------------------------------------------------------------------------------------------------


def test_slippage_is_rounded_to_the_tick_against_us():
    result = run(
        BUY
        + """
        103.33  104  103  104
        104     104   99   99   sells
        105.55  106  105  106
        """,
        slippage_bps=10,
    )
    # 103.33 * 1.001 = 103.43333, up to 103.44; 105.55 * 0.999 = 105.44445, down to 105.44; 500 / 103.44 = 4.8337
    assert lines(result) == ["bar 3 buys 4.833 at 103.44, bar 5 sells at 105.44: signal"]
    assert result.closed_trades[0].net_pnl == Decimal("9.666")


# --- Rule 8: exits ----------------------------------------------------------------------------------------------------

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
