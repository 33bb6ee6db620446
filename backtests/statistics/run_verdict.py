"""The verdict on one run: its own measures and those of the search that chose it, put to the thresholds of verdict.py.

Pure. The measures are overfitting.py's and metrics.py's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backtests.engine.result import RunResult
from backtests.statistics import overfitting, verdict


def judge(
    result: RunResult, daily: NDArray[np.float64], trials: int, **search_measures: float | None
) -> verdict.QualityVerdict:
    """Rate one result that is the best of `trials`.

    `search_measures` are measures of an optimisation (PBO, plateau …). Without its own spread, the trials' Sharpe
    ratios are taken to scatter as estimates of 0 would: 1 / days.
    """
    moments = overfitting.moments(daily)
    variance = search_measures.pop("trial_variance", None)
    spread = 1.0 / max(moments.count - 1, 1) if variance is None else variance
    needed = None
    if moments.sharpe is not None:
        needed = overfitting.min_track_record_length(moments.sharpe, 0.0, moments.skew, moments.kurtosis)
    pnl = np.array([float(trade.net_pnl) for trade in result.closed_trades])
    measures = {
        "deflated_sharpe": overfitting.deflated_sharpe(moments, spread, max(trials, 1)),
        **search_measures,
        "concentration": verdict.concentration(pnl),
        "closed_trades": float(len(pnl)),
        "track_record": moments.count / needed if needed else None,
    }
    return verdict.rate(result.metrics.total_return, trials, measures)
