"""Run walk-forwards from the database: each window is stored when done, then all are stitched and rated.

The windows and what is measured over them are in windows.py; what all runs share is in runs/queue.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from backtests.engine import run as engine
from backtests.engine.metrics import daily_returns
from backtests.engine.result import Segment
from backtests.engine.timerange import TimeRange
from backtests.errors import RunError
from backtests.models import Run, WalkForward
from backtests.optimisation import samplers
from backtests.optimisation.evaluate import Evaluator, as_settings
from backtests.optimisation.rounds import check_plan, stored_plan
from backtests.optimisation.samplers import OptimisationPlan
from backtests.runs.inputs import RunRequest, fields, market_of, read, reject_as, time_range_of
from backtests.runs.queue import complete, heartbeat, pack, record_failure, start_run, thin_equity
from backtests.statistics import overfitting, verdict
from backtests.walk_forward import windows as walk_forward
from bots.settings.parse import make_settings
from bots.strategy.types import Candles
from core.times import DAY_MS
from exchange.api.types import INTERVAL_MS, Float64Array, Int64Array, Klines


def new_walk_forward(request: RunRequest, plan: dict[str, Any]) -> WalkForward:
    """Store and queue a walk-forward.

    `plan` is that of an optimisation, with train_days, test_days and anchored.
    """
    inputs = read(request)
    check_plan(inputs.parameters, plan, request.seed)
    with reject_as("train_days"):
        walk_forward.windows(inputs.end - inputs.first, *_lengths(request.interval, plan), anchored=plan["anchored"])
    return WalkForward.objects.create(plan=plan, **fields(request, inputs))


def _lengths(interval: str, plan: Mapping[str, Any]) -> tuple[int, int]:
    """Return the bars of an in-sample and of an out-of-sample window."""
    bars_a_day = DAY_MS / INTERVAL_MS[interval]
    return round(plan["train_days"] * bars_a_day), round(plan["test_days"] * bars_a_day)


def execute_walk_forward(run: WalkForward, on_progress: Any = None) -> None:
    """Run the windows that are left, storing each when it is done, then stitch them together."""
    if not start_run(run):
        return
    with record_failure(run):
        market, plan = market_of(run), stored_plan(run)
        first, end = time_range_of(run).rows(Klines(run.interval, *market.candles))
        windows = walk_forward.windows(end - first, *_lengths(run.interval, run.plan), anchored=run.plan["anchored"])
        for window in windows[len(run.steps) :]:
            run.steps = [*run.steps, _window_json(_run_window(run, market, plan, first, window))]
            WalkForward.objects.filter(pk=run.pk).update(
                steps=run.steps, trials_made=sum(step["trials"] for step in run.steps)
            )
            if not heartbeat(run, len(run.steps), len(windows)):
                return
            if on_progress:
                on_progress(len(run.steps), len(windows))
        _complete_from_windows(run, market, plan, first, windows)


def _run_window(
    run: Run, market: engine.MarketData, plan: OptimisationPlan, first: int, window: walk_forward.TrainTestWindow
) -> walk_forward.WindowResult:
    times = market.candles.open_time

    def time_range(start: int, stop: int) -> TimeRange:
        after = int(times[first + stop - 1]) + INTERVAL_MS[run.interval]
        return TimeRange(int(times[first + start]), after)

    def search(start: int, stop: int) -> walk_forward.WindowChoice | None:
        # Candles after the searched stretch are not even passed on.
        seen = replace(market, candles=_first_rows(market.candles, first + stop))
        evaluator = Evaluator(seen, plan.fixed, time_range(start, stop), plan.space.names)
        trials = samplers.search(plan, evaluator)
        best = samplers.best_row(trials, plan)
        if best is None:
            return None
        score = float(samplers.scores(trials, plan)[best, 0])
        return walk_forward.WindowChoice(trials.at(best), score, evaluator.segment(trials.at(best)), len(trials))

    def trade(parameters: Mapping[str, float | None], start: int, stop: int) -> Segment:
        return Evaluator(market, plan.fixed, time_range(start, stop), plan.space.names).segment(parameters)

    return walk_forward.run_window(window, search, trade)


def _first_rows(candles: Candles, count: int) -> Candles:
    return Candles(
        candles.open_time[:count],
        candles.open[:count],
        candles.high[:count],
        candles.low[:count],
        candles.close[:count],
        candles.volume[:count],
    )


def _window_json(step: walk_forward.WindowResult) -> dict[str, Any]:
    choice, traded = step.choice, step.traded
    return {
        "window": asdict(step.window),
        "parameters": dict(choice.parameters) if choice else None,
        "score": choice.score if choice else None,
        "trials": choice.trials if choice else 0,
        "inside": {"growth": choice.segment.growth, "days": choice.segment.days} if choice else None,
        "outside": {"days": traded.days, "trades": traded.closed_trades, "figures": dict(traded.metrics)},
        "equity": [float(f"{value:.9g}") for value in traded.equity],
    }


def _window_result(stored: Mapping[str, Any]) -> walk_forward.WindowResult:
    choice = None
    if stored["parameters"] is not None:
        in_sample = Segment(np.array([stored["inside"]["growth"]]), stored["inside"]["days"])
        choice = walk_forward.WindowChoice(stored["parameters"], stored["score"], in_sample, stored["trials"])
    out_of_sample = stored["outside"]
    traded = Segment(
        np.array(stored["equity"]), out_of_sample["days"], out_of_sample["trades"], out_of_sample["figures"]
    )
    return walk_forward.WindowResult(walk_forward.TrainTestWindow(**stored["window"]), choice, traded)


def _complete_from_windows(
    run: WalkForward,
    market: engine.MarketData,
    plan: OptimisationPlan,
    first: int,
    windows: tuple[walk_forward.TrainTestWindow, ...],
) -> None:
    if not any(step["parameters"] for step in run.steps):
        _raise_no_choice(run, market, plan)
    numeric = {d.name: d.bounds for d in plan.space.dimensions if None not in d.values}
    summary = walk_forward.summarise([_window_result(step) for step in run.steps], numeric)
    times = market.candles.open_time[first + windows[0].train_stop : first + windows[-1].test_stop]
    peak = np.maximum(np.maximum.accumulate(summary.equity), 1.0)
    stabilities = [value.stability for value in summary.stability.values() if value.stability is not None]
    quality = verdict.rate(
        summary.out_of_sample_return,
        summary.trials,
        {
            "efficiency": summary.efficiency,
            "probabilistic_sharpe": _sharpe_out_of_sample(times, summary.equity),
            "stability": float(np.mean(stabilities)) if stabilities else None,
            "profitable_windows": summary.profitable_windows,
            "closed_trades": float(sum(step.traded.closed_trades for step in summary.steps)),
        },
    )
    window_rows = [
        {
            **{key: value for key, value in step.items() if key != "equity"},
            "train_from": open_time_at(market, first + step["window"]["train_start"]),
            "test_from": open_time_at(market, first + step["window"]["train_stop"]),
            "test_to": open_time_at(market, first + step["window"]["test_stop"] - 1),
            "growth": step["equity"][-1] if step["equity"] else 1.0,
        }
        for step in run.steps
    ]
    result = {
        "windows": window_rows,
        "efficiency": summary.efficiency,
        "out_of_sample_return": summary.out_of_sample_return,
        "profitable_windows": summary.profitable_windows,
        "stability": {name: _as_json(value) for name, value in summary.stability.items()},
        "trials": summary.trials,
    }
    complete(
        run, result, verdict=quality.to_json(), series=pack(**thin_equity(times, summary.equity)),
        total_return=summary.out_of_sample_return, max_drawdown=float((1 - summary.equity / peak).max()),
    )  # fmt: skip


def _raise_no_choice(run: WalkForward, market: engine.MarketData, plan: OptimisationPlan) -> None:
    """Raise what stopped every trial; if nothing did, that none was good enough."""
    first = samplers.propose(plan, 0, samplers.no_trials(plan.space.names))[0]
    engine.run_backtest(market, make_settings(as_settings(plan.fixed, first)), time_range_of(run))
    raise RunError(
        f"In none of {len(run.steps)} windows did a trial close {plan.min_trades} trades with a {plan.objectives[0]}: "
        "ask for fewer trades, widen the ranges, or take longer windows."
    )


def _as_json(steady: walk_forward.ParameterStability) -> dict[str, Any]:
    """Return a stability as JSON values: what is not defined is null."""
    return {name: None if value != value else value for name, value in asdict(steady).items()}


def _sharpe_out_of_sample(times: Int64Array, equity: Float64Array) -> float | None:
    """Return the probability that the true out-of-sample Sharpe ratio is over 0.

    Nothing was chosen on these days.
    """
    moments = overfitting.moments(daily_returns(times, equity))
    if moments.sharpe is None:
        return None
    return overfitting.probabilistic_sharpe(moments.sharpe, 0.0, moments.count, moments.skew, moments.kurtosis)


def open_time_at(market: engine.MarketData, row: int) -> int:
    return int(market.candles.open_time[row])
