"""What every peer is asked for: the same strategy's signals, the same costs, timed the same way.

Runs inside the peers' own environments: numpy, TA-Lib and the standard library alone.
"""

from __future__ import annotations

import itertools
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import talib
from data import Bars, seeded_bars

CAPITAL, FEE, SLIPPAGE = 100_000_000.0, 0.001, 0.0002
FAST, SLOW, RSI, OVERBOUGHT, OVERSOLD = 12, 26, 14, 70, 30
GRID_FAST, GRID_SLOW, GRID_OVERBOUGHT = range(5, 25), range(30, 70, 2), (65, 70, 75)
BARS = 100_000


class Signals(NamedTuple):
    """Decisions at each close, before they are moved to the bar that fills them."""

    entries: Any
    exits: Any


def warmup(slow: int) -> int:
    """Return the first row that may signal, as our engine has it."""
    return max(8 * slow, 20 * RSI)


def crossings(fast: Any, slow: Any, first: int) -> tuple[Any, Any]:
    """Where the fast average has just risen above the slow one, and where it has just fallen below."""
    found = []
    for beyond in (fast > slow, fast < slow):
        cross = np.zeros(len(fast), np.bool_)
        cross[first:] = beyond[first:] > beyond[first - 1 : -1]
        found.append(cross)
    return found[0], found[1]


def signals(close: Any) -> Signals:
    up, down = crossings(talib.EMA(close, FAST), talib.EMA(close, SLOW), warmup(SLOW))
    rsi = talib.RSI(close, RSI)
    return Signals(up & (rsi < OVERBOUGHT), down & (rsi > OVERSOLD))


def next_bar(decided: Any) -> Any:
    """Decisions moved to the bar at whose open they fill."""
    moved = np.zeros_like(decided)
    moved[1:] = decided[:-1]
    return moved


def grid_pairs() -> list[tuple[int, int]]:
    return list(itertools.product(GRID_FAST, GRID_SLOW))


def grid_signals(close: Any, pairs: list[tuple[int, int]]) -> Iterator[Signals]:
    """Signals of each pair and threshold in order; averages, RSI and crossings are found once."""
    average = {period: talib.EMA(close, period) for period in {period for pair in pairs for period in pair}}
    rsi = talib.RSI(close, RSI)
    under, over = [rsi < level for level in GRID_OVERBOUGHT], rsi > OVERSOLD
    for fast, slow in pairs:
        up, down = crossings(average[fast], average[slow], warmup(slow))
        exits = down & over
        for level in under:
            yield Signals(up & level, exits)


def timed(work: Callable[[], Any], repeats: int) -> dict[str, float]:
    """Milliseconds of the wall and of this process's processor, after a first call that compiles and warms up."""
    return timed_in_turns({"": work}, repeats)[""]


def timed_in_turns(works: dict[str, Callable[[], Any]], repeats: int) -> dict[str, dict[str, float]]:
    """Time the calls in turn: what runs alone again and again trains the processor's guesses."""
    for work in works.values():
        work()
    wall: dict[str, list[float]] = {name: [] for name in works}
    cpu: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            began, began_cpu = time.perf_counter(), time.process_time()
            work()
            cpu[name].append((time.process_time() - began_cpu) * 1000)
            wall[name].append((time.perf_counter() - began) * 1000)
    return {
        name: {"median": statistics.median(wall[name]), "least": min(wall[name]), "cpu": statistics.median(cpu[name])}
        for name in works
    }


def trade_rows(entry_bar: Any, entry_price: Any, exit_bar: Any, exit_price: Any, gain: Any) -> list[list[float]]:
    """Return closed trades as plain numbers: bars, prices and the return on what was paid."""
    return np.column_stack([entry_bar, entry_price, exit_bar, exit_price, gain]).astype(float).tolist()


def peak_mb() -> float:
    """Return the most memory that this process, or its largest child, has held; from the kernel's own book."""
    lines = Path("/proc/self/status").read_text().splitlines()
    own = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024


def main(one: Callable[[Bars, int], dict[str, Any]], grid: Callable[[Bars, int], dict[str, Any]] | None) -> None:
    """`run_PEER.py one|…grid REPEATS`: print {row: {median, least, cpu, peak_mb, trades or closed}} as JSON."""
    case, repeats = sys.argv[1], int(sys.argv[2])
    work = one if case == "one" else grid
    if work is None:
        raise SystemExit(f"{sys.argv[0]} does not run {case}")
    rows = work(seeded_bars(BARS), repeats)
    sys.stdout.write(json.dumps({name: row | {"peak_mb": peak_mb()} for name, row in rows.items()}))
