"""How many trials were made on the same bars before: what it takes to say how good the best of them is by luck alone.

Every trial of a search counts, and every other setting that a backtest was run with. Deleting a run does not make its
trials unmade: they go into `DeletedTrials` on the way out.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.db.models import Sum
from django.db.models.signals import pre_delete
from django.dispatch import receiver

from backtests.models import Backtest, DeletedTrials, Optimisation, Run, Status, WalkForward


def earlier_trials(run: Run) -> int:
    """Trials that other runs made on the same symbol and interval, over bars that this run has too."""
    same = {"symbol": run.symbol, "interval": run.interval, "start_at__lt": run.end_at, "end_at__gt": run.start_at}
    total = 0
    for model in (Optimisation, WalkForward):
        others = model._default_manager.filter(**same)
        if isinstance(run, model):
            others = others.exclude(pk=run.pk)
        total += others.aggregate(made=Sum("trials_made"))["made"] or 0
    by_hand = Backtest.objects.filter(**same, status=Status.DONE).exclude(settings=run.settings)
    deleted = DeletedTrials.objects.filter(**same).exclude(settings_hash=hash_of(run.settings))
    return total + by_hand.values("settings").distinct().count() + (deleted.aggregate(made=Sum("trials"))["made"] or 0)


def hash_of(settings: dict[str, Any]) -> str:
    """SHA-256 of a run's settings, whatever the order of their names."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


@receiver(pre_delete, sender=Optimisation)
@receiver(pre_delete, sender=WalkForward)
def keep_count_of_search(instance: Optimisation | WalkForward, **_: Any) -> None:
    if instance.trials_made:
        DeletedTrials.objects.create(**_bars_of(instance), trials=instance.trials_made)


@receiver(pre_delete, sender=Backtest)
def keep_count_of_backtest(instance: Backtest, **_: Any) -> None:
    """Once for each setting, however often it was run."""
    if instance.status == Status.DONE:
        DeletedTrials.objects.get_or_create(**_bars_of(instance), settings_hash=hash_of(instance.settings))


def _bars_of(run: Run) -> dict[str, Any]:
    return {"symbol": run.symbol, "interval": run.interval, "start_at": run.start_at, "end_at": run.end_at}
