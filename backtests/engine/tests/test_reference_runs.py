"""The loop against trades that other engines published, wherever their fill rule is ours.

Signals are the case's own; prices are on a tick of 1e-8 and one lot is 1e-8, so that rounding plays no part.
"""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from backtests.engine.buffers import BarArrays, RunBuffers
from backtests.engine.loop import run_bars_compiled
from backtests.engine.run import MarketData, allocate_buffers, bar_arrays, engine_settings, prepare, run_calendar
from bots.settings.parse import make_settings
from bots.strategy.types import Events, ExitReason
from exchange.api.types import Klines, SymbolRules

DAY = 86_400_000
OURS = {"exit_signal": "SIGNAL", "stop_loss": "STOP_LOSS", "trailing_stop_loss": "TRAILING_STOP", "roi": "TAKE_PROFIT"}


@pytest.fixture
def reference(shared_data: Path) -> Path:
    return shared_data.parent / "reference" / "backtest"


def market_of(candles: np.ndarray) -> MarketData:
    opens = np.arange(len(candles), dtype=np.int64) * DAY
    columns = (candles[:, column].copy() for column in range(4))
    klines = Klines("1d", opens, *columns, np.ones(len(candles)))
    return prepare(klines, "X", SymbolRules("X", "A", "B"))


def traded(candles: np.ndarray, buys: list[int], sells: list[int], **settings: str) -> tuple[RunBuffers, int, int]:
    """Run the loop over candles with the case's signals; a buy of 1000 quote of a million."""
    values = {name: Decimal(value) for name, value in settings.items()}
    sized = {"initial_capital": 1_000_000, "position_size_mode": "fixed", "position_size_fixed": 1000}
    parameters = make_settings({**sized, "fee_rate": 0, **values})
    market, buffers = market_of(candles), allocate_buffers(len(candles), len(candles))
    sells = sorted(set(sells) - set(buys))
    events = Events(np.array(sorted(buys), dtype=np.int64), np.array(sells, dtype=np.int64))
    bars: BarArrays = bar_arrays(market.candles, events, run_calendar(market.candles.open_time, 0, len(candles)))
    outcome = run_bars_compiled(bars, 0, len(candles), engine_settings(market, parameters), buffers)
    return buffers, outcome.trades, outcome.closed


def test_crosses_of_bitcoins_days_trade_as_two_other_engines_did(reference):
    """The file's second case fixes stop and target from the close of the signal bar; ours stand on the entry's fill."""
    case = json.loads((reference / "btc_ema_cross.json").read_text())["cases"][0]["expected"]
    with (reference / "btc_daily.csv").open() as file:
        rows = [[float(row[name]) for name in ("open", "high", "low", "close")] for row in csv.DictReader(file)]
    buffers, trades, closed = traded(np.array(rows), case["enter_signal_bars"], case["exit_signal_bars"])
    ended = [trade for trade in case["trades"] if trade.get("exit_index") is not None]
    assert closed == len(ended)
    assert trades == len(case["enter_signal_bars"])  # the last one stays open
    for number, trade in enumerate(ended):
        assert (buffers.entry_bar[number], buffers.exit_bar[number]) == (trade["entry_index"], trade["exit_index"])
        assert buffers.entry_price[number] / 1e8 == pytest.approx(trade["entry_price"], rel=1e-9)
        assert buffers.exit_price[number] / 1e8 == pytest.approx(trade["exit_price"], rel=1e-9)
        quantity = buffers.quantity[number] / 1e8
        assert buffers.net_pnl[number] / 1e8 / quantity == pytest.approx(trade["pnl_net"], rel=1e-6, abs=1e-3)


def skip_reason(case: dict) -> str:
    """Why a case of freqtrade's cannot be ours, if it cannot."""
    rules, trades = case["rules"], case["expected"]["trades"]
    if any(trade["side"] != "long" for trade in trades) or case["signals"].get("enter_short"):
        return "it sells short; we are long only"
    if "optimistic_gap_fill" in case["tags"]:
        return "it fills beyond the open; a gap fills at our open"
    if rules.get("trailing_stop") or rules.get("trailing"):
        return "it raises the trail by the high of the bar that hits it; ours uses completed bars"
    if any(trade["exit_reason"] not in OURS for trade in trades):
        return "it closes what is open at the last candle; ours stays open"
    if len(rules.get("take_profit", [])) > 1:
        return "its target changes with the trade's age; ours is fixed"
    if "engine_specific" in case["tags"]:
        return "its fill rule is a choice of that engine"
    return ""


def test_candle_tables_of_freqtrade_exit_where_its_rules_are_ours(reference):
    cases = json.loads((reference / "freqtrade_candles.json").read_text())["cases"]
    skipped = {case["id"]: skip_reason(case) for case in cases if skip_reason(case)}
    checked = [case for case in cases if case["id"] not in skipped]
    assert len(checked) >= 2, skipped
    for case in checked:
        rules, signals = case["rules"], case["signals"]
        settings = {"stop_loss": str(rules["stop_loss_ratio"])} if rules.get("stop_loss_ratio") else {}
        target = rules.get("take_profit", [{}])[0].get("ratio", 1)
        settings |= {"take_profit": str(target)} if 0 < target < 1 else {}
        exits = signals.get("exit_long", []) if rules.get("use_exit_signal") else []
        candles = np.array([row[1:5] for row in case["candles"]], dtype=np.float64)
        buffers, _, closed = traded(candles, signals.get("enter_long", []), exits, **settings)
        expected = case["expected"]["trades"]
        assert closed == len(expected), case["id"]
        for number, trade in enumerate(expected):
            assert buffers.entry_bar[number] == trade["entry_index"], case["id"]
            assert buffers.exit_bar[number] == trade["exit_index"], case["id"]
            assert buffers.exit_price[number] / 1e8 == pytest.approx(trade["exit_price"], abs=1e-6), case["id"]
            assert ExitReason(buffers.exit_reason[number]).name == OURS[trade["exit_reason"]], case["id"]


def test_stops_of_vectorbt_fill_where_ours_do(reference):
    """Its entry is the close of candle 0; here a bar is put in between that opens, and stays, at that close."""
    cases = json.loads((reference / "vectorbt_stops.json").read_text())["cases"]
    checked = 0
    for case in cases:
        ratio, expected = case["ratio"], case["expected_exit"]
        if case["side"] != "long" or case["rule"] == "trailing_stop" or (ratio >= 1 and case["rule"] == "stop_loss"):
            continue
        rows = np.array([row[1:] for row in case["candles"]], dtype=np.float64)
        entry = np.full((1, 4), case["entry"]["price"])
        name = {"stop_loss": "stop_loss", "take_profit": "take_profit"}[case["rule"]]
        buffers, _, closed = traded(np.vstack([entry, entry, rows[1:]]), [0], [], **{name: str(ratio)})
        if expected is None:
            assert closed == 0, case["id"]
            continue
        wanted = expected["price"]
        if case["rule"] == "take_profit":
            # It sells at a better open; a limit that rests gets its own price, never more.
            wanted = case["entry"]["price"] * (1 + ratio)
        checked += 1
        assert closed == 1, case["id"]
        assert buffers.exit_bar[0] - 1 == expected["index"], case["id"]
        assert buffers.exit_price[0] / 1e8 == pytest.approx(wanted, abs=1e-7), case["id"]
    assert checked >= 5
