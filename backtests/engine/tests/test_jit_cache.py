"""Compiled code is never older than its sources."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from backtests.engine import jit_cache

COUNTS = """
import sys, numpy as np
from backtests.engine.jit_cache import compile_cached
from backtests.engine.loop import run_bars_compiled
from backtests.engine.run import run_backtest, prepare
from bots.settings.parse import make_settings
from bots.strategy.ema_rsi import crossings_by_row
from exchange.api.types import Klines, SymbolRules
opens = np.arange(400, dtype=np.int64) * 3_600_000
rising = np.linspace(100.0, 200.0, 400)
klines = Klines("1h", opens, rising, rising, rising, rising, rising)
market = prepare(klines, "AAABBB", SymbolRules("AAABBB", "AAA", "BBB"))
run_backtest(market, make_settings({"strategy": "ema_rsi"}))
for function in (run_bars_compiled, compile_cached(crossings_by_row)):
    print(sum(function.stats.cache_hits.values()), sum(function.stats.cache_misses.values()))
"""


def test_an_edit_in_any_source_changes_the_folder(tmp_path: Path):
    first, second = tmp_path / "loop.py", tmp_path / "fills.py"
    first.write_text("a = 1\n")
    second.write_text("b = 1\n")
    before = jit_cache.sources_hash([first, second])
    assert jit_cache.sources_hash([first, second]) == before
    second.write_text("b = 2\n")
    assert jit_cache.sources_hash([first, second]) != before


def test_every_step_of_the_loop_is_among_the_sources():
    names = {str(path.relative_to(jit_cache.ROOT)) for path in jit_cache.SOURCES}
    assert {
        "backtests/engine/loop.py",
        "backtests/engine/buffers.py",
        "backtests/engine/exits.py",
        "exchange/fills.py",
        "bots/strategy/decide.py",
        "bots/strategy/sizing.py",
    } <= names


def test_a_second_process_does_not_compile_again():
    environment = os.environ | {"PYTHONPATH": str(jit_cache.ROOT)}
    answers = [
        subprocess.run(
            [sys.executable, "-c", COUNTS],
            cwd=jit_cache.ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for _ in range(2)
    ]
    assert answers[1] == ["1", "0"] * 2
