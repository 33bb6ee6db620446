"""Searches and walk-forwards on record: rounds cut into chunks that any worker may make, judged when all are made.

Which trials are made is optimise.py's matter; what all runs share is in runs.py.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from backtests import engine, optimise, overfitting, verdict, walk_forward
from backtests.data_access import Request, RunError, fields, market_of, read, span_of, utc
from backtests.evaluate import Evaluator, as_settings
from backtests.metrics import DAY_MS, DAYS_A_YEAR, daily_returns
from backtests.models import Backtest, HoldOutOpening, Optimisation, Run, SearchChunk, Status, WalkForward
from backtests.optimise import Method, SearchPlan, Trials
from backtests.parameters import make_parameters
from backtests.runs import (
    backtest_columns,
    beat,
    begin,
    earlier_trials,
    execute_backtest,
    finish,
    judge,
    pack,
    reporting,
    thin,
)
from backtests.search_space import make_space
from backtests.span import Span
from bots.strategy.types import Candles
from exchange.types import INTERVAL_MS, Float64Array, Int64Array, Klines

CHUNK_TRIALS = 100
STALE = timedelta(seconds=180)  # a chunk takes seconds; its worker is given up after this
HOLD_OUT = 0.2
SHOWN_TRIALS = 100


def plan_of(settings: Mapping[str, Any], plan: Mapping[str, Any], strategy: str, seed: int) -> SearchPlan:
    """The search that a row's JSON describes. Raise `SpaceError` where it describes none."""
    space = make_space(strategy, plan["grid"], plan.get("conditions", ()))
    fixed = {name: value for name, value in settings.items() if name not in space.names}
    more = {name: plan[name] for name in ("min_trades", "max_trials", "round_size") if name in plan}
    objectives = tuple(plan.get("objectives", ("sharpe",)))
    return SearchPlan(space, fixed, Method(plan.get("method", "grid")), objectives, seed=seed, **more)


def new_optimisation(request: Request, plan: dict[str, Any], hold_out: float = HOLD_OUT) -> Optimisation:
    """A search on record, queued, the last `hold_out` of its span kept from it. Raise `RunError`, storing nothing."""
    if not 0 <= hold_out <= 0.9:
        raise RunError("The hold-out is a share of the span from 0 to 0.9, such as 0.2.")
    ground = read(request)
    try:
        wanted = plan_of(ground.parameters.to_json(), plan, ground.parameters.strategy, request.seed)
        if wanted.method is Method.GRID:
            optimise.propose(wanted, 0, optimise.no_trials(wanted.space.names))
    except ValueError as error:
        raise RunError(str(error)) from error
    cut = ground.end - math.floor((ground.end - ground.first) * hold_out)
    if cut - ground.first < 2:
        raise RunError("The span is too short for this hold-out: take more bars or a smaller share.")
    columns = fields(request, ground, cut)
    held = {}
    if cut < ground.end:
        last = int(ground.klines.open_time[ground.end - 1]) + INTERVAL_MS[request.interval]
        held = {"hold_out_start_at": utc(int(ground.klines.open_time[cut])), "hold_out_end_at": utc(last)}
    return Optimisation.objects.create(plan=plan, **columns, **held)


def search_plan(search: Optimisation | WalkForward) -> SearchPlan:
    return plan_of(search.settings, search.plan, search.strategy, search.seed)


def trials_of(search: Optimisation) -> Trials:
    """All trials made so far, in order."""
    stored = search.chunks.filter(done_at__isnull=False).order_by("number").values_list("trials", flat=True)
    parts = [Trials.from_bytes(bytes(data)) for data in stored if data is not None]
    return optimise.join(parts) if parts else optimise.no_trials(search_plan(search).space.names)


def next_chunks(search: Optimisation) -> list[int]:
    """The chunks that workers may make now; begins the next round when the last is made. Empty: all is made."""
    with transaction.atomic():
        locked = Optimisation.objects.select_for_update().get(pk=search.pk)
        if locked.status not in (Status.QUEUED, Status.RUNNING):
            return []
        if not locked.chunks.filter(done_at__isnull=True).exists():
            _begin_round(locked)
        waiting = Q(claimed_at__isnull=True) | Q(claimed_at__lt=timezone.now() - STALE)
        return list(locked.chunks.filter(waiting, done_at__isnull=True).values_list("pk", flat=True))


