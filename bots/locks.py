"""One run of a bot at a time: a lease on its state, and the fence that keeps a late run from writing.

A claim is a committed run number with an expiry on the wall clock. Every later write locks the state again and checks
the number, so a run that lost its lease changes nothing. No lock is held while we wait on the network.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from bots.models import BotConfig, BotState

# How long a run may be silent before another takes its bot over. A slow one that is overtaken changes nothing any more:
# the fence stops its writes, and an order it had put on record may not leave so late (orders.SEND_WITHIN_S).
LEASE = timedelta(seconds=90)


class LeaseLost(Exception):
    """Another run took the bot over; this one must not write any more."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to act for one bot, while `run_number` is the state's. `bot` and its state are as claimed."""

    bot: BotConfig
    run_number: int

    @property
    def bot_id(self) -> int:
        return self.bot.pk


def claim(bot_id: int) -> Claim | None:
    """Take the bot's lease; None while another run holds it."""
    with transaction.atomic():
        locked = BotState.objects.select_for_update(of=("self",)).select_related("bot__api_key")
        state = locked.get(bot_id=bot_id)
        if state.lease_expires_at is not None and state.lease_expires_at > timezone.now():
            return None
        state.run_number += 1
        state.lease_expires_at = timezone.now() + LEASE
        state.save(update_fields=["run_number", "lease_expires_at"])
        return Claim(state.bot, state.run_number)


@contextmanager
def fenced(held: Claim) -> Iterator[BotState]:
    """A transaction in which the bot's state is locked and ours. Raise `LeaseLost` when it is not ours any more."""
    with transaction.atomic():
        state = BotState.objects.select_for_update().get(bot_id=held.bot_id)
        if state.run_number != held.run_number or state.lease_expires_at is None:
            raise LeaseLost(f"run {held.run_number} of bot {held.bot_id} was overtaken by run {state.run_number}")
        yield state


def release(held: Claim, **results: Any) -> None:
    """Give the lease back, if it is still ours, and with it what the run came to."""
    ours = BotState.objects.filter(bot_id=held.bot_id, run_number=held.run_number)
    ours.update(lease_expires_at=None, last_tick_at=timezone.now(), **results)
