"""Searches on record: rounds cut into chunks that any worker may make, judged when all are made.

Which trials are made is samplers.py's matter; what all runs share is in queue.py; walk-forwards are in runner.py.
"""

from __future__ import annotations

import math
import os
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import F, Func, IntegerField, Q, Sum
from django.utils import timezone

from backtests.engine import run as engine
from backtests.engine.metrics import DAYS_A_YEAR
from backtests.models import Backtest, HoldOutOpening, Optimisation, SearchChunk, Status, WalkForward
from backtests.optimisation import samplers
from backtests.optimisation.evaluate import Evaluator, as_settings
from backtests.optimisation.samplers import Method, SearchPlan, Trials
from backtests.optimisation.space import make_space
from backtests.runs.inputs import Request, RunError, fields, market_of, read, span_of, utc
from backtests.runs.queue import backtest_columns, beat, begin, finish, reporting, unpack
from backtests.statistics import overfitting
from backtests.statistics.run_verdict import judge
from backtests.statistics.trials import earlier_trials
from bots.settings.parse import make_settings
from exchange.api.types import INTERVAL_MS

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
        raise RunError("The hold-out is a share of the span from 0 to 0.9, such as 0.2.", "hold_out")
    ground = read(request)
    try:
        wanted = plan_of(ground.parameters.to_json(), plan, ground.parameters.strategy, request.seed)
        if wanted.method is Method.GRID:
            samplers.propose(wanted, 0, samplers.no_trials(wanted.space.names))
    except ValueError as error:
        raise RunError(str(error), "grid") from error
    cut = ground.end - math.floor((ground.end - ground.first) * hold_out)
    if cut - ground.first < 2:
        raise RunError("The span is too short for this hold-out: take more bars or a smaller share.", "hold_out")
    columns = fields(request, ground, cut)
    held = {}
    if cut < ground.end:
        last = int(ground.klines.open_time[ground.end - 1]) + INTERVAL_MS[request.interval]
        held = {"hold_out_start_at": utc(int(ground.klines.open_time[cut])), "hold_out_end_at": utc(last)}
    return Optimisation.objects.create(plan={**plan, "hold_out": hold_out}, **columns, **held)


def search_plan(search: Optimisation | WalkForward) -> SearchPlan:
    return plan_of(search.settings, search.plan, search.strategy, search.seed)


def trials_of(search: Optimisation, *, with_daily: bool = True) -> Trials:
    """All trials made so far, in order."""
    stored = search.chunks.filter(done_at__isnull=False).order_by("number").values_list("trials", flat=True)
    parts = [Trials.from_bytes(bytes(data), with_daily=with_daily) for data in stored if data is not None]
    return samplers.join(parts) if parts else samplers.no_trials(search_plan(search).space.names)


def trial_table(search: Optimisation) -> Trials:
    """Parameters and figures of all trials made so far, for pages: a finished search keeps them together."""
    kept = unpack(search.series)
    if "trial_figures" not in kept:
        return trials_of(search, with_daily=False)
    days = np.empty((len(kept["trial_figures"]), 0), np.float32)
    return Trials(search_plan(search).space.names, kept["trial_parameters"], kept["trial_figures"], days)


