"""The verdict on one run: its own measures and those of the search that chose it, put to the thresholds of verdict.py.

Pure. The measures are overfitting.py's and metrics.py's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backtests.engine.result import RunResult
from backtests.statistics import overfitting, verdict


def judge(result: RunResult, daily: NDArray[np.float64], trials: int, **more: float | None) -> verdict.Verdict:
    """The verdict on one result that is the best of `trials`. `more` are measures of a search (PBO, plateau …).

    Without a search's own spread, the trials' Sharpe ratios are taken to scatter as estimates of 0 would: 1 / days.
    """
    found = overfitting.moments(daily)
    variance = more.pop("trial_variance", None)
    spread = 1.0 / max(found.count - 1, 1) if variance is None else variance
    needed = None
    if found.sharpe is not None:
        needed = overfitting.min_track_record_length(found.sharpe, 0.0, found.skew, found.kurtosis)
    pnl = np.array([float(trade.net_pnl) for trade in result.closed_trades])
    measures = {
        "deflated_sharpe": overfitting.deflated_sharpe(found, spread, max(trials, 1)),
        **more,
        "concentration": verdict.concentration(pnl),
        "closed_trades": float(len(pnl)),
        "track_record": found.count / needed if needed else None,
    }
    return verdict.judge(result.metrics.total_return, trials, measures)
