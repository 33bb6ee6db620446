"""Doorbells: ids in, one call. What happens is in runner.py; running a task twice does what running it once does."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.db.models import Q
from django.utils import timezone

from bots import runner
from bots.models import BotState, Order, OrderState, Trade

SETTLE_EVERY = timedelta(seconds=55)


@shared_task(ignore_result=True)
def run_bot_task(bot_config_id: int) -> None:
    """One tick of one bot; see bots/runner.py."""
    runner.run_bot(bot_config_id)


@shared_task(ignore_result=True)
def sweep_task() -> None:
    """Ring for bots that must not wait for their next candle: a crashed run, an order in doubt, an open position."""
    for bot_id in bots_to_settle():
        run_bot_task.apply_async(args=(bot_id,), expires=60)


def bots_to_settle() -> list[int]:
    """Bots whose last run died, whose orders are in doubt, or whose position was not looked at for a minute."""
    now = timezone.now()
    in_doubt = Order.objects.filter(state__in=(OrderState.CREATED, OrderState.UNKNOWN)).values("bot_id")
    holding = Trade.objects.filter(closed_at__isnull=True).values("bot_id")
    looked_at_long_ago = Q(last_tick_at__lt=now - SETTLE_EVERY) | Q(last_tick_at__isnull=True)
    wanted = Trade.objects.filter(closed_at__isnull=True).exclude(exit_wanted="").values("bot_id")
    due = (
        Q(lease_expires_at__lt=now)
        | Q(bot_id__in=in_doubt)
        | Q(bot_id__in=wanted)
        | (Q(bot_id__in=holding) & looked_at_long_ago)
    )
    free = Q(lease_expires_at__isnull=True) | Q(lease_expires_at__lt=now)
    return list(BotState.objects.filter(due & free).values_list("bot_id", flat=True).distinct())
