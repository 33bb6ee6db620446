"""Run optimisations from the database: rounds are cut into chunks that any worker may evaluate.

Which trials are proposed is decided in samplers.py; what all runs share is in runs/queue.py.
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
from backtests.errors import RunError, SearchSpaceError
from backtests.models import Backtest, HoldOutOpening, Optimisation, RunStatus, SearchChunk, WalkForward
from backtests.optimisation import samplers
from backtests.optimisation.evaluate import Evaluator, as_settings
from backtests.optimisation.samplers import OptimisationPlan, SearchMethod, Trials
from backtests.optimisation.space import make_space
from backtests.runs.inputs import RunRequest, fields, market_of, read, reject_as, time_range_of
from backtests.runs.queue import backtest_columns, complete, heartbeat, record_failure, start_run, unpack
from backtests.statistics import overfitting
from backtests.statistics.trials import earlier_trials
from backtests.statistics.verdict import rate_run
from bots.settings.parse import make_settings
from bots.settings.run_settings import RunSettings
from core.times import to_datetime
from exchange.api.types import INTERVAL_MS

CHUNK_TRIALS = 100
CLAIM_EXPIRES_AFTER = timedelta(seconds=180)  # a chunk takes seconds; its worker is given up after this
DEFAULT_HOLD_OUT = 0.2
TOP_TRIALS = 100


def parse_plan(settings: Mapping[str, Any], plan: Mapping[str, Any], strategy: str, seed: int) -> OptimisationPlan:
    """Return the plan that a row's JSON describes. Raise `SearchSpaceError` if it describes none."""
    space = make_space(strategy, plan["grid"], plan.get("conditions", ()))
    fixed = {name: value for name, value in settings.items() if name not in space.names}
    limits = {name: plan[name] for name in ("min_trades", "max_trials", "round_size") if name in plan}
    objectives = tuple(plan.get("objectives", ("sharpe",)))
    method = plan.get("method", "grid")
    if method not in [str(known) for known in SearchMethod]:
        raise SearchSpaceError(f"There is no search method {method!r}; there are: {', '.join(SearchMethod)}.")
    return OptimisationPlan(space, fixed, SearchMethod(method), objectives, seed=seed, **limits)


def check_plan(settings: RunSettings, plan: Mapping[str, Any], seed: int) -> None:
    """Raise `RunError` if nothing can be tried by this plan."""
    with reject_as("grid"):
        parsed = parse_plan(settings.to_json(), plan, settings.strategy, seed)
        if parsed.method is SearchMethod.GRID:
            samplers.propose(parsed, 0, samplers.no_trials(parsed.space.names))


def new_optimisation(request: RunRequest, plan: dict[str, Any], hold_out: float = DEFAULT_HOLD_OUT) -> Optimisation:
    """Store and queue an optimisation that cannot see the last `hold_out` of its time range.

    Raise `RunError` and store nothing if it cannot be made.
    """
    if not 0 <= hold_out <= 0.9:
        raise RunError("The hold-out is a share of the period from 0 to 0.9, such as 0.2.", "hold_out")
    inputs = read(request)
    check_plan(inputs.parameters, plan, request.seed)
    cut = inputs.end - math.floor((inputs.end - inputs.first) * hold_out)
    if cut - inputs.first < 2:
        raise RunError("The period is too short for this hold-out: take more bars or a smaller share.", "hold_out")
    columns = fields(request, inputs, cut)
    hold_out_range = {}
    if cut < inputs.end:
        last = int(inputs.klines.open_time[inputs.end - 1]) + INTERVAL_MS[request.interval]
        hold_out_range = {
            "hold_out_start_at": to_datetime(int(inputs.klines.open_time[cut])),
            "hold_out_end_at": to_datetime(last),
        }
    return Optimisation.objects.create(plan={**plan, "hold_out": hold_out}, **columns, **hold_out_range)


def stored_plan(optimisation: Optimisation | WalkForward) -> OptimisationPlan:
    """Return the plan of a stored optimisation or walk-forward."""
    return parse_plan(optimisation.settings, optimisation.plan, optimisation.strategy, optimisation.seed)


