"""Candles, facts and settings for tests of strategies and decision steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from bots.strategy import registry
from bots.strategy.types import OFF, Candles, EntryFacts, ExitParams, LotRules, RiskParams, SizeMode, SizeParams

MANY = 10**12
INF = float("inf")
FACTS = EntryFacts(False, False, False, MANY, 0, 0.0, 1000.0, False, True, INF)
NO_RISK = RiskParams(0, OFF, OFF, OFF, OFF)
NO_EXITS = ExitParams(OFF, OFF, OFF)
RULES = LotRules(tick_size=0.01, step_size=0.1, min_lots=1, max_lots=MANY, min_notional=5.0)


def fixed(amount: float) -> SizeParams:
    return SizeParams(SizeMode.FIXED, amount, OFF, OFF, OFF)


def candles_of(
    close: list[float] | np.ndarray, high: np.ndarray | None = None, low: np.ndarray | None = None
) -> Candles:
    close = np.asarray(close, dtype=np.float64)
    high, low = close if high is None else high, close if low is None else low
    return Candles(np.arange(len(close), dtype=np.int64) * 60_000, close, high, low, close, np.ones(len(close)))


def random_candles(count: int, seed: int) -> Candles:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.standard_t(3, count) * 0.004))
    spread = 1 + np.abs(rng.normal(0, 0.003, count))
    return candles_of(close, close * spread, close / spread)


def params_of(name: str, values: dict[str, float]) -> Any:
    strategy = registry.get(name)
    return strategy.Params(**{field.name: values.get(field.name, field.default) for field in strategy.FIELDS})
