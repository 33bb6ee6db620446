"""Walk-forwards on record: window by window, each stored when it is done, then stitched together and judged.

The windows and what is measured over them are windows.py's matter; what all runs share is in queue.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from backtests.engine import run as engine
from backtests.engine.metrics import DAY_MS, daily_returns
from backtests.engine.timerange import Span
from backtests.models import Run, WalkForward
from backtests.optimisation import samplers
from backtests.optimisation.evaluate import Evaluator, as_settings
from backtests.optimisation.rounds import plan_of, search_plan
from backtests.optimisation.samplers import Method, SearchPlan
from backtests.runs.inputs import Request, RunError, fields, market_of, read, span_of
from backtests.runs.queue import beat, begin, finish, pack, reporting, thin
from backtests.statistics import overfitting, verdict
from backtests.walk_forward import windows as walk_forward
from bots.settings.parse import make_settings
from bots.strategy.types import Candles
from exchange.api.types import INTERVAL_MS, Float64Array, Int64Array, Klines


def new_walk_forward(request: Request, plan: dict[str, Any]) -> WalkForward:
    """A walk-forward on record, queued. `plan` is a search's, with train_days, test_days and anchored."""
    ground = read(request)
    try:
        wanted = plan_of(ground.parameters.to_json(), plan, ground.parameters.strategy, request.seed)
        if wanted.method is Method.GRID:
            samplers.propose(wanted, 0, samplers.no_trials(wanted.space.names))
    except ValueError as error:
        raise RunError(str(error), "grid") from error
    try:
        walk_forward.windows(ground.end - ground.first, *_lengths(request.interval, plan), anchored=plan["anchored"])
    except ValueError as error:
        raise RunError(str(error), "train_days") from error
    return WalkForward.objects.create(plan=plan, **fields(request, ground))


def _lengths(interval: str, plan: Mapping[str, Any]) -> tuple[int, int]:
    """Bars to search in and bars to trade on."""
    bars_a_day = DAY_MS / INTERVAL_MS[interval]
    return round(plan["train_days"] * bars_a_day), round(plan["test_days"] * bars_a_day)


def execute_walk_forward(run: WalkForward, on_progress: Any = None) -> None:
    """Walk the windows that are left, each stored when it is done, then stitch them together."""
    if not begin(run):
        return
    with reporting(run):
        market, plan = market_of(run), search_plan(run)
        first, end = span_of(run).rows(Klines(run.interval, *market.candles))
        found = walk_forward.windows(end - first, *_lengths(run.interval, run.plan), anchored=run.plan["anchored"])
        for window in found[len(run.steps) :]:
            run.steps = [*run.steps, _step_json(_walk(run, market, plan, first, window))]
            WalkForward.objects.filter(pk=run.pk).update(
                steps=run.steps, trials_made=sum(step["trials"] for step in run.steps)
            )
            if not beat(run, len(run.steps), len(found)):
                return
            if on_progress:
                on_progress(len(run.steps), len(found))
        _finish_walk(run, market, plan, first, found)


def _walk(
    run: Run, market: engine.Market, plan: SearchPlan, first: int, window: walk_forward.Window
) -> walk_forward.Step:
    times = market.candles.open_time

    def span(start: int, stop: int) -> Span:
        after = int(times[first + stop - 1]) + INTERVAL_MS[run.interval]
        return Span(int(times[first + start]), after)

    def search(start: int, stop: int) -> walk_forward.Choice | None:
        # Candles after the searched stretch are not even passed on.
        seen = replace(market, candles=_first_rows(market.candles, first + stop))
        evaluator = Evaluator(seen, plan.fixed, span(start, stop), plan.space.names)
        trials = samplers.search(plan, evaluator)
        best = samplers.best_row(trials, plan)
        if best is None:
            return None
        score = float(samplers.scores(trials, plan)[best, 0])
        return walk_forward.Choice(trials.at(best), score, evaluator.stretch(trials.at(best)), len(trials))

    def trade(parameters: Mapping[str, float | None], start: int, stop: int) -> walk_forward.Segment:
        return Evaluator(market, plan.fixed, span(start, stop), plan.space.names).stretch(parameters)

    return walk_forward.take_step(window, search, trade)


def _first_rows(candles: Candles, count: int) -> Candles:
    return Candles(
        candles.open_time[:count],
        candles.open[:count],
        candles.high[:count],
        candles.low[:count],
        candles.close[:count],
        candles.volume[:count],
    )