def stored_trials(optimisation: Optimisation, *, with_daily: bool = True) -> Trials:
    """Return all trials evaluated so far, in order."""
    stored = optimisation.chunks.filter(done_at__isnull=False).order_by("number").values_list("trials", flat=True)
    parts = [Trials.from_bytes(bytes(data), with_daily=with_daily) for data in stored if data is not None]
    return samplers.join(parts) if parts else samplers.no_trials(stored_plan(optimisation).space.names)


def trial_table(optimisation: Optimisation) -> Trials:
    """Return parameters and metrics of all trials so far. A finished optimisation keeps them together."""
    arrays = unpack(optimisation.series)
    if "trial_figures" not in arrays:
        return stored_trials(optimisation, with_daily=False)
    days = np.empty((len(arrays["trial_figures"]), 0), np.float32)
    return Trials(stored_plan(optimisation).space.names, arrays["trial_parameters"], arrays["trial_figures"], days)


def best_trial_so_far(optimisation: Optimisation) -> dict[str, Any] | None:
    """Return score, parameters and metrics of the best trial so far."""
    chunk_bests = [
        best for best in optimisation.chunks.filter(best__isnull=False).values_list("best", flat=True) if best
    ]
    return max(chunk_bests, key=lambda best: best["score"], default=None)


def next_chunks(optimisation: Optimisation) -> list[int]:
    """Return the chunks that workers may evaluate now; start the next round when one is finished.

    Empty when everything is evaluated.
    """
    with transaction.atomic():
        locked = Optimisation.objects.select_for_update().get(pk=optimisation.pk)
        if locked.status not in (RunStatus.QUEUED, RunStatus.RUNNING):
            return []
        if not locked.chunks.filter(done_at__isnull=True).exists():
            _start_round(locked)
        waiting = Q(claimed_at__isnull=True) | Q(claimed_at__lt=timezone.now() - CLAIM_EXPIRES_AFTER)
        return list(locked.chunks.filter(waiting, done_at__isnull=True).values_list("pk", flat=True))


