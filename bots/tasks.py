"""Celery tasks of bots. Each takes ids and makes one call; running one twice does what running it once does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from celery import shared_task
from celery.signals import worker_ready
from django.db.models import Q, QuerySet
from django.utils import timezone

from bots.incidents import IncidentKind
from bots.models import BotState, Incident, Order, Status, Trade
from bots.trading import leases, tick
from bots.trading.context import context_for_tick
from bots.trading.execution import PROTECTIVE
from bots.trading.orders import IN_DOUBT, UNSETTLED

SETTLE_EVERY = timedelta(seconds=55)
URGENT_TRIES = 6  # after so many refusals in a minute, a request is retried once a minute


@shared_task(ignore_result=True)
def run_bot_task(bot_config_id: int) -> None:
    """Run one tick of one bot; see bots/trading/tick.py."""
    tick.run_bot(bot_config_id, context_for_tick)


@shared_task(ignore_result=True)
def sweep_task() -> None:
    """Queue a tick for each bot that must not wait for its next candle."""
    for bot_id in bots_to_settle():
        run_bot_task.apply_async(args=(bot_id,), expires=60)


@worker_ready.connect
def sweep_at_once(**_: Any) -> None:
    """Re-queue work left by a dead worker as soon as another starts."""
    sweep_task.delay()


def bots_to_settle() -> list[int]:
    """Return the ids of bots that must not wait for their next candle.

    Those are bots whose last run died, whose orders are in doubt, or whose position is to be sold, lacks its stop or
    target, was left by a failed run, or was not looked at for a minute.
    """
    has_position = Q(bot_id__in=Trade.objects.filter(closed_at__isnull=True).values("bot_id"))
    must_sell = Q(bot_id__in=Trade.objects.filter(closed_at__isnull=True).exclude(exit_requested="").values("bot_id"))
    in_doubt = Q(bot_id__in=Order.objects.filter(state__in=IN_DOUBT).values("bot_id"))
    is_protected = Q(bot_id__in=Order.objects.filter(purpose__in=PROTECTIVE, state__in=UNSETTLED).values("bot_id"))
    wants_protection = Q(bot__stop_loss__gt=0) | Q(bot__trailing_stop__gt=0) | Q(bot__take_profit__gt=0)
    just_failed = Q(failures__gt=0, failures__lt=tick.FAILURES_BEFORE_INCIDENT)
    refused = Q(bot_id__in=_often_refused().values("bot_id"))
    is_unwatched = Q(last_tick_at__lt=timezone.now() - SETTLE_EVERY) | Q(last_tick_at__isnull=True)
    is_urgent = (must_sell | (has_position & wants_protection & ~is_protected)) & ~refused
    is_abandoned = Q(lease_expires_at__isnull=False)  # bots with a living run are left out below
    due = is_abandoned | in_doubt | is_urgent | (has_position & (just_failed | is_unwatched))
    states = (
        BotState.objects.filter(due).exclude(status=Status.PREPARING).exclude(bot_id__in=leases.bots_with_active_run())
    )
    return list(states.values_list("bot_id", flat=True))


def _often_refused() -> QuerySet[Incident]:
    kinds = (IncidentKind.UNPROTECTED_POSITION, IncidentKind.EXIT_REFUSED)
    return Incident.objects.filter(kind__in=kinds, resolved_at=None, occurrences__gte=URGENT_TRIES)