def best_so_far(search: Optimisation) -> dict[str, Any] | None:
    """Score, parameters and figures of the best trial made so far."""
    found = [best for best in search.chunks.filter(best__isnull=False).values_list("best", flat=True) if best]
    return max(found, key=lambda best: best["score"], default=None)


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
    proposed = samplers.propose(plan, number, trials_of(search))
    size = CHUNK_TRIALS if plan.method is Method.GRID else max(plan.round_size // 2, 1)
    SearchChunk.objects.bulk_create(
        SearchChunk(
            optimisation=search,
            number=first + k,
            round=number,
            proposed=[[one[name] for name in plan.space.names] for one in chunk],
        )
        for k, chunk in enumerate(samplers.cut(proposed, size))
    )


def make_chunk(chunk_id: int, claim: str | None = None, threads: int = 1) -> bool:
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
        evaluator = Evaluator(market_of(search), plan.fixed, span_of(search), plan.space.names, threads=threads)
        made = evaluator([dict(zip(plan.space.names, row, strict=True)) for row in chunk.proposed])
        mine = SearchChunk.objects.filter(pk=chunk_id, claim=claim, done_at__isnull=True)
        if mine.update(trials=made.to_bytes(), best=_best_of(made, plan), done_at=timezone.now()):
            _progress(search, plan)
            return True
    return False


def _best_of(made: Trials, plan: SearchPlan) -> dict[str, Any] | None:
    row = samplers.best_row(made, plan)
    if row is None:
        return None
    score = float(samplers.scores(made, plan)[row, 0])
    return {"score": score, "parameters": made.at(row), "figures": made.figures_at(row)}


def _progress(search: Optimisation, plan: SearchPlan) -> None:
    count = Sum(Func(F("proposed"), function="jsonb_array_length", output_field=IntegerField()))
    made = search.chunks.filter(done_at__isnull=False).aggregate(count=count)["count"] or 0
    if plan.method is Method.GRID:
        total = search.chunks.aggregate(count=count)["count"] or 0
    else:
        total = min(plan.max_trials, plan.space.size)
    Optimisation.objects.filter(pk=search.pk).update(trials_made=made)
    beat(search, made, total)


def conclude(search: Optimisation) -> bool:
    """Judge a search whose trials are all made. False when it is not at that point, or was ended meanwhile."""
    search.refresh_from_db()
    if search.chunks.filter(done_at__isnull=True).exists() or not begin(search):
        return False
    with reporting(search):
        trials, plan = trials_of(search), search_plan(search)
        best = samplers.best_row(trials, plan)
        if best is None:
            _raise_what_stopped_all(search, trials, plan)
            raise RunError(
                f"None of {len(trials):,} trials closed {plan.min_trades} trades with a {plan.objectives[0]}: "
                "ask for fewer trades, or search wider."
            )
        return _finish_search(search, trials, plan, best)
    return False


def _raise_what_stopped_all(search: Optimisation, trials: Trials, plan: SearchPlan) -> None:
    """Where no trial has any figures, run the first in full: what stops it is what stopped all of them."""
    if len(trials) and np.isnan(trials.figures).all():
        engine.backtest(market_of(search), make_settings(as_settings(plan.fixed, trials.at(0))), span_of(search))


def _finish_search(search: Optimisation, trials: Trials, plan: SearchPlan, best: int) -> bool:
    market = market_of(search)
    done = engine.backtest(market, make_settings(as_settings(plan.fixed, trials.at(best))), span_of(search))
    kept = {"trial_parameters": trials.parameters, "trial_figures": trials.figures}
    columns = backtest_columns(search, market, done, **kept)
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
    scores = samplers.scores(trials, plan)
    order = np.argsort(np.where(np.isnan(scores[:, 0]), -np.inf, scores[:, 0]))[::-1][:SHOWN_TRIALS]
    result = {
        "best": {"parameters": trials.at(best), "figures": trials.figures_at(best)},
        "top": [{"parameters": trials.at(int(row)), "figures": trials.figures_at(int(row))} for row in order],
        "front": [trials.at(int(row)) for row in samplers.pareto_front(scores)] if len(plan.objectives) > 1 else [],
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
    sharpes = overfitting.sharpes(daily)
    sharpes = sharpes[np.isfinite(sharpes)]
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
    scores = samplers.scores(trials, plan)[:, 0]
    if len(trials) < 3:
        return None
    found = overfitting.plateau(plan.space.places_of(trials.parameters), scores)
    return {
        "best_score": found.best_score,
        "neighbours": len(found.neighbours),
        "neighbour_median": found.neighbour_median,
        "ratio": found.ratio,
        "centre": trials.at(found.centre),
        "centre_score": found.centre_score,
        "best_around": [found.best, *found.neighbours.tolist()],
        "centre_around": [found.centre, *found.centre_neighbours.tolist()],
    }


def run_here(search: Optimisation, on_progress: Any = None) -> None:
    """Make a whole search in this process, or what is left of it."""
    while ids := _next_or_fail(search):
        for chunk_id in ids:
            if not make_chunk(chunk_id, threads=os.cpu_count() or 1):
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
    """A run of parameters on the data kept from the search, queued; that it was looked at is on record with it."""
    if search.status != Status.DONE or search.hold_out_start_at is None or search.hold_out_end_at is None:
        raise RunError("There is no hold-out to open: the search is not done, or kept nothing back.")
    if not reason.strip():
        raise RunError("Say why the hold-out is opened: each look makes it worth less.")
    with transaction.atomic():
        span = (search.hold_out_start_at, search.hold_out_end_at)
        run = _backtest_of(search, parameters, span, user, is_hold_out=True)
        HoldOutOpening.objects.create(
            optimisation=search, backtest=run, parameters=dict(parameters), reason=reason, opened_by=user
        )
    return run


def new_trial_backtest(search: Optimisation, parameters: Mapping[str, float | None], user: Any = None) -> Backtest:
    """A backtest of one trial on the very bars of its search, queued."""
    return _backtest_of(search, parameters, (search.start_at, search.end_at), user)


def _backtest_of(
    search: Optimisation,
    parameters: Mapping[str, float | None],
    span: tuple[datetime, datetime],
    user: Any,
    **columns: Any,
) -> Backtest:
    settings = as_settings(search_plan(search).fixed, parameters)
    start, end = (moment.isoformat() for moment in span)
    request = Request(search.symbol, search.interval, settings, start, end, search.bot, user, search.seed)
    return Backtest.objects.create(optimisation=search, **columns, **fields(request, read(request)))
