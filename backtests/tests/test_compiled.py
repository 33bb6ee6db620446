"""Compiled code is never older than its sources."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from backtests import compiled

COUNTS = """
import sys, numpy as np
from backtests.compiled import compile_cached
from backtests.loop import run_bars_compiled
from backtests.engine import backtest, prepare
from backtests.parameters import make_parameters
from bots.strategy.ema_rsi import crossings_by_row
from exchange.types import Klines, SymbolRules
opens = np.arange(400, dtype=np.int64) * 3_600_000
rising = np.linspace(100.0, 200.0, 400)
klines = Klines("1h", opens, rising, rising, rising, rising, rising)
market = prepare(klines, "AAABBB", SymbolRules("AAABBB", "AAA", "BBB"))
backtest(market, make_parameters({"strategy": "ema_rsi"}))
for function in (run_bars_compiled, compile_cached(crossings_by_row)):
    print(sum(function.stats.cache_hits.values()), sum(function.stats.cache_misses.values()))
"""


def test_an_edit_in_any_source_changes_the_folder(tmp_path: Path):
    first, second = tmp_path / "loop.py", tmp_path / "fills.py"
    first.write_text("a = 1\n")
    second.write_text("b = 1\n")
    before = compiled.sources_hash([first, second])
    assert compiled.sources_hash([first, second]) == before
    second.write_text("b = 2\n")
    assert compiled.sources_hash([first, second]) != before


def test_every_step_of_the_loop_is_among_the_sources():
    names = {str(path.relative_to(compiled.ROOT)) for path in compiled.SOURCES}
    assert {
        "backtests/loop.py",
        "backtests/tape.py",
        "backtests/way_out.py",
        "exchange/fills.py",
        "bots/strategy/decide.py",
        "bots/strategy/sizing.py",
    } <= names


def test_a_second_process_does_not_compile_again():
    environment = os.environ | {"PYTHONPATH": str(compiled.ROOT)}
    answers = [
        subprocess.run(
            [sys.executable, "-c", COUNTS],
            cwd=compiled.ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for _ in range(2)
    ]
    assert answers[1] == ["1", "0"] * 2
