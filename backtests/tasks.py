"""Celery tasks of the backtests: ids in, one call. What happens is in queue.py and rounds.py."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from celery import shared_task
from django.utils import timezone

from backtests.models import Backtest, MonteCarlo, Optimisation, Run, RunStatus, SearchChunk, WalkForward, run_models
from backtests.optimisation import rounds
from backtests.parity import store
from backtests.runs import queue
from backtests.walk_forward import runner
from bots.models import BotConfig

LOST_AFTER = timedelta(seconds=240)
MESSAGE_EXPIRES_S = 150.0  # two rounds of the sweep and more, so that one is always in force


@shared_task(ignore_result=True)
def run_backtest_task(run_id: int) -> None:
    queue.execute_backtest(Backtest.objects.get(pk=run_id))


@shared_task(ignore_result=True)
def run_monte_carlo_task(run_id: int) -> None:
    queue.execute_monte_carlo(MonteCarlo.objects.get(pk=run_id))


@shared_task(ignore_result=True)
def run_walk_forward_task(run_id: int) -> None:
    runner.execute_walk_forward(WalkForward.objects.get(pk=run_id))


@shared_task(name="backtests.tasks.advance_search_task", ignore_result=True)
def advance_optimisation_task(run_id: int) -> None:
    """Queue every chunk that may be evaluated now; finish the optimisation when none is left."""
    optimisation = Optimisation.objects.get(pk=run_id)
    with queue.record_failure(optimisation):
        waiting = rounds.next_chunks(optimisation)
        for chunk_id in waiting:
            evaluate_chunk_task.delay(chunk_id)
        if not waiting:
            rounds.finish_optimisation(optimisation)


@shared_task(name="backtests.tasks.make_chunk_task", bind=True, ignore_result=True)
def evaluate_chunk_task(self: Any, chunk_id: int) -> None:
    """Evaluate one chunk.

    Its claim is this task's id: delivered again after its worker died, it goes on at once.
    """
    if not rounds.evaluate_chunk(chunk_id, claim=self.request.id):
        return
    chunk = SearchChunk.objects.get(pk=chunk_id)
    siblings = SearchChunk.objects.filter(optimisation_id=chunk.optimisation_id, done_at__isnull=True)
    if not siblings.exists():
        advance_optimisation_task.delay(chunk.optimisation_id)


_TASKS: dict[str, Any] = {
    "backtest": run_backtest_task,
    "optimisation": advance_optimisation_task,
    "walkforward": run_walk_forward_task,
    "montecarlo": run_monte_carlo_task,
}


def enqueue(run: Run, *, expires_s: float | None = None) -> None:
    """Queue a run's work, after the transaction that stored it."""
    _TASKS[run.kind].apply_async_on_commit(args=(run.pk,), expires=expires_s)


@shared_task(ignore_result=True)
def check_parity_task(bot_config_id: int) -> None:
    bot = BotConfig.objects.select_related("api_key").filter(pk=bot_config_id).first()
    if bot is not None:
        store.check_bot(bot)


@shared_task(name="backtests.tasks.check_parities_task", ignore_result=True)
def check_due_bots_task() -> None:
    """Check one bot whose nightly check is due, then queue the next behind whatever else is waiting."""
    bot = store.next_due()
    if bot is not None:
        store.check_bot(bot)
        check_due_bots_task.delay()


@shared_task(name="backtests.tasks.sweep_runs_task", ignore_result=True)
def requeue_lost_runs_task() -> None:
    """Queue runs again that nobody has worked on for minutes: their worker or message was lost."""
    long_ago = timezone.now() - LOST_AFTER
    for model in run_models().values():
        silent = model._default_manager.filter(status=RunStatus.RUNNING, heartbeat_at__lt=long_ago)
        waiting = model._default_manager.filter(status=RunStatus.QUEUED, created_at__lt=long_ago)
        for run in (*silent, *waiting):
            enqueue(run, expires_s=MESSAGE_EXPIRES_S)  # they would pile up behind a long search
