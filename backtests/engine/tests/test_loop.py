"""The compiled loop, which skips the bars on which nothing can happen, against the rules walked bar by bar."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from backtests.engine import run
from backtests.engine.buffers import RunBuffers, RunSummary
from backtests.engine.loop import BLOCK, block_ranges, block_ranges_compiled, close_range, run_bars, run_bars_compiled
from backtests.engine.metrics import max_drawdown
from backtests.engine.tests.plain_loop import run_plainly
from bots.settings.parse import make_settings
from bots.settings.run_settings import RunSettings
from bots.strategy.types import Events
from exchange.api.types import Klines, SymbolRules

RULES = SymbolRules(
    "AAABBB", "AAA", "BBB", tick_size=Decimal("0.01"), step_size=Decimal("0.001"), min_quantity=Decimal("0.002"),
    min_notional=Decimal(10),
)  # fmt: skip
SETTINGS: dict[str, dict[str, Any]] = {
    "signals alone": {},
    "stop": {"stop_loss": "0.01"},
    "target": {"take_profit": "0.02", "maker_fee_rate": "0.0004"},
    "trail": {"trailing_stop": "0.008"},
    "tight trail": {"trailing_stop": "0.0005"},
    "all exits": {"stop_loss": "0.01", "take_profit": "0.015", "trailing_stop": "0.008"},
    "risk mode": {"position_size_mode": "risk", "risk_per_trade": "0.01", "stop_loss": "0.006"},
    "fixed, not compounding": {"position_size_mode": "fixed", "position_size_fixed": 30, "compounding": False},
    "poor": {"initial_capital": 25, "stop_loss": "0.02"},
    "daily limits": {"max_daily_trades": 2, "max_daily_loss": "0.01", "daily_profit_target": "0.01"},
    "drawdown": {"max_drawdown": "0.05", "position_size_perc": 1},
    "cooldown and hours": {"cooldown_bars": 5, "trading_hours": "Mon-Fri 08:00-17:00", "stop_loss": "0.01"},
    "free": {"fee_rate": 0, "slippage_bps": 0},
}


def wandering(bars: int, seed: int, gaps: bool) -> run.MarketData:
    """Candles with gaps between bars, so that opens lie beyond levels too; on the tick."""
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.standard_t(3, bars) * 0.003))
    open_ = np.concatenate([close[:1], close[:-1]]) * np.exp(rng.standard_t(3, bars) * 0.002 * gaps)
    wick = np.abs(rng.normal(0, 0.003, (2, bars)))
    high, low = np.maximum(open_, close) * (1 + wick[0]), np.minimum(open_, close) * (1 - wick[1])
    prices = [np.round(series, 2) for series in (open_, high, low, close)]
    times = 1_704_067_200_000 + np.arange(bars, dtype=np.int64) * 3_600_000
    return run.prepare(Klines("1h", times, *prices, np.ones(bars)), "AAABBB", RULES)


def scattered(bars: int, seed: int, share: float) -> Events:
    signal = np.random.default_rng(seed + 1).choice([-1, 0, 1], bars, p=[share, 1 - 2 * share, share])
    return Events(np.flatnonzero(signal == 1), np.flatnonzero(signal == -1))


def traded(
    loop: Any,
    market: run.MarketData,
    events: Events,
    parameters: RunSettings,
    first: int,
    ranges: NDArray[np.float64] = run.NO_BLOCK_RANGES,
) -> dict[str, Any]:
    calendar = run.run_calendar(market.candles.open_time, first, market.bars)
    bars = run.bar_arrays(market.candles, events, calendar, parameters.trading_hours, ranges)
    buffers: RunBuffers = run.allocate_buffers(market.bars - first, len(calendar.ends))
    trades, closed, *_ = outcome = loop(bars, first, market.bars, run.engine_settings(market, parameters), buffers)
    written = {"entry_bar": trades, "entry_price": trades, "quantity": trades, "entry_fee": trades, "exit_bar": trades,
               "exit_price": closed, "exit_fee": closed, "exit_reason": closed, "net_pnl": trades}  # fmt: skip
    found = {name: getattr(buffers, name)[:count].tolist() for name, count in written.items()}
    found |= {"equity": buffers.equity.tolist(), "rejected": buffers.rejected.tolist(), "closed": closed}
    if isinstance(outcome, RunSummary):
        assert buffers.daily.tolist() == buffers.equity[calendar.ends - first].tolist()
        exits = [bar if bar >= 0 else market.bars for bar in found["exit_bar"]]
        assert outcome.exposed_bars == sum(exits) - sum(found["entry_bar"])
        assert outcome.max_drawdown == max_drawdown(buffers.equity, float(parameters.initial_capital))
    return found


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
@pytest.mark.parametrize("gaps", [False, True], ids=["without gaps", "with gaps"])
@pytest.mark.parametrize("share", [0.02, 0.3], ids=["rare signals", "dense signals"])
def test_the_loop_trades_as_the_rules_bar_by_bar(settings, gaps, share):
    made = 0
    for seed in range(4):
        market, events = wandering(600, seed, gaps), scattered(600, seed, share)
        parameters = make_settings({"fee_rate": "0.001", "slippage_bps": 3} | settings)
        first = 40 * (seed % 2)
        plain = traded(run_plainly, market, events, parameters, first)
        assert traded(run_bars_compiled, market, events, parameters, first) == plain
        assert traded(run_bars, market, events, parameters, first) == plain
        ranges = block_ranges_compiled(market.candles.close)
        assert traded(run_bars_compiled, market, events, parameters, first, ranges) == plain
        made += len(plain["entry_bar"])
    assert made > 10


@pytest.mark.parametrize("bars", [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 4 * BLOCK + 5])
def test_block_ranges_give_the_exact_extremes_of_every_part(bars):
    close = np.random.default_rng(bars).uniform(0.1, 0.3, bars)
    ranges = block_ranges(close)
    assert block_ranges_compiled(close).tobytes() == ranges.tobytes()
    for start in range(bars):
        for stop in range(start + 1, bars + 1):
            wanted = close[start:stop].min(), close[start:stop].max()
            assert close_range(close, ranges, start, stop) == wanted
            assert close_range(close, run.NO_BLOCK_RANGES, start, stop) == wanted


@pytest.mark.parametrize(("first", "end"), [(0, 9), (1, 9), (2, 3), (3, 4), (4, 8), (5, 9)])
def test_days_of_a_range_end_with_its_last_bar_of_each_day(first, end):
    day, hour = 86_400_000, 3_600_000
    opens = np.array([0, hour, 23 * hour, day, 3 * day, 3 * day + hour, 3 * day + 2 * hour, 4 * day, 4 * day + hour])
    calendar = run.run_calendar(opens, first, end)
    days = opens // day
    assert calendar.starts.tolist() == [0, 3, 4, 7]
    last = [row for row in range(first, end) if row == end - 1 or days[row + 1] > days[row]]
    assert calendar.ends.tolist() == last
