"""10,000 Monte Carlo paths of 500 trades: the compiled kernels beside the same work in vectorised numpy.

    python benchmarks/bench_monte_carlo.py [--repeat 7]

Both give, per path, the final equity, the largest drawdown, the longest time under water and whether the level of
ruin was touched, and over all paths the percentiles of equity at 61 points. One thread each. Prints the
median of the repeats in milliseconds and their ratio.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backtests.monte_carlo.simulation import FAN_POINTS, PERCENTILES, ResamplingMethod, SimulationPlan, simulate

PATHS, TRADES = 10_000, 500


def drawn_by_numpy(
    returns: np.ndarray, method: ResamplingMethod, rng: np.random.Generator, plan: SimulationPlan
) -> np.ndarray:
    """Return the returns of all paths at once, paths x trades."""
    shape = (plan.paths, len(returns))
    if method is ResamplingMethod.SHUFFLE:
        return rng.permuted(np.broadcast_to(returns, shape), axis=1)
    if method is ResamplingMethod.BOOTSTRAP:
        return returns[rng.integers(0, len(returns), shape, dtype=np.int32)]
    if method is ResamplingMethod.SKIP:
        return np.where(rng.random(shape, dtype=np.float32) < plan.skip_probability, 0.0, returns)
    starts = rng.random(shape, dtype=np.float32) < 1 / plan.mean_block
    starts[:, 0] = True
    fresh = rng.integers(0, len(returns), shape, dtype=np.int32)
    columns = np.arange(len(returns), dtype=np.int32)
    begun = np.maximum.accumulate(np.where(starts, columns, 0), axis=1)
    return returns[(np.take_along_axis(fresh, begun, axis=1) + columns - begun) % len(returns)]


def by_numpy(returns: np.ndarray, method: ResamplingMethod, plan: SimulationPlan) -> np.ndarray:
    equity = np.cumprod(1.0 + drawn_by_numpy(returns, method, np.random.default_rng(plan.seed), plan), axis=1)
    peak = np.maximum(np.maximum.accumulate(equity, axis=1), 1.0)
    drawdown = (1.0 - equity / peak).max(axis=1)
    steps = np.arange(1, equity.shape[1] + 1, dtype=np.int32)
    at_peak = np.maximum.accumulate(np.where(equity >= peak, steps, 0), axis=1)
    underwater = (steps - at_peak).max(axis=1)
    ruined = (equity <= 1.0 - plan.ruin_level).any(axis=1)
    marks = np.linspace(1, equity.shape[1], FAN_POINTS).round().astype(int) - 1
    fan = np.percentile(equity[:, marks], PERCENTILES, axis=0, method="inverted_cdf")
    return np.array([equity[:, -1].mean(), drawdown.mean(), underwater.mean(), ruined.mean(), fan.mean()])


def milliseconds(work: Callable[[], object], repeat: int) -> float:
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=7)
    repeat = parser.parse_args().repeat
    returns = np.random.default_rng(0).standard_t(4, TRADES) * 0.01 + 0.0005
    print(f"{PATHS:,} paths of {TRADES} trades, median of {repeat}")  # noqa: T201
    for method in ResamplingMethod:
        plan = SimulationPlan(method, PATHS)
        found = simulate(returns, plan)  # compiles
        ours = [found.final.mean(), found.drawdown.mean(), found.underwater.mean(), found.ruin_probability]
        theirs = by_numpy(returns, method, plan)
        if not np.allclose(ours, theirs[:4], rtol=0.03, atol=0.01):
            raise SystemExit(f"{method}: the two do not agree: {ours} against {theirs[:4]}")
        fast = milliseconds(partial(simulate, returns, plan), repeat)
        slow = milliseconds(partial(by_numpy, returns, method, plan), repeat)
        print(f"{method:10} compiled {fast:7.1f} ms   numpy {slow:7.1f} ms   ratio {slow / fast:5.1f}")  # noqa: T201


if __name__ == "__main__":
    main()
