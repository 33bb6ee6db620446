"""Count the trials made on the same bars before: the more there were, the better the best is by luck alone.

Every trial of an optimisation counts, and every other setting that a backtest was run with. Deleting a run does not
undo its trials: they are recorded in `DeletedTrials`.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.db.models import Sum
from django.db.models.signals import pre_delete
from django.dispatch import receiver

from backtests.models import Backtest, DeletedTrials, Optimisation, Run, RunStatus, WalkForward


def earlier_trials(run: Run) -> int:
    """Return how many trials other runs made on the same symbol and interval, over overlapping bars."""
    same = {"symbol": run.symbol, "interval": run.interval, "start_at__lt": run.end_at, "end_at__gt": run.start_at}
    total = 0
    for model in (Optimisation, WalkForward):
        others = model._default_manager.filter(**same)
        if isinstance(run, model):
            others = others.exclude(pk=run.pk)
        total += others.aggregate(made=Sum("trials_made"))["made"] or 0
    by_hand = Backtest.objects.filter(**same, status=RunStatus.DONE).exclude(settings=run.settings)
    deleted = DeletedTrials.objects.filter(**same).exclude(settings_hash=hash_settings(run.settings))
    return total + by_hand.values("settings").distinct().count() + (deleted.aggregate(made=Sum("trials"))["made"] or 0)


def hash_settings(settings: dict[str, Any]) -> str:
    """Return the SHA-256 of a run's settings, whatever the order of their names."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


@receiver(pre_delete, sender=Optimisation)
@receiver(pre_delete, sender=WalkForward)
def record_deleted_optimisation(instance: Optimisation | WalkForward, **_: Any) -> None:
    """Record the trials of an optimisation or walk-forward that is deleted."""
    if instance.trials_made:
        DeletedTrials.objects.create(**_data_of(instance), trials=instance.trials_made)


@receiver(pre_delete, sender=Backtest)
def record_deleted_backtest(instance: Backtest, **_: Any) -> None:
    """Record a deleted backtest once for each setting, however often it was run."""
    if instance.status == RunStatus.DONE:
        DeletedTrials.objects.get_or_create(**_data_of(instance), settings_hash=hash_settings(instance.settings))


def _data_of(run: Run) -> dict[str, Any]:
    return {"symbol": run.symbol, "interval": run.interval, "start_at": run.start_at, "end_at": run.end_at}
