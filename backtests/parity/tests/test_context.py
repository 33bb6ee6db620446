"""The engine's side of a comparison, asked from where a hand-made record stands."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from backtests.parity.tests.builders import (
    BOUGHT,
    ENTRY,
    EXIT,
    context,
    time_of,
    with_decision,
    with_record,
    with_trade,
    without_decision,
)
from bots.strategy.types import RejectionReason, StrategyAction

STEP = 100_000_000 // 100_000


def test_a_moment_belongs_to_the_bar_that_holds_it():
    side = context()
    assert [side.row(time_of(side, 3) + offset) for offset in (-1, 0, 1)] == [2, 3, 3]


def test_a_moment_before_the_first_bar_has_none():
    side = context()
    assert side.row(time_of(side, 0) - 1) == -1


def test_a_bar_closes_a_millisecond_before_the_next_opens():
    side = context()
    assert side.close_ms(3) == time_of(side, 4) - 1


def test_decisions_are_found_by_their_bar():
    assert context().decisions[2].action == "enter"


def test_a_decision_on_a_bar_that_is_gone_is_left_out():
    side = context()
    assert 4 not in with_decision(side, 4, bar_ms=time_of(side, 4) + 1).decisions


def test_a_version_is_in_force_until_another_decides():
    side = without_decision(with_decision(context(), 5, version=2), 4)
    assert side.versions == [1, 1, 1, 1, 1, 2, 1, 1]


def test_a_position_is_held_from_its_bar_to_the_one_before_its_exit():
    assert sorted(context().held) == [3, 4, 5]


def test_an_open_position_is_held_to_the_end():
    assert sorted(with_trade(context(), closed_ms=None).held) == [3, 4, 5, 6, 7]


def test_a_position_from_before_the_candles_is_held_from_the_first():
    side = context()
    assert min(with_trade(side, opened_ms=time_of(side, 0) - 5).held) == 0


@pytest.mark.parametrize(("slippage", "price"), [("0", "102"), ("10", "102.11")])
def test_a_buy_pays_the_open_and_the_slippage_up_to_a_tick(slippage, price):
    side = context(slippage_bps=slippage)
    assert side.ask(ENTRY, side.rules[1]) == Decimal(price)


def test_a_buy_is_sized_as_the_bot_sized_it():
    decided = context().decide_buy(2, 1)
    assert (decided.action, decided.lots * Decimal("0.00001")) == (StrategyAction.ENTER, BOUGHT)


def test_a_buy_is_sized_at_the_price_that_the_bot_saw():
    assert context().decide_buy(2, 1, price=125.0).lots == 400_000


def test_a_buy_spends_no_more_than_the_account_had():
    assert context().decide_buy(2, 1, free_quote=102.0).lots <= 100_000


def test_a_trade_of_the_day_counts_towards_its_limit():
    decided = context(max_daily_trades=1).decide_buy(6, 1)
    assert decided.gate == RejectionReason.DAILY_TRADE_LIMIT


def test_a_trade_of_a_later_bar_does_not_count():
    assert context(max_daily_trades=1).decide_buy(2, 1).action == StrategyAction.ENTER


def test_an_exit_begins_the_cooldown():
    assert context(cooldown_bars=3).decide_buy(6, 1).gate == RejectionReason.COOLDOWN


def test_a_loss_of_the_day_counts_towards_its_limit():
    assert context(max_daily_loss="0.01").decide_buy(6, 1).gate == RejectionReason.DAILY_LOSS_LIMIT


def test_trading_hours_count_at_the_next_open():
    side = context(trading_hours="Mon-Sun 04:00-05:00")  # the fourth bar opens at 03:00
    assert side.decide_buy(2, 1).gate == RejectionReason.OUTSIDE_SCHEDULE


def test_compounding_sizes_from_the_ledger():
    settings = {"position_size_mode": "percent", "position_size_perc": "0.5"}
    grown = context(**settings, compounding="true").decide_buy(6, 1, price=100.0).lots
    fixed = context(**settings, compounding="false").decide_buy(6, 1, price=100.0).lots
    assert grown < fixed == 500_000


def exit_of(**settings):
    side = context(**settings)
    return side.find_exit(ENTRY, Decimal(102), side.rules[1])


def test_a_signal_sells_at_the_open_after_it():
    found = exit_of()
    assert (found.row, found.price, found.reason, found.is_maker) == (EXIT, Decimal(99), "signal", False)


def test_a_stop_sells_within_its_bar():
    found = exit_of(stop_loss="0.02")
    assert (found.row, found.price, found.reason) == (5, Decimal("99.96"), "stop_loss")


def test_a_target_sells_as_a_maker():
    found = exit_of(take_profit="0.01")
    assert (found.row, found.reason, found.is_maker) == (ENTRY, "take_profit", True)


def test_a_position_that_nothing_ends_is_still_open():
    side = context()
    quiet = replace(side.rules[1], signal=side.rules[1].signal * 0)
    assert side.find_exit(ENTRY, Decimal(102), quiet) is None


def test_a_bar_that_touches_stop_and_target_could_have_been_either():
    assert exit_of(stop_loss="0.009", take_profit="0.01").possible == {"stop_loss", "take_profit"}


def test_a_bar_that_touches_one_level_could_be_that_alone():
    assert exit_of(stop_loss="0.02").possible == {"stop_loss"}


def test_without_a_drawdown_limit_no_row_is_halted():
    assert context().halted_rows == set()


def test_rows_are_halted_from_the_close_that_reached_the_limit():
    assert context(max_drawdown="0.01").halted_rows == {5, 6, 7}


def test_a_drawdown_counts_from_the_peak_before_the_period():
    assert 0 in with_record(context(max_drawdown="0.01"), peak=2000.0).halted_rows


def test_an_entry_while_halted_begins_a_new_peak():
    side = with_record(context(max_drawdown="0.01"), peak=2000.0)
    assert side.halted_rows == {0, 1, 2, 5, 6, 7}


def test_a_bot_reads_its_warm_up_and_one_bar():
    assert context().rules[1].bars_needed == 3


def test_a_bot_reads_enough_bars_for_its_cooldown():
    assert context(cooldown_bars=9).rules[1].bars_needed == 11
