"""One run of a bot at a time: a lease on its state, and the fence that keeps a late run from writing.

A claim is a committed run number with an expiry by the database's clock. Every later write locks the state again and
checks the number, so a run that lost its lease changes nothing. No row is locked while we wait on the network.

Beside its lease a run holds an advisory lock on its number, which PostgreSQL takes from it the moment its connection
ends. So a run whose process was killed is known to be dead at once, on whatever machine it ran, and its bot need not
wait for the lease to expire. Overtaking a run that lives after all (its connection broke, or a pooler gave it another)
is as harmless as overtaking one that was silent for too long: the fence stops it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from bots.models import BotConfig, BotState
from core.sql import columns, get, query, row_of

# How long a run may be silent before another takes its bot over. A slow one that is overtaken changes nothing any more:
# the fence stops its writes, and an order it had put on record may not leave so late (orders.SEND_WITHIN_S).
LEASE = timedelta(seconds=90)

_LIVING = """
    SELECT classid::bigint, objid::bigint FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 2 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_STATE = BotState._meta.db_table
_TAKE_LOCK = "pg_try_advisory_lock(mod(bot_id, 2147483648)::int, mod(run_number, 2147483648)::int)"  # as _number_pair


class LeaseLost(Exception):
    """Another run took the bot over; this one must not write any more."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to act for one bot, while `run_number` is the state's. `bot` and its state are as claimed."""

    bot: BotConfig
    run_number: int

    @property
    def bot_id(self) -> int:
        return self.bot.pk


def claim(bot_id: int) -> Lease | None:
    """Take the bot's lease; None while another run holds it and lives."""
    state = _take(bot_id, "lease_expires_at IS NULL OR lease_expires_at <= statement_timestamp()") or _overtake(bot_id)
    if state is None:
        return None
    # Read after it is ours: a person's change that we had to wait for is in it.
    state.bot = get(BotConfig, "WHERE id = %s", [bot_id])
    return Lease(state.bot, state.run_number)


def _overtake(bot_id: int) -> BotState | None:
    """Take the lease of a run that is dead."""
    run_number = BotState.objects.values_list("run_number", flat=True).get(bot_id=bot_id)
    if _number_pair(bot_id, run_number) in _living_runs():
        return None
    return _take(bot_id, "run_number = %s", run_number)


def _take(bot_id: int, is_free: str, *values: Any) -> BotState | None:
    """Take the lease if it is free, in one statement: who waits here for another run then sees what that one wrote.

    The advisory lock is ours before anyone can see the number, and it is not waited for: a lock that a connection kept
    from a claim that was rolled back says "alive" as well as ours would.
    """
    # Written out because every tick begins with it: 0.6 ms, against 2.6 ms through select_for_update() and save() in a
    # transaction, which would make a tick that has nothing to do 2.4 times as long (1.9 to 4.6 ms). Everywhere else
    # the state is locked with select_for_update().
    taken = query(
        f'UPDATE "{_STATE}" SET run_number = run_number + 1, lease_expires_at = statement_timestamp() + %s '  # noqa: S608
        f"WHERE bot_id = %s AND ({is_free}) RETURNING {_TAKE_LOCK}, {columns(BotState)}",
        [LEASE, bot_id, *values],
    )
    return row_of(BotState, taken[0][1:]) if taken else None


@contextmanager
def locked_state(lease: Lease) -> Iterator[BotState]:
    """A transaction in which the bot's state is locked and ours. Raise `LeaseLost` when it is not ours any more."""
    with transaction.atomic():
        state = BotState.objects.select_for_update().get(bot_id=lease.bot_id)
        if state.run_number != lease.run_number or state.lease_expires_at is None:
            raise LeaseLost(f"run {lease.run_number} of bot {lease.bot_id} was overtaken by run {state.run_number}")
        yield state


def release(lease: Lease, **results: Any) -> None:
    """Give the lease back, if it is still ours, and with it what the run came to."""
    written = {"lease_expires_at": None, "last_tick_at": timezone.now(), **results}
    places = ", ".join(f"{name} = %s" for name in written)
    query(  # it counts what it gave back, so that the lock goes after the lease
        f'WITH given_back AS (UPDATE "{_STATE}" SET {places} WHERE bot_id = %s AND run_number = %s RETURNING 1) '  # noqa: S608
        "SELECT count(*), pg_advisory_unlock(%s::int, %s::int) FROM given_back",
        [*written.values(), lease.bot_id, lease.run_number, *_number_pair(lease.bot_id, lease.run_number)],
    )


def bots_with_active_run() -> list[int]:
    """Bots that a run holds at this moment: a lease in force, and whoever took it lives."""
    leased = BotState.objects.filter(lease_expires_at__gt=Now()).values_list("bot_id", "run_number")
    living = _living_runs()
    return [bot_id for bot_id, run_number in leased if _number_pair(bot_id, run_number) in living]


def _living_runs() -> set[tuple[Any, ...]]:
    """The advisory locks that connections to this database hold, by bot and run number."""
    return set(query(_LIVING, []))


def _number_pair(bot_id: int, run_number: int) -> tuple[int, int]:
    """An advisory lock is named by two numbers of 31 bits."""
    return bot_id % 2**31, run_number % 2**31
