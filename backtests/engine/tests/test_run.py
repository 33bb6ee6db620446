"""The engine, rule by rule, on candle tables small enough to check by hand.

The signals are a script of their own here: one strategy that says what the table's last column says.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

from backtests.engine.result import ClosedTrade, OpenTrade
from backtests.engine.run import EngineRun, MarketData, prepare, run_backtest
from backtests.engine.timerange import parse_time_range
from backtests.errors import BacktestError
from bots.settings.parse import make_settings
from bots.strategy import registry
from core.formats import plain
from exchange.api.types import Klines, SymbolRules
from exchange.klines.files import read_file
from exchange.symbols.filters import find_symbol, parse_rules

HOUR = 3_600_000
MIDNIGHT = 1_704_067_200_000  # 2024-01-01 00:00 UTC
RULES = SymbolRules("AAABBB", "AAA", "BBB", tick_size=Decimal(1), step_size=Decimal("0.1"), min_notional=Decimal(5))
FREE = {"fee_rate": 0, "position_size_mode": "fixed", "position_size_fixed": 100, "initial_capital": 1000}


class NoParams(NamedTuple):
    pass


@pytest.fixture
def scripted(monkeypatch):
    """Run over a table `open high low close [buy|sell]`, hourly bars from midnight unless told otherwise."""

    def run(
        table: str, *, start: int = MIDNIGHT, rules: SymbolRules = RULES, time_range=None, compiled=True, **settings
    ) -> EngineRun:
        rows = [line.split() for line in table.strip().splitlines()]
        words = {"buy": 1, "sell": -1}
        signal = np.array([words[row[4]] if len(row) > 4 else 0 for row in rows], dtype=np.int8)
        strategy = SimpleNamespace(
            NAME="script", LABEL="", DESCRIPTION="", FIELDS=(), Params=NoParams, check=lambda params: [],
            warmup_bars=lambda params: 0, signals=lambda candles, params: signal, indicators=lambda candles, params: {},
        )  # fmt: skip
        monkeypatch.setitem(registry.STRATEGIES, "script", strategy)
        prices = np.array([[float(cell) for cell in row[:4]] for row in rows])
        opens = start + np.arange(len(rows), dtype=np.int64) * HOUR
        klines = Klines("1h", opens, *(prices[:, column].copy() for column in range(4)), np.ones(len(rows)))
        parameters = make_settings(FREE | {"strategy": "script"} | settings)
        return run_backtest(
            prepare(klines, "AAABBB", rules), parameters, time_range or parse_time_range(), compiled=compiled
        )

    return run


def exits(run: EngineRun) -> list[tuple[int, str, str]]:
    """(bar of the exit, its price, its reason) of each closed trade."""
    return [
        ((trade.exit_time - MIDNIGHT) // HOUR, plain(trade.exit_price), trade.exit_reason)
        for trade in run.result.closed_trades
    ]


def entries(run: EngineRun) -> list[tuple[int, Decimal, Decimal]]:
    return [((t.entry_time - MIDNIGHT) // HOUR, t.entry_price, t.quantity) for t in run.result.trades]


def test_a_decision_fills_at_the_next_open_and_a_sell_closes(scripted):
    run = scripted("""
        100 100 100 100 buy
        102 105 101 104
        104 106 103 105 sell
        107 107 107 107
    """)
    assert entries(run) == [(1, 102, Decimal("0.9"))]
    assert exits(run) == [(3, "107", "signal")]
    assert run.result.closed_trades[0].net_pnl == Decimal("4.5")
    assert run.equity.tolist() == pytest.approx([1000.0, 1001.8, 1002.7, 1004.5], abs=1e-9)
    assert run.result.metrics.exposure == 2 / 4


def test_a_decision_on_the_last_bar_fills_nowhere_and_is_no_rejection(scripted):
    run = scripted("100 100 100 100\n100 100 100 100\n100 100 100 100 buy", max_daily_trades=1)
    assert run.result.trades == ()
    assert run.result.rejections == {}


def test_slippage_is_rounded_to_the_tick_against_us(scripted):
    run = scripted("100 100 100 100 buy\n101 101 101 101 sell\n103 103 103 103", slippage_bps=50)
    assert entries(run)[0][1] == 102  # 101.505 up
    assert exits(run) == [(2, "102", "signal")]  # 102.485 down


def test_fees_come_out_of_what_is_received_rounded_down_and_dust_stays(scripted):
    run = scripted(
        "100 100 100 100 buy\n100 100 100 100 sell\n100 100 100 100 buy\n100 100 100 100 sell\n100 100 100 100",
        fee_rate="0.015",
    )
    first, second = run.result.closed_trades
    # 1 bought less 0.015 is 0.985: 0.9 sold for 90 less 1.35, and 0.085 stays
    assert (first.quantity, first.net_pnl, first.fees) == (1, Decimal("-11.35"), Decimal("1.5") + Decimal("1.35"))
    # 0.985 more make 1.07: the dust goes out with 1.0 of it, for 100 less 1.5
    assert second.net_pnl == Decimal("-1.5")
    assert run.equity[-1] == pytest.approx(1000 - 11.35 - 1.5 + 0.07 * 100)
    assert run.result.metrics.exposure == 2 / 5


def test_a_target_pays_the_makers_fee_and_no_slippage(scripted):
    run = scripted(
        "100 100 100 100 buy\n100 111 100 100", fee_rate="0.01", maker_fee_rate=0, take_profit="0.1", slippage_bps=1
    )
    trade = run.result.closed_trades[0]
    assert (trade.entry_price, trade.exit_price, trade.exit_reason) == (101, 111, "take_profit")
    assert trade.fees == Decimal("0.009") * 101


def test_an_open_trade_stands_last_with_what_it_cost_so_far(scripted):
    run = scripted("100 100 100 100 buy\n100 120 100 120\n120 130 120 130")
    (trade,) = run.result.trades
    assert isinstance(trade, OpenTrade)
    assert trade.to_json()["exit_time"] is None
    assert trade.net_pnl == -100
    assert run.result.metrics.final_equity == 1030


def test_compounding_sizes_by_what_closed_trades_made(scripted):
    table = """
        100 100 100 100 buy
        100 100 100 100 sell
        200 200 200 200 buy
        100 100 100 100
    """
    settings = {"position_size_mode": "percent", "position_size_perc": 1, "fee_rate": 0}
    assert entries(scripted(table, **settings))[1][2] == 20
    assert entries(scripted(table, compounding="false", **settings))[1][2] == 10


def test_a_bar_that_touches_both_stop_and_target_was_stopped_first(scripted):
    run = scripted("100 100 100 100 buy\n100 111 94 105", stop_loss="0.05", take_profit="0.1")
    assert exits(run) == [(1, "95", "stop_loss")]


def test_a_gap_under_the_stop_sells_at_the_open_with_slippage(scripted):
    run = scripted("100 100 100 100 buy\n100 101 99 100\n90 92 88 91", stop_loss="0.05", slippage_bps=100)
    # bought at 101, stop 95; the open of 90 less 1 % is 89.1, rounded down
    assert exits(run) == [(2, "89", "stop_loss")]


def test_a_stop_inside_a_bar_slips_too(scripted):
    run = scripted("100 100 100 100 buy\n100 101 90 100", stop_loss="0.05", slippage_bps=100)
    assert exits(run) == [(1, "94", "stop_loss")]  # 95 less 1 % is 94.05


def test_an_open_over_the_target_still_sells_at_the_target(scripted):
    run = scripted("100 100 100 100 buy\n100 101 99 100\n120 121 119 120", take_profit="0.1")
    assert exits(run) == [(2, "110", "take_profit")]


def test_exits_at_the_open_come_in_the_order_stop_target_signal(scripted):
    target = scripted("100 100 100 100 buy\n100 101 99 100 sell\n112 112 112 112", take_profit="0.1")
    assert exits(target) == [(2, "110", "take_profit")]
    stop = scripted("100 100 100 100 buy\n100 101 99 100 sell\n94 99 94 99", stop_loss="0.05", take_profit="0.1")
    assert exits(stop) == [(2, "94", "stop_loss")]


def test_a_signal_exit_comes_before_what_the_bar_does_later(scripted):
    run = scripted("100 100 100 100 buy\n100 101 99 100 sell\n100 120 80 100", stop_loss="0.05", take_profit="0.1")
    assert exits(run) == [(2, "100", "signal")]


def test_a_trailing_stop_follows_the_high_and_never_retreats(scripted):
    run = scripted(
        """
        100 101  99 100 buy
        100 106  99 105
        105 105 102 103
        103 103 100 100
    """,
        trailing_stop="0.05",
    )
    # 106 * 0.95 = 100.7, so 100; no bar before the last touches it
    assert exits(run) == [(3, "100", "trailing_stop")]


def test_a_bar_cannot_raise_the_trail_and_hit_it(scripted):
    run = scripted("100 100 100 100 buy\n100 120 96 110\n118 119 117 118", trailing_stop="0.05")
    # on its own bar the trail is 95; from the next on it is 114
    assert exits(run) == []


def test_a_trail_raised_above_the_next_open_sells_there(scripted):
    run = scripted("100 100 100 100 buy\n100 120 99 110\n110 111 109 110", trailing_stop="0.05")
    assert exits(run) == [(2, "110", "trailing_stop")]  # 114 could not be placed over 110


def test_the_larger_of_stop_and_trail_holds_and_gives_the_reason(scripted):
    run = scripted("100 100 100 100 buy\n100 100 96 100\n100 100 90 95", stop_loss="0.03", trailing_stop="0.05")
    assert exits(run) == [(1, "97", "stop_loss")]


def test_stop_and_trail_work_from_the_entrys_own_bar_on(scripted):
    assert exits(scripted("100 100 100 100 buy\n100 100 94 100", stop_loss="0.05")) == [(1, "95", "stop_loss")]


def test_a_stop_above_the_price_right_after_the_entry_sells_at_once(scripted):
    run = scripted("100 100 100 100 buy\n100 100 100 100\n100 100 100 100", stop_loss="0.001", slippage_bps=200)
    # bought at 102, stop 101 is over the open of 100: sold at 98
    assert exits(run) == [(1, "98", "stop_loss")]


def test_no_signal_reenters_on_the_bar_that_is_still_held_at_its_close(scripted):
    run = scripted(
        "100 100 100 100 buy\n100 101 99 100 buy\n90 91 89 90\n90 90 90 90", stop_loss="0.05", cooldown_bars=1
    )
    # the stop fills at the open of bar 2: at the close of bar 1 it was still held, so that BUY is no rejection
    assert len(run.result.trades) == 1
    assert run.result.rejections == {}


STOPPED_THEN_BUYS = """
    100 100 100 100 buy
    100 101  94  96 buy
    100 100 100 100 buy
    100 100 100 100
    100 100 100 100
