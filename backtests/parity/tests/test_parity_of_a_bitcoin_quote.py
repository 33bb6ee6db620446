"""Where prices have many decimals, replay and backtest floor a fill's quote alike: to 1e-8 (rule 7)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from backtests.engine.run import prepare, run_backtest
from backtests.engine.timerange import TimeRange
from backtests.replay import ReplayRun, replay
from bots.models import Fill
from bots.settings.parse import make_settings
from exchange.klines.series import FullKlines
from exchange.paper.tests.builders import symbol_info
from exchange.symbols.filters import parse_rules

pytestmark = pytest.mark.django_db

PARAMETERS = make_settings(
    {
        "strategy": "donchian",
        "entry_period": 5,
        "exit_period": 5,
        "initial_capital": 1,
        "position_size_mode": "percent",
        "position_size_perc": "0.5",
    },
    symbol="ETHBTC",
    interval="1h",
)
FILTERS: dict[str, dict[str, Any]] = {
    "PRICE_FILTER": {"minPrice": "0.00001", "maxPrice": "922327", "tickSize": "0.00001"},
    "LOT_SIZE": {"minQty": "0.0001", "maxQty": "100000", "stepSize": "0.0001"},
    "NOTIONAL": {"minNotional": "0.0001", "applyMinToMarket": True, "maxNotional": "9000000", "avgPriceMins": 5},
}
INFO = {**symbol_info(**FILTERS), "symbol": "ETHBTC", "baseAsset": "ETH", "quoteAsset": "BTC"}


def wandering(bars: int = 150) -> FullKlines:
    """Hourly bars of ETHBTC around 0.054, on its tick of 0.00001."""
    steps = np.random.default_rng(4).normal(0, 0.01, bars)
    close = np.round(0.05432 * np.exp(np.cumsum(steps)), 5)
    first = np.append(0.05432, close[:-1])
    high, low = np.maximum(first, close), np.minimum(first, close)
    times = 1_704_067_200_000 + 3_600_000 * np.arange(bars, dtype=np.int64)
    volume, trades = np.full(bars, 1000.0), np.ones(bars, dtype=np.int64)
    return FullKlines("1h", times, first, high, low, close, volume, volume * close, trades, volume / 2, volume / 2)


@pytest.mark.xfail(strict=True, reason="the runner books more than 8 decimals of a fill's quote, the engine does not")
def test_replay_and_backtest_are_equal_to_the_last_digit():
    klines = wandering()
    replayed = replay(ReplayRun("ETHBTC", klines, INFO, PARAMETERS, TimeRange()))
    tested = run_backtest(prepare(klines, "ETHBTC", parse_rules(INFO)), PARAMETERS).result
    assert [trade.to_json() for trade in replayed.trades] == [trade.to_json() for trade in tested.trades]


@pytest.mark.xfail(strict=True, reason="the quote of a fill that comes with the order's answer is not floored to 1e-8")
def test_every_booked_fill_has_its_quote_floored():
    replay(ReplayRun("ETHBTC", wandering(), INFO, PARAMETERS, TimeRange()))
    booked = Fill.objects.values_list("price", "quantity", "quote_quantity")
    floored = [(price * quantity).quantize(Decimal("1e-8"), rounding="ROUND_DOWN") for price, quantity, _ in booked]
    assert [quote for _, _, quote in booked] == floored