def _start_round(optimisation: Optimisation) -> None:
    last = optimisation.chunks.order_by("-number").first()
    number, first = (last.round + 1, last.number + 1) if last else (0, 0)
    plan = stored_plan(optimisation)
    proposed = samplers.propose(plan, number, stored_trials(optimisation))
    size = CHUNK_TRIALS if plan.method is SearchMethod.GRID else max(plan.round_size // 2, 1)
    SearchChunk.objects.bulk_create(
        SearchChunk(
            optimisation=optimisation,
            number=first + k,
            round=number,
            proposed=[[combination[name] for name in plan.space.names] for combination in chunk],
        )
        for k, chunk in enumerate(samplers.cut(proposed, size))
    )


def evaluate_chunk(chunk_id: int, claim: str | None = None, threads: int = 1) -> bool:
    """Evaluate one chunk's trials and store them at once.

    Return False if it belongs to another worker, or is not to be evaluated.
    """
    claim = claim or str(uuid.uuid4())
    now = timezone.now()
    free = Q(claimed_at__isnull=True) | Q(claimed_at__lt=now - CLAIM_EXPIRES_AFTER) | Q(claim=claim)
    claimable = SearchChunk.objects.filter(
        free, pk=chunk_id, done_at__isnull=True, optimisation__status__in=(RunStatus.QUEUED, RunStatus.RUNNING)
    )
    if not claimable.update(claimed_at=now, claim=claim):
        return False
    chunk = SearchChunk.objects.select_related("optimisation").get(pk=chunk_id)
    optimisation = chunk.optimisation
    if not start_run(optimisation):
        return False
    with record_failure(optimisation):
        plan = stored_plan(optimisation)
        evaluator = Evaluator(
            market_of(optimisation), plan.fixed, time_range_of(optimisation), plan.space.names, threads=threads
        )
        trials = evaluator([dict(zip(plan.space.names, row, strict=True)) for row in chunk.proposed])
        mine = SearchChunk.objects.filter(pk=chunk_id, claim=claim, done_at__isnull=True)
        if mine.update(trials=trials.to_bytes(), best=_best_of(trials, plan), done_at=timezone.now()):
            _progress(optimisation, plan)
            return True
    return False


def _best_of(trials: Trials, plan: OptimisationPlan) -> dict[str, Any] | None:
    row = samplers.best_row(trials, plan)
    if row is None:
        return None
    score = float(samplers.scores(trials, plan)[row, 0])
    return {"score": score, "parameters": trials.at(row), "figures": trials.metrics_at(row)}


def _progress(optimisation: Optimisation, plan: OptimisationPlan) -> None:
    count = Sum(Func(F("proposed"), function="jsonb_array_length", output_field=IntegerField()))
    evaluated = optimisation.chunks.filter(done_at__isnull=False).aggregate(count=count)["count"] or 0
    if plan.method is SearchMethod.GRID:
        total = optimisation.chunks.aggregate(count=count)["count"] or 0
    else:
        total = min(plan.max_trials, plan.space.size)
    Optimisation.objects.filter(pk=optimisation.pk).update(trials_made=evaluated)
    heartbeat(optimisation, evaluated, total)


def finish_optimisation(optimisation: Optimisation) -> bool:
    """Rate an optimisation whose trials are all evaluated. Return False if it is not at that point."""
    optimisation.refresh_from_db()
    if optimisation.chunks.filter(done_at__isnull=True).exists() or not start_run(optimisation):
        return False
    with record_failure(optimisation):
        trials, plan = stored_trials(optimisation), stored_plan(optimisation)
        best = samplers.best_row(trials, plan)
        if best is None:
            _raise_common_failure(optimisation, trials, plan)
            raise RunError(
                f"None of {len(trials):,} trials closed {plan.min_trades} trades with a {plan.objectives[0]}: "
                "ask for fewer trades, or widen the ranges."
            )
        return _complete_with_best(optimisation, trials, plan, best)
    return False


def _raise_common_failure(optimisation: Optimisation, trials: Trials, plan: OptimisationPlan) -> None:
    """If no trial has any metrics, run the first in full, to raise what stopped all of them."""
    if len(trials) and np.isnan(trials.metrics).all():
        engine.run_backtest(
            market_of(optimisation), make_settings(as_settings(plan.fixed, trials.at(0))), time_range_of(optimisation)
        )


def _complete_with_best(optimisation: Optimisation, trials: Trials, plan: OptimisationPlan, best: int) -> bool:
    market = market_of(optimisation)
    engine_run = engine.run_backtest(
        market, make_settings(as_settings(plan.fixed, trials.at(best))), time_range_of(optimisation)
    )
    arrays = {"trial_parameters": trials.parameters, "trial_figures": trials.metrics}
    columns = backtest_columns(optimisation, market, engine_run, **arrays)
    earlier = earlier_trials(optimisation)
    measures, inputs = overfitting_measures(trials, plan, best, earlier + len(trials)), _plateau(trials, plan)
    daily = trials.daily[best].astype(np.float64)
    quality = rate_run(
        engine_run.result,
        daily,
        earlier + len(trials),
        pbo=measures["pbo"],
        plateau=inputs["ratio"] if inputs else None,
        trial_variance=measures["trial_sharpe_variance"],
    )
    scores = samplers.scores(trials, plan)
    order = np.argsort(np.where(np.isnan(scores[:, 0]), -np.inf, scores[:, 0]))[::-1][:TOP_TRIALS]
    result = {
        "best": {"parameters": trials.at(best), "figures": trials.metrics_at(best)},
        "top": [{"parameters": trials.at(int(row)), "figures": trials.metrics_at(int(row))} for row in order],
        "front": [trials.at(int(row)) for row in samplers.pareto_front(scores)] if len(plan.objectives) > 1 else [],
        "overfitting": measures,
        "plateau": inputs,
        "run": engine_run.result.to_json(),
    }
    columns |= {"verdict": quality.to_json(), "earlier_trials": earlier, "trials_made": len(trials)}
    columns |= {"done_steps": len(trials), "total_steps": max(len(trials), 1)}
    return complete(optimisation, result, **columns)


def overfitting_measures(trials: Trials, plan: OptimisationPlan, best: int, trial_count: int) -> dict[str, Any]:
    """Return every measure of overfitting; `trial_count` counts all trials made on the data."""
    daily = trials.daily.astype(np.float64)
    moments = overfitting.moments(daily[best])
    sharpes = overfitting.sharpes(daily)
    sharpes = sharpes[np.isfinite(sharpes)]
    variance = float(np.var(sharpes, ddof=1)) if len(sharpes) > 1 else None
    spread = variance if variance is not None else 1.0 / max(moments.count - 1, 1)
    blocks = overfitting.blocks_for(daily.shape[1])
    pbo = overfitting.probability_of_overfitting(daily.T, blocks) if blocks and len(trials) > 1 else None
    has_sharpe = moments.sharpe is not None
    ratio = moments.sharpe or 0.0
    return {
        "trials": len(trials),
        "trials_on_this_data": trial_count,
        "trial_sharpe_variance": variance,
        "pbo": pbo.probability if pbo else None,
        "pbo_splits": pbo.splits if pbo else 0,
        "pbo_loss_probability": pbo.loss_probability if pbo else None,
        "deflated_sharpe": overfitting.deflated_sharpe(moments, spread, trial_count),
        "expected_max_sharpe": overfitting.expected_max_sharpe(spread, trial_count) * math.sqrt(DAYS_A_YEAR),
        "probabilistic_sharpe": overfitting.probabilistic_sharpe(
            ratio, 0.0, moments.count, moments.skew, moments.kurtosis
        )
        if has_sharpe
        else None,
        "min_track_record_days": overfitting.min_track_record_length(ratio, 0.0, moments.skew, moments.kurtosis),
        "min_backtest_years": overfitting.min_backtest_length_years(trial_count, ratio * math.sqrt(DAYS_A_YEAR)),
        "days": moments.count,
    }


def _plateau(trials: Trials, plan: OptimisationPlan) -> dict[str, Any] | None:
    scores = samplers.scores(trials, plan)[:, 0]
    if len(trials) < 3:
        return None
    plateau = overfitting.plateau(plan.space.places_of(trials.parameters), scores)
    return {
        "best_score": plateau.best_score,
        "neighbours": len(plateau.neighbours),
        "neighbour_median": plateau.neighbour_median,
        "ratio": plateau.ratio,
        "centre": trials.at(plateau.centre),
        "centre_score": plateau.centre_score,
        "best_around": [plateau.best, *plateau.neighbours.tolist()],
        "centre_around": [plateau.centre, *plateau.centre_neighbours.tolist()],
    }


def run_in_process(optimisation: Optimisation, on_progress: Any = None) -> None:
    """Run a whole optimisation, or what is left of it, in this process."""
    while ids := _next_or_fail(optimisation):
        for chunk_id in ids:
            if not evaluate_chunk(chunk_id, threads=os.cpu_count() or 1):
                return
            optimisation.refresh_from_db()
            if on_progress:
                on_progress(optimisation.done_steps, optimisation.total_steps)
    finish_optimisation(optimisation)


def _next_or_fail(optimisation: Optimisation) -> list[int]:
    with record_failure(optimisation):
        return next_chunks(optimisation)
    return []


def open_hold_out(
    optimisation: Optimisation, parameters: Mapping[str, float | None], reason: str, user: Any
) -> Backtest:
    """Queue a backtest of parameters on the hold-out, and record that it was opened."""
    if (
        optimisation.status != RunStatus.DONE
        or optimisation.hold_out_start_at is None
        or optimisation.hold_out_end_at is None
    ):
        raise RunError("There is no hold-out to open: the optimisation is not done, or held nothing out.")
    if not reason.strip():
        raise RunError("Say why the hold-out is opened: each look makes it worth less.")
    with transaction.atomic():
        time_range = (optimisation.hold_out_start_at, optimisation.hold_out_end_at)
        run = _backtest_of(optimisation, parameters, time_range, user, is_hold_out=True)
        HoldOutOpening.objects.create(
            optimisation=optimisation, backtest=run, parameters=dict(parameters), reason=reason, opened_by=user
        )
    return run


def new_trial_backtest(
    optimisation: Optimisation, parameters: Mapping[str, float | None], user: Any = None
) -> Backtest:
    """Queue a backtest of one trial on the bars of its optimisation."""
    return _backtest_of(optimisation, parameters, (optimisation.start_at, optimisation.end_at), user)


def _backtest_of(
    optimisation: Optimisation,
    parameters: Mapping[str, float | None],
    time_range: tuple[datetime, datetime],
    user: Any,
    **columns: Any,
) -> Backtest:
    settings = as_settings(stored_plan(optimisation).fixed, parameters)
    start, end = (moment.isoformat() for moment in time_range)
    request = RunRequest(
        optimisation.symbol, optimisation.interval, settings, start, end, optimisation.bot, user, optimisation.seed
    )
    return Backtest.objects.create(optimisation=optimisation, **columns, **fields(request, read(request)))