def _step_json(step: walk_forward.Step) -> dict[str, Any]:
    choice, traded = step.choice, step.traded
    return {
        "window": asdict(step.window),
        "parameters": dict(choice.parameters) if choice else None,
        "score": choice.score if choice else None,
        "trials": choice.trials if choice else 0,
        "inside": {"growth": choice.stretch.growth, "days": choice.stretch.days} if choice else None,
        "outside": {"days": traded.days, "trades": traded.closed_trades, "figures": dict(traded.figures)},
        "equity": [float(f"{value:.9g}") for value in traded.equity],
    }


def _step_of(stored: Mapping[str, Any]) -> walk_forward.Step:
    choice = None
    if stored["parameters"] is not None:
        inside = walk_forward.Segment(np.array([stored["inside"]["growth"]]), stored["inside"]["days"])
        choice = walk_forward.Choice(stored["parameters"], stored["score"], inside, stored["trials"])
    outside = stored["outside"]
    traded = walk_forward.Segment(np.array(stored["equity"]), outside["days"], outside["trades"], outside["figures"])
    return walk_forward.Step(walk_forward.Window(**stored["window"]), choice, traded)


def _finish_walk(
    run: WalkForward, market: engine.Market, plan: SearchPlan, first: int, found: tuple[walk_forward.Window, ...]
) -> None:
    if not any(step["parameters"] for step in run.steps):
        _raise_why_nothing_was_chosen(run, market, plan)
    numeric = {d.name: d.bounds for d in plan.space.dimensions if None not in d.values}
    whole = walk_forward.summarise([_step_of(step) for step in run.steps], numeric)
    times = market.candles.open_time[first + found[0].train_stop : first + found[-1].test_stop]
    peak = np.maximum(np.maximum.accumulate(whole.equity), 1.0)
    steady = [value.stability for value in whole.stability.values() if value.stability is not None]
    told = verdict.judge(
        whole.out_of_sample_return,
        whole.trials,
        {
            "efficiency": whole.efficiency,
            "probabilistic_sharpe": _sharpe_out_of_sample(times, whole.equity),
            "stability": float(np.mean(steady)) if steady else None,
            "profitable_windows": whole.profitable_windows,
            "closed_trades": float(sum(step.traded.closed_trades for step in whole.steps)),
        },
    )
    windows = [
        {
            **{key: value for key, value in step.items() if key != "equity"},
            "train_from": milliseconds_at(market, first + step["window"]["train_start"]),
            "test_from": milliseconds_at(market, first + step["window"]["train_stop"]),
            "test_to": milliseconds_at(market, first + step["window"]["test_stop"] - 1),
            "growth": step["equity"][-1] if step["equity"] else 1.0,
        }
        for step in run.steps
    ]
    result = {
        "windows": windows,
        "efficiency": whole.efficiency,
        "out_of_sample_return": whole.out_of_sample_return,
        "profitable_windows": whole.profitable_windows,
        "stability": {name: _as_json(value) for name, value in whole.stability.items()},
        "trials": whole.trials,
    }
    finish(
        run, result, verdict=told.to_json(), series=pack(**thin(times, whole.equity)),
        total_return=whole.out_of_sample_return, max_drawdown=float((1 - whole.equity / peak).max()),
    )  # fmt: skip


def _raise_why_nothing_was_chosen(run: WalkForward, market: engine.Market, plan: SearchPlan) -> None:
    """What stops one trial stops all; else the searches found none good enough."""
    first = samplers.propose(plan, 0, samplers.no_trials(plan.space.names))[0]
    engine.backtest(market, make_settings(as_settings(plan.fixed, first)), span_of(run))
    raise RunError(
        f"In none of {len(run.steps)} windows did a trial close {plan.min_trades} trades with a {plan.objectives[0]}: "
        "ask for fewer trades, search wider, or search in longer windows."
    )


def _as_json(steady: walk_forward.Stability) -> dict[str, Any]:
    """A stability as JSON holds it: what is not defined is null."""
    return {name: None if value != value else value for name, value in asdict(steady).items()}


def _sharpe_out_of_sample(times: Int64Array, equity: Float64Array) -> float | None:
    """Probability that the stitched equity's true Sharpe ratio is over 0: nothing was chosen on these days."""
    found = overfitting.moments(daily_returns(times, equity))
    if found.sharpe is None:
        return None
    return overfitting.probabilistic_sharpe(found.sharpe, 0.0, found.count, found.skew, found.kurtosis)


def milliseconds_at(market: engine.Market, row: int) -> int:
    return int(market.candles.open_time[row])