def _begin_round(search: Optimisation) -> None:
    last = search.chunks.order_by("-number").first()
    number, first = (last.round + 1, last.number + 1) if last else (0, 0)
    plan = search_plan(search)
    proposed = optimise.propose(plan, number, trials_of(search))
    size = CHUNK_TRIALS if plan.method is Method.GRID else max(plan.round_size // 2, 1)
    SearchChunk.objects.bulk_create(
        SearchChunk(
            optimisation=search,
            number=first + k,
            round=number,
            proposed=[[one[name] for name in plan.space.names] for one in chunk],
        )
        for k, chunk in enumerate(optimise.cut(proposed, size))
    )


def make_chunk(chunk_id: int, claim: str | None = None) -> bool:
    """Make one chunk's trials and store them at once. False when it is another worker's, or not to be made."""
    claim = claim or str(uuid.uuid4())
    now = timezone.now()
    free = Q(claimed_at__isnull=True) | Q(claimed_at__lt=now - STALE) | Q(claim=claim)
    wanted = SearchChunk.objects.filter(
        free, pk=chunk_id, done_at__isnull=True, optimisation__status__in=(Status.QUEUED, Status.RUNNING)
    )
    if not wanted.update(claimed_at=now, claim=claim):
        return False
    chunk = SearchChunk.objects.select_related("optimisation").get(pk=chunk_id)
    search = chunk.optimisation
    if not begin(search):
        return False
    with reporting(search):
        plan = search_plan(search)
        evaluator = Evaluator(market_of(search), plan.fixed, span_of(search), plan.space.names)
        made = evaluator([dict(zip(plan.space.names, row, strict=True)) for row in chunk.proposed])
        mine = SearchChunk.objects.filter(pk=chunk_id, claim=claim, done_at__isnull=True)
        if mine.update(trials=made.to_bytes(), done_at=timezone.now()):
            _progress(search, plan)
            return True
    return False


def _progress(search: Optimisation, plan: SearchPlan) -> None:
    made = sum(len(p) for p in search.chunks.filter(done_at__isnull=False).values_list("proposed", flat=True))
    all_proposed = sum(len(p) for p in search.chunks.values_list("proposed", flat=True))
    Optimisation.objects.filter(pk=search.pk).update(trials_made=made)
    beat(search, made, all_proposed if plan.method is Method.GRID else min(plan.max_trials, plan.space.size))


def conclude(search: Optimisation) -> bool:
    """Judge a search whose trials are all made. False when it is not at that point, or was ended meanwhile."""
    search.refresh_from_db()
    if search.chunks.filter(done_at__isnull=True).exists() or not begin(search):
        return False
    with reporting(search):
        trials, plan = trials_of(search), search_plan(search)
        best = optimise.best_row(trials, plan)
        if best is None:
            raise RunError(
                f"None of {len(trials):,} trials closed {plan.min_trades} trades with a {plan.objectives[0]}: "
                "ask for fewer trades, or search wider."
            )
        return _finish_search(search, trials, plan, best)
    return False


def _finish_search(search: Optimisation, trials: Trials, plan: SearchPlan, best: int) -> bool:
    market = market_of(search)
    done = engine.backtest(market, make_parameters(as_settings(plan.fixed, trials.at(best))), span_of(search))
    columns = backtest_columns(search, market, done)
    earlier = earlier_trials(search)
    luck, ground = luck_of(trials, plan, best, earlier + len(trials)), _plateau(trials, plan)
    daily = trials.daily[best].astype(np.float64)
    told = judge(
        done.result,
        daily,
        earlier + len(trials),
        pbo=luck["pbo"],
        plateau=ground["ratio"] if ground else None,
        trial_variance=luck["trial_sharpe_variance"],
    )
    scores = optimise.scores(trials, plan)
    order = np.argsort(np.where(np.isnan(scores[:, 0]), -np.inf, scores[:, 0]))[::-1][:SHOWN_TRIALS]
    result = {
        "best": {"parameters": trials.at(best), "figures": trials.figures_at(best)},
        "top": [{"parameters": trials.at(int(row)), "figures": trials.figures_at(int(row))} for row in order],
        "front": [trials.at(int(row)) for row in optimise.pareto_front(scores)] if len(plan.objectives) > 1 else [],
        "overfitting": luck,
        "plateau": ground,
        "run": done.result.to_json(),
    }
    columns |= {"verdict": told.to_json(), "earlier_trials": earlier, "trials_made": len(trials)}
    columns |= {"done_steps": len(trials), "total_steps": max(len(trials), 1)}
    return finish(search, result, **columns)


def luck_of(trials: Trials, plan: SearchPlan, best: int, made: int) -> dict[str, Any]:
    """Every measure of overfitting of a search, `made` trials counted over all searches on the data."""
    daily = trials.daily.astype(np.float64)
    found = overfitting.moments(daily[best])
    sharpes = [m.sharpe for m in map(overfitting.moments, daily) if m.sharpe is not None]
    variance = float(np.var(sharpes, ddof=1)) if len(sharpes) > 1 else None
    spread = variance if variance is not None else 1.0 / max(found.count - 1, 1)
    blocks = overfitting.blocks_for(daily.shape[1])
    pbo = overfitting.probability_of_overfitting(daily.T, blocks) if blocks and len(trials) > 1 else None
    known = found.sharpe is not None
    ratio = found.sharpe or 0.0
    return {
        "trials": len(trials),
        "trials_on_this_data": made,
        "trial_sharpe_variance": variance,
        "pbo": pbo.probability if pbo else None,
        "pbo_splits": pbo.splits if pbo else 0,
        "pbo_loss_probability": pbo.loss_probability if pbo else None,
        "deflated_sharpe": overfitting.deflated_sharpe(found, spread, made),
        "expected_max_sharpe": overfitting.expected_max_sharpe(spread, made) * math.sqrt(DAYS_A_YEAR),
        "probabilistic_sharpe": overfitting.probabilistic_sharpe(ratio, 0.0, found.count, found.skew, found.kurtosis)
        if known
        else None,
        "min_track_record_days": overfitting.min_track_record_length(ratio, 0.0, found.skew, found.kurtosis),
        "min_backtest_years": overfitting.min_backtest_length_years(made, ratio * math.sqrt(DAYS_A_YEAR)),
        "days": found.count,
    }


def _plateau(trials: Trials, plan: SearchPlan) -> dict[str, Any] | None:
    scores = optimise.scores(trials, plan)[:, 0]
    if len(trials) < 3:
        return None
    places = np.array([plan.space.places(trials.at(row)) for row in range(len(trials))], dtype=np.float64)
    found = overfitting.plateau(places, scores)
    return {
        "best_score": found.best_score,
        "neighbours": len(found.neighbours),
        "neighbour_median": found.neighbour_median,
        "ratio": found.ratio,
        "centre": trials.at(found.centre),
        "centre_score": found.centre_score,
    }


def run_here(search: Optimisation, on_progress: Any = None) -> None:
    """Make a whole search in this process, or what is left of it."""
    while ids := _next_or_fail(search):
        for chunk_id in ids:
            if not make_chunk(chunk_id):
                return
            search.refresh_from_db()
            if on_progress:
                on_progress(search.done_steps, search.total_steps)
    conclude(search)


def _next_or_fail(search: Optimisation) -> list[int]:
    with reporting(search):
        return next_chunks(search)
    return []


def open_hold_out(search: Optimisation, parameters: Mapping[str, float | None], reason: str, user: Any) -> Backtest:
    """Run parameters on the data that was kept from the search. That it was looked at is on record before it runs."""
    if search.status != Status.DONE or search.hold_out_start_at is None or search.hold_out_end_at is None:
        raise RunError("There is no hold-out to open: the search is not done, or kept nothing back.")
    if not reason.strip():
        raise RunError("Say why the hold-out is opened: each look makes it worth less.")
    plan = search_plan(search)
    request = Request(
        search.symbol, search.interval, as_settings(plan.fixed, parameters), search.hold_out_start_at.isoformat(),
        search.hold_out_end_at.isoformat(), search.bot, user, search.seed,
    )  # fmt: skip
    ground = read(request)
    with transaction.atomic():
        run = Backtest.objects.create(optimisation=search, is_hold_out=True, **fields(request, ground))
        HoldOutOpening.objects.create(
            optimisation=search, backtest=run, parameters=dict(parameters), reason=reason, opened_by=user
        )
    execute_backtest(run)
    run.refresh_from_db()
    return run


def new_walk_forward(request: Request, plan: dict[str, Any]) -> WalkForward:
    """A walk-forward on record, queued. `plan` is a search's, with train_days, test_days and anchored."""
    ground = read(request)
    try:
        plan_of(ground.parameters.to_json(), plan, ground.parameters.strategy, request.seed)
        walk_forward.windows(ground.end - ground.first, *_lengths(request.interval, plan), anchored=plan["anchored"])
    except ValueError as error:
        raise RunError(str(error)) from error
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
        trials = optimise.search(plan, evaluator)
        best = optimise.best_row(trials, plan)
        if best is None:
            return None
        score = float(optimise.scores(trials, plan)[best, 0])
        return walk_forward.Choice(trials.at(best), score, evaluator.stretch(trials.at(best)), len(trials))

    def trade(parameters: Mapping[str, float | None], start: int, stop: int) -> walk_forward.Stretch:
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
        inside = walk_forward.Stretch(np.array([stored["inside"]["growth"]]), stored["inside"]["days"])
        choice = walk_forward.Choice(stored["parameters"], stored["score"], inside, stored["trials"])
    outside = stored["outside"]
    traded = walk_forward.Stretch(np.array(stored["equity"]), outside["days"], outside["trades"], outside["figures"])
    return walk_forward.Step(walk_forward.Window(**stored["window"]), choice, traded)


def _finish_walk(
    run: WalkForward, market: engine.Market, plan: SearchPlan, first: int, found: tuple[walk_forward.Window, ...]
) -> None:
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
            "deflated_sharpe": _sharpe_out_of_sample(times, whole.equity),
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
        "stability": {name: asdict(value) for name, value in whole.stability.items()},
        "trials": whole.trials,
    }
    finish(
        run, result, verdict=told.to_json(), series=pack(**thin(times, whole.equity)),
        total_return=whole.out_of_sample_return, max_drawdown=float((1 - whole.equity / peak).max()),
    )  # fmt: skip


def _sharpe_out_of_sample(times: Int64Array, equity: Float64Array) -> float | None:
    """Probability that the stitched equity's true Sharpe ratio is over 0: nothing was chosen on these days."""
    found = overfitting.moments(daily_returns(times, equity))
    return overfitting.deflated_sharpe(found, 0.0, 1)


def milliseconds_at(market: engine.Market, row: int) -> int:
    return int(market.candles.open_time[row])