"""


def test_cooldown_counts_bars_from_the_exits_bar(scripted):
    assert [entry[0] for entry in entries(scripted(STOPPED_THEN_BUYS, stop_loss="0.05"))] == [1, 2]
    run = scripted(STOPPED_THEN_BUYS, stop_loss="0.05", cooldown_bars=1)
    assert [entry[0] for entry in entries(run)] == [1, 3]
    assert run.result.rejections == {"cooldown": 1}


def test_daily_trades_count_on_the_day_of_their_fill(scripted):
    late = MIDNIGHT + 22 * HOUR
    run = scripted(STOPPED_THEN_BUYS, start=late, stop_loss="0.05", max_daily_trades=1)
    # filled at 23:00; the decision on that bar would fill at midnight, on a new day; the third again on that day
    assert [entry[0] - 22 for entry in entries(run)] == [1, 2]
    assert scripted(STOPPED_THEN_BUYS, stop_loss="0.05", max_daily_trades=1).result.rejections == {
        "daily_trade_limit": 2
    }


def test_a_daily_loss_counts_closed_trades_of_the_day(scripted):
    # a loss of 5 on 1000
    run = scripted(STOPPED_THEN_BUYS, stop_loss="0.05", max_daily_loss="0.005")
    assert run.result.rejections == {"daily_loss_limit": 2}
    assert scripted(STOPPED_THEN_BUYS, stop_loss="0.05", max_daily_loss="0.006").result.rejections == {}


def test_a_daily_target_counts_closed_trades_of_the_day(scripted):
    table = "100 100 100 100 buy\n100 111 100 110 buy\n100 100 100 100\n100 100 100 100"
    run = scripted(table, take_profit="0.1", daily_profit_target="0.01")
    assert run.result.rejections == {"daily_profit_target": 1}


def test_a_drawdown_seen_while_flat_or_long_stops_entries_for_good(scripted):
    table = """
        100 100 100 100 buy
        100 100  80  80 sell
        100 100 100 100 buy
        100 100 100 100
    """
    # 20 of 1000 lost at the close of bar 1, all of it won back at the next open
    run = scripted(table, max_drawdown="0.02")
    assert run.result.rejections == {"max_drawdown": 1}
    assert scripted(table, max_drawdown="0.021").result.rejections == {}


def test_trading_hours_are_judged_when_the_order_would_go_out(scripted):
    table = "100 100 100 100 buy\n100 100 100 100\n100 100 100 100"
    # the bar of midnight is decided at 01:00
    assert len(scripted(table, trading_hours="Mon 01:00-02:00").result.trades) == 1
    run = scripted(table, trading_hours="Mon 00:00-01:00")
    assert run.result.rejections == {"outside_schedule": 1}


def test_what_cannot_be_paid_is_refused_and_counted(scripted):
    run = scripted("100 100 100 100 buy\n100 100 100 100\n100 100 100 100", initial_capital=4)
    assert run.result.rejections == {"insufficient_balance": 1}


def test_a_range_decides_and_fills_on_its_own_bars_alone(scripted):
    table = "100 100 100 100 buy\n" * 6
    run = scripted(table, time_range=parse_time_range("2024-01-01T02:00", "2024-01-01T05:00"))
    assert entries(run)[0][0] == 3
    assert (run.result.bars, run.result.first_open_time) == (3, MIDNIGHT + 2 * HOUR)


def market_of(count: int, **changes: Any) -> MarketData:
    flat = {name: np.full(count, 100.0) for name in ("open", "high", "low", "close", "volume")} | changes
    klines = Klines("1h", MIDNIGHT + np.arange(count, dtype=np.int64) * HOUR, **flat)
    return prepare(klines, "AAABBB", RULES)


def test_too_few_bars_for_the_warm_up_are_said_in_numbers():
    with pytest.raises(BacktestError, match="may signal from bar 281"):
        run_backtest(market_of(250), make_settings({}))


def test_candles_that_are_no_numbers_are_refused():
    broken = np.full(10, 100.0)
    broken[4] = np.nan
    with pytest.raises(BacktestError, match="low of the bar at 2024-01-01T04:00Z is nan"):
        market_of(10, low=broken)
    with pytest.raises(BacktestError, match="there are no AAABBB 1h candles"):
        market_of(0)


def test_a_strategy_that_raises_is_named(monkeypatch):
    def fails(candles: object, params: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(registry.get("donchian"), "signals", fails)
    with pytest.raises(BacktestError, match="strategy donchian failed: ZeroDivisionError"):
        run_backtest(market_of(100), make_settings({"strategy": "donchian"}))


ALL_RULES = {
    "stop_loss": "0.02", "take_profit": "0.04", "trailing_stop": "0.03", "slippage_bps": 2, "max_daily_trades": 2,
    "max_daily_loss": "0.03", "daily_profit_target": "0.05", "max_drawdown": "0.6", "cooldown_bars": 2,
    "trading_hours": "Mon-Fri 06:00-22:00",
}  # fmt: skip
RUNS = [
    {"position_size_mode": "percent", **ALL_RULES},
    {"strategy": "donchian", "position_size_mode": "risk", "risk_per_trade": "0.01", **ALL_RULES},
    {"strategy": "bollinger", "position_size_mode": "fixed", "position_size_fixed": 200, "compounding": "false"},
]


@pytest.fixture
def bitcoin(shared_data: Path) -> MarketData:
    info = json.loads((shared_data / "exchange_info.json").read_text())
    klines = read_file(shared_data / "starter" / "BTCUSDT-1h-20230101-20241231.csv.gz")
    return prepare(klines, "BTCUSDT", parse_rules(find_symbol(info, "BTCUSDT")))


@pytest.mark.parametrize("settings", RUNS)
def test_a_run_is_the_same_to_the_last_bit_interpreted_and_compiled(bitcoin, settings):
    time_range = parse_time_range("2023-06-01", "2024-06-01")
    fast = run_backtest(bitcoin, make_settings(settings), time_range)
    slow = run_backtest(bitcoin, make_settings(settings), time_range, compiled=False)
    assert len(fast.result.closed_trades) > 20
    assert fast.result == slow.result
    assert fast.equity.tobytes() == slow.equity.tobytes()


@pytest.mark.parametrize("settings", RUNS)
def test_no_trade_changes_when_later_bars_are_cut_off(bitcoin, settings):
    whole = run_backtest(bitcoin, make_settings(settings), parse_time_range(None, "2023-09-01")).result
    cut = run_backtest(bitcoin, make_settings(settings), parse_time_range(None, "2023-07-01")).result
    ended = [trade for trade in whole.closed_trades if trade.exit_time <= cut.last_open_time]
    assert list(cut.closed_trades) == ended
    assert ended


def test_the_ledger_adds_up(bitcoin):
    run = run_backtest(bitcoin, make_settings(RUNS[0]))
    parts = run.result.closed_trades
    assert all(isinstance(trade, ClosedTrade) for trade in parts)
    spent = sum((trade.net_pnl for trade in run.result.trades), Decimal(0))
    dust = run.equity[-1] - float(1000 + spent)
    assert 0 <= dust < 1 or isinstance(run.result.trades[-1], OpenTrade)
    assert run.result.metrics.fees_paid == pytest.approx(float(sum(trade.fees for trade in run.result.trades)))
    assert run.result.to_json() == run_backtest(bitcoin, make_settings(RUNS[0])).result.to_json()
