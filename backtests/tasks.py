"""Doorbells: ids in, one call. What happens is in queue.py and rounds.py; ringing twice is harmless."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from celery import shared_task
from django.utils import timezone

from backtests.models import Backtest, MonteCarlo, Optimisation, Run, SearchChunk, Status, WalkForward, kinds
from backtests.optimisation import rounds
from backtests.parity import store
from backtests.runs import queue
from backtests.walk_forward import runner
from bots.models import BotConfig

SILENT = timedelta(seconds=240)
RING_LASTS_S = 150.0  # two rounds of the sweep and more, so that one is always in force


@shared_task(ignore_result=True)
def run_backtest_task(run_id: int) -> None:
    queue.execute_backtest(Backtest.objects.get(pk=run_id))


@shared_task(ignore_result=True)
def run_monte_carlo_task(run_id: int) -> None:
    queue.execute_monte_carlo(MonteCarlo.objects.get(pk=run_id))


@shared_task(ignore_result=True)
def run_walk_forward_task(run_id: int) -> None:
    runner.execute_walk_forward(WalkForward.objects.get(pk=run_id))


@shared_task(ignore_result=True)
def advance_search_task(run_id: int) -> None:
    """Ring for every chunk that may be made now; judge the search when none is left."""
    search = Optimisation.objects.get(pk=run_id)
    with queue.reporting(search):
        waiting = rounds.next_chunks(search)
        for chunk_id in waiting:
            make_chunk_task.delay(chunk_id)
        if not waiting:
            rounds.conclude(search)


@shared_task(bind=True, ignore_result=True)
def make_chunk_task(self: Any, chunk_id: int) -> None:
    """One chunk. Its claim is this task's id: handed out again after its worker died, it goes on at once."""
    if not rounds.make_chunk(chunk_id, claim=self.request.id):
        return
    chunk = SearchChunk.objects.get(pk=chunk_id)
    siblings = SearchChunk.objects.filter(optimisation_id=chunk.optimisation_id, done_at__isnull=True)
    if not siblings.exists():
        advance_search_task.delay(chunk.optimisation_id)


_TASKS: dict[str, Any] = {
    "backtest": run_backtest_task,
    "optimisation": advance_search_task,
    "walkforward": run_walk_forward_task,
    "montecarlo": run_monte_carlo_task,
}


def ring(run: Run, *, expires_s: float | None = None) -> None:
    """Queue a run's work, after the transaction that stored it."""
    _TASKS[run.kind].apply_async_on_commit(args=(run.pk,), expires=expires_s)


@shared_task(ignore_result=True)
def check_parity_task(bot_config_id: int) -> None:
    bot = BotConfig.objects.select_related("api_key").filter(pk=bot_config_id).first()
    if bot is not None:
        store.check_bot(bot)


@shared_task(ignore_result=True)
def check_parities_task() -> None:
    """One bot whose nightly check is due; then the next, behind whatever else is waiting by then."""
    bot = store.next_due()
    if bot is not None:
        store.check_bot(bot)
        check_parities_task.delay()


@shared_task(ignore_result=True)
def sweep_runs_task() -> None:
    """Ring again for runs that nobody has worked on for some minutes: their worker, or its message, was lost."""
    long_ago = timezone.now() - SILENT
    for model in kinds().values():
        silent = model._default_manager.filter(status=Status.RUNNING, heartbeat_at__lt=long_ago)
        waiting = model._default_manager.filter(status=Status.QUEUED, created_at__lt=long_ago)
        for run in (*silent, *waiting):
            ring(run, expires_s=RING_LASTS_S)  # they would pile up behind a long search
