"""Celery tasks of bots: ids in, one call. Running a task twice does what running it once does."""

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
HURRIED_TRIES = 6  # what the exchange has refused so often, in a minute, is tried again once a minute


@shared_task(ignore_result=True)
def run_bot_task(bot_config_id: int) -> None:
    """One tick of one bot; see bots/trading/tick.py."""
    tick.run_bot(bot_config_id, context_for_tick)


@shared_task(ignore_result=True)
def sweep_task() -> None:
    """Ring for bots that must not wait for their next candle: a crashed run, an order in doubt, an open position."""
    for bot_id in bots_to_settle():
        run_bot_task.apply_async(args=(bot_id,), expires=60)


@worker_ready.connect
def sweep_at_once(**_: Any) -> None:
    """A worker that starts may follow one that died: what that one had in hand does not wait for the next sweep."""
    sweep_task.delay()


def bots_to_settle() -> list[int]:
    """Bots whose last run died, whose orders are in doubt, or whose position is to be sold, stands without the stop or
    target that it should have, was left by a run that failed, or was not looked at for a minute."""
    holding = Q(bot_id__in=Trade.objects.filter(closed_at__isnull=True).values("bot_id"))
    to_sell = Q(bot_id__in=Trade.objects.filter(closed_at__isnull=True).exclude(exit_requested="").values("bot_id"))
    in_doubt = Q(bot_id__in=Order.objects.filter(state__in=IN_DOUBT).values("bot_id"))
    protected = Q(bot_id__in=Order.objects.filter(purpose__in=PROTECTIVE, state__in=UNSETTLED).values("bot_id"))
    should_be = Q(bot__stop_loss__gt=0) | Q(bot__trailing_stop__gt=0) | Q(bot__take_profit__gt=0)
    just_failed = Q(failures__gt=0, failures__lt=tick.FAILURES_BEFORE_INCIDENT)
    refused = Q(bot_id__in=_refused_again_and_again().values("bot_id"))
    looked_at_long_ago = Q(last_tick_at__lt=timezone.now() - SETTLE_EVERY) | Q(last_tick_at__isnull=True)
    hurries = (to_sell | (holding & should_be & ~protected)) & ~refused
    left_behind = Q(lease_expires_at__isnull=False)  # and in nobody's hands
    due = left_behind | in_doubt | hurries | (holding & (just_failed | looked_at_long_ago))
    states = (
        BotState.objects.filter(due).exclude(status=Status.PREPARING).exclude(bot_id__in=leases.bots_with_active_run())
    )
    return list(states.values_list("bot_id", flat=True))


def _refused_again_and_again() -> QuerySet[Incident]:
    kinds = (IncidentKind.UNPROTECTED_POSITION, IncidentKind.EXIT_REFUSED)
    return Incident.objects.filter(kind__in=kinds, resolved_at=None, occurrences__gte=HURRIED_TRIES)
