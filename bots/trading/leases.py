"""Leases: one run of a bot at a time, and no writes by a run that lost its lease.

A lease is a committed run number with an expiry by the database's clock. Every later write locks the state again and
checks the number, so a run that lost its lease changes nothing. No row is locked while we wait on the network.

A run also holds an advisory lock on its number, which PostgreSQL releases when its connection ends. So a run whose
process was killed is known to be dead at once, on any machine, and its bot does not wait for the lease to expire.
Overtaking a run that lives after all (its connection broke, or a pooler gave it another) is harmless: its next write
is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from bots.models import BotConfig, BotState
from core.sql import columns, get, query, row_of

# How long a run may be silent before another takes its bot over. A slow run that is overtaken changes nothing more: its
# writes are refused, and an order that it had recorded is not sent so late (orders.SEND_WITHIN_S).
LEASE = timedelta(seconds=90)

_LIVING = """
    SELECT classid::bigint, objid::bigint FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 2 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_STATE = BotState._meta.db_table
_TAKE_LOCK = "pg_try_advisory_lock(mod(bot_id, 2147483648)::int, mod(run_number, 2147483648)::int)"  # as _number_pair


class LeaseLost(Exception):
    """Report that another run took the bot over; this one must not write any more."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Hold the right to act for one bot, while `run_number` is the state's. `bot` and its state are as claimed."""

    bot: BotConfig
    run_number: int

    @property
    def bot_id(self) -> int:
        return self.bot.pk


def claim(bot_id: int) -> Lease | None:
    """Take the bot's lease. Return None while a living run holds it."""
    state = _take(bot_id, "lease_expires_at IS NULL OR lease_expires_at <= statement_timestamp()") or _overtake(bot_id)
    if state is None:
        return None
    # Read after the lease is ours, so that a change that we waited for is in it.
    state.bot = get(BotConfig, "WHERE id = %s", [bot_id])
    return Lease(state.bot, state.run_number)


def _overtake(bot_id: int) -> BotState | None:
    """Take the lease of a dead run."""
    run_number = BotState.objects.values_list("run_number", flat=True).get(bot_id=bot_id)
    if _number_pair(bot_id, run_number) in _living_runs():
        return None
    return _take(bot_id, "run_number = %s", run_number)


def _take(bot_id: int, is_free: str, *values: Any) -> BotState | None:
    """Take the lease if it is free, in one statement, so that a run that waited sees what the other wrote.

    The advisory lock is taken before anyone can see the number. It is not waited for: if a connection still has it from
    a claim that was rolled back, the run counts as alive all the same.
    """
    # Written out because every tick begins with it: 0.6 ms, against 2.6 ms through select_for_update() and save() in a
    # transaction, which would make a tick that has nothing to do 2.4 times as long (1.9 to 4.6 ms). Everywhere else
    # the statement that locks the state is select_for_update()'s own.
    taken = query(
        f'UPDATE "{_STATE}" SET run_number = run_number + 1, lease_expires_at = statement_timestamp() + %s '  # noqa: S608
        f"WHERE bot_id = %s AND ({is_free}) RETURNING {_TAKE_LOCK}, {columns(BotState)}",
        [LEASE, bot_id, *values],
    )
    return row_of(BotState, taken[0][1:]) if taken else None


@cache
def _lock_statement() -> str:
    """Return what `select_for_update()` composes to lock a bot's state; composed once, it takes a third of the time."""
    statement: str = BotState.objects.select_for_update().filter(bot_id=0).query.sql_with_params()[0]
    return statement


@contextmanager
def locked_state(lease: Lease) -> Iterator[BotState]:
    """Lock the bot's state in a transaction. Raise `LeaseLost` if the lease is not ours any more."""
    with transaction.atomic():
        rows = query(_lock_statement(), [lease.bot_id])
        if not rows:
            raise LeaseLost(f"bot {lease.bot_id} was deleted during run {lease.run_number}")
        state = row_of(BotState, rows[0])
        if state.run_number != lease.run_number or state.lease_expires_at is None:
            raise LeaseLost(f"run {lease.run_number} of bot {lease.bot_id} was overtaken by run {state.run_number}")
        yield state


def release(lease: Lease, **results: Any) -> None:
    """Release the lease, if it is still ours, and store the run's results with it."""
    written = {"lease_expires_at": None, "last_tick_at": timezone.now(), **results}
    places = ", ".join(f"{name} = %s" for name in written)
    query(  # the count makes the lock go after the lease
        f'WITH given_back AS (UPDATE "{_STATE}" SET {places} WHERE bot_id = %s AND run_number = %s RETURNING 1) '  # noqa: S608
        "SELECT count(*), pg_advisory_unlock(%s::int, %s::int) FROM given_back",
        [*written.values(), lease.bot_id, lease.run_number, *_number_pair(lease.bot_id, lease.run_number)],
    )


def bots_with_active_run() -> list[int]:
    """Return the ids of bots with a lease in force whose run lives."""
    leased = BotState.objects.filter(lease_expires_at__gt=Now()).values_list("bot_id", "run_number")
    living = _living_runs()
    return [bot_id for bot_id, run_number in leased if _number_pair(bot_id, run_number) in living]


def _living_runs() -> set[tuple[Any, ...]]:
    """Return the advisory locks held on this database, by bot and run number."""
    return set(query(_LIVING, []))


def _number_pair(bot_id: int, run_number: int) -> tuple[int, int]:
    """Return the two 31-bit numbers that name the advisory lock."""
    return bot_id % 2**31, run_number % 2**31
