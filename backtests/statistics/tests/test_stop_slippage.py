"""Stops, targets and slippage worked out again from a result: they must be those that the engine used."""

from __future__ import annotations

import json
from decimal import Decimal

import numpy as np
import pytest

from backtests.engine import run
from backtests.runs.series import run_series
from backtests.statistics.stop_slippage import ExitLevels
from bots.settings.engine import rule_settings
from bots.settings.lot_rules import lot_rules
from bots.settings.parse import make_settings
from exchange.fills import ask_price, bid_price, slippage_units, to_units
from exchange.klines.files import read_file
from exchange.symbols.filters import find_symbol, parse_rules

EXITS = {
    "stop and target": {"stop_loss": "0.02", "take_profit": "0.03"},
    "trail": {"trailing_stop": "0.015"},
    "stop and trail": {"stop_loss": "0.01", "trailing_stop": "0.03", "take_profit": "0.06"},
    "signals alone": {},
}


@pytest.fixture(scope="module")
def market(shared_data):
    rules = parse_rules(find_symbol(json.loads((shared_data / "exchange_info.json").read_text()), "BTCUSDT"))
    file = shared_data / "starter" / "BTCUSDT-1h-20230101-20241231.csv.gz"
    return run.prepare(read_file(file, "BTCUSDT", "1h")[:6000], "BTCUSDT", rules)


@pytest.mark.parametrize("exits", EXITS.values(), ids=EXITS)
def test_every_fill_is_its_price_without_slippage_and_the_slippage(market, exits):
    parameters = make_settings({**exits, "slippage_bps": "7", "ema_fast": "5", "ema_slow": "20"})
    done = run.run_backtest(market, parameters)
    tick = to_units(market.rules.tick_size)
    slippage = slippage_units(Decimal(7))
    exit_levels = ExitLevels(market.candles, rule_settings(parameters).exits, lot_rules(market.rules).tick_size)
    assert len(done.result.closed_trades) > 30
    for trade in done.result.closed_trades:
        entry, row = np.searchsorted(market.candles.open_time, [trade.entry_time, trade.exit_time])
        price = float(trade.entry_price)
        opened = round(market.candles.open[entry] * 1e8)
        assert to_units(trade.entry_price) == ask_price(opened, slippage, tick)
        if trade.exit_reason == "take_profit":
            assert float(trade.exit_price) == pytest.approx(exit_levels.at(entry, row, price).target * exit_levels.tick)
        else:
            unslipped = exit_levels.unslipped_exit(entry, row, price, trade.exit_reason)
            assert to_units(trade.exit_price) == bid_price(round(unslipped * 1e8), slippage, tick)


def test_levels_bar_by_bar_are_those_of_the_bar_alone(market):
    parameters = make_settings({"stop_loss": "0.02", "trailing_stop": "0.01"})
    exit_levels = ExitLevels(market.candles, rule_settings(parameters).exits, 0.01)
    walked = list(exit_levels.during(100, 105, 130, 20000.0))
    assert [row for row, _, _ in walked] == list(range(105, 131))
    for row, stop, _ in walked:
        levels = exit_levels.at(100, row, 20000.0)
        assert stop == max(levels.stop, levels.trail) * 0.01


def test_slippage_is_what_the_same_trades_lose_to_it(market):
    without = run.run_backtest(market, make_settings({"position_size_mode": "fixed", "position_size_fixed": "100"}))
    settings = {"position_size_mode": "fixed", "position_size_fixed": "100", "slippage_bps": "10"}
    slipped = run.run_backtest(market, make_settings(settings))
    lost = run_series(market, slipped)["slippage"]
    assert run_series(market, without)["slippage"] == pytest.approx(0)
    assert len(lost) == len(without.result.closed_trades)
    # Each side pays 10 bps of some 100 USDT, and the tick of rounding.
    assert lost.mean() == pytest.approx(0.2, rel=0.03)


def test_stored_series_agree_with_the_metrics(market):
    done = run.run_backtest(market, make_settings({"stop_loss": "0.03"}))
    stored, measured = run_series(market, done), done.result.metrics
    assert stored["hold"][0] == pytest.approx(measured.buy_and_hold_return)
    assert stored["falls"][0][3] == pytest.approx(measured.max_drawdown)
    assert stored["day_equity"][-1] == measured.final_equity
    assert len(stored["day"]) == len(stored["daily"]) + 1 == 251  # a bar is missing: the last one is of another day
