"""Run one tick of one bot: settle, decide, act.

`run_bot` takes the lease. It is the one place that catches and records every exception, so that none stops a bot for
good. The trading context has the time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from bots import incidents
from bots.incidents import IncidentKind
from bots.models import Action, BotConfig, BotRun, Decision, Status
from bots.trading import execution
from bots.trading.accounting import newest_trade
from bots.trading.assess import Tick, bars_needed
from bots.trading.context import StillPreparing, TradingContext
from bots.trading.decision import decide_bar
from bots.trading.leases import Lease, LeaseLost, claim, release
from bots.trading.reconcile import StillUnknown, settle
from core.sql import insert
from exchange.api.errors import InvalidCredentials, OutcomeUnknown, RateLimited
from exchange.limits.budget import Priority, priority

logger = logging.getLogger(__name__)

Connect = Callable[[BotConfig], TradingContext]

FAILURES_BEFORE_INCIDENT = 3


@dataclass(frozen=True, slots=True)
class TickResult:
    """Hold how a tick ended, for the run log."""

    outcome: BotRun.Outcome
    message: str = ""
    decided_bar: datetime | None = None
    is_failure: bool = False


def run_bot(bot_id: int, connect: Connect, *, even_if_stopped: bool = False) -> TickResult:
    """Run one tick on the market that `connect` opens, whatever the schedule says, and log its result."""
    started = timezone.now()
    lease = claim(bot_id)
    if lease is None:
        return _log(bot_id, started, TickResult(BotRun.Outcome.SKIPPED, "Another run holds this bot's lease."))
    state_fields: dict[str, Any] = {}
    try:
        result = _attempt(lease, connect, even_if_stopped)
        state_fields = _state_after(lease, result)
    finally:
        release(lease, **state_fields)
    return _log(bot_id, started, result)


def _attempt(lease: Lease, connect: Connect, even_if_stopped: bool) -> TickResult:
    """Run a tick and convert any exception to its result."""
    bot = lease.bot
    try:
        return run_tick(lease, connect(bot), even_if_stopped=even_if_stopped)
    except StillPreparing as error:
        return TickResult(BotRun.Outcome.SKIPPED, str(error))
    except LeaseLost as error:
        return TickResult(BotRun.Outcome.SKIPPED, f"Overtaken: {error}.", is_failure=True)
    except (StillUnknown, OutcomeUnknown) as error:
        incidents.report(
            bot,
            IncidentKind.ORDER_IN_DOUBT,
            str(error),
            repair="The next ticks ask the exchange again; no order is sent meanwhile.",
        )
        return TickResult(BotRun.Outcome.SKIPPED, f"Waiting for the exchange: {error}.", is_failure=True)
    except RateLimited as error:
        message = f"The exchange asks to wait {error.retry_after_s:.0f} s."
        return TickResult(BotRun.Outcome.SKIPPED, message, is_failure=True)
    except InvalidCredentials as error:
        repair = "Check the API key's permissions and allowed addresses."
        incidents.report(bot, IncidentKind.CREDENTIALS_REFUSED, str(error), repair=repair)
        return TickResult(BotRun.Outcome.FAILED, str(error), is_failure=True)
    except Exception as error:
        logger.exception("tick failed", extra={"bot": bot.pk})
        return TickResult(BotRun.Outcome.FAILED, f"{type(error).__name__}: {error}", is_failure=True)


def _state_after(lease: Lease, result: TickResult) -> dict[str, Any]:
    """Return the state fields after a run: failures in a row; open or resolve the incidents they stand for."""
    failures = lease.bot.state.failures
    if result.is_failure:
        if failures + 1 >= FAILURES_BEFORE_INCIDENT:
            repair = "The run log has every attempt and its cause."
            incidents.report(lease.bot, IncidentKind.TICKS_FAILING, result.message, repair=repair)
        return {"failures": failures + 1, "last_error": result.message[:500]}
    if failures:
        incidents.resolve(
            lease.bot, IncidentKind.TICKS_FAILING, IncidentKind.CREDENTIALS_REFUSED, IncidentKind.ORDER_IN_DOUBT
        )
    return {"failures": 0, "last_error": ""}


def _log(bot_id: int, started: datetime, result: TickResult) -> TickResult:
    if result.outcome == BotRun.Outcome.SETTLED and not result.message:
        return result  # nothing happened; such rows would bury the others
    duration = (timezone.now() - started).total_seconds()
    message = result.message[:500]
    insert([BotRun(bot_id=bot_id, outcome=result.outcome, message=message, started_at=started, duration_s=duration)])
    return result


def run_tick(lease: Lease, context: TradingContext, *, even_if_stopped: bool = False) -> TickResult:
    """Settle, decide on the newest closed bar if that is still to be done, and act."""
    booked = settle(lease, context)
    latest = newest_trade(lease.bot_id)
    is_holding = latest is not None and latest.closed_at is None
    with priority(Priority.EXIT if is_holding else Priority.NORMAL):
        bot = lease.bot
        klines = context.candles.closed(bot.symbol, bot.timeframe, bars=bars_needed(bot), now_ms=context.now_ms)
        if len(klines) == 0:
            return TickResult(BotRun.Outcome.SETTLED, "The exchange has no closed bar yet.")
        tick = Tick(bot, context, klines, latest)
        decides = even_if_stopped or bot.state.status != Status.STOPPED
        decision = decide_bar(tick, lease, even_if_stopped=even_if_stopped) if decides else None
        act(tick, decision, lease)
    if decision is None:
        return TickResult(BotRun.Outcome.SETTLED, f"{booked} fill(s) booked." if booked else "")
    return TickResult(BotRun.Outcome.DECIDED, _summary(decision), decision.bar)


def _summary(decision: Decision) -> str:
    return f"{decision.bar:%Y-%m-%d %H:%M} {decision.action}" + (f": {decision.reason}" if decision.reason else "")


def act(tick: Tick, decision: Decision | None, lease: Lease) -> None:
    """Carry out what is recorded: an exit first, else the entry, then the protection of the position."""
    trade = tick.open_trade
    if decision is not None and decision.action == Action.ENTER:
        execution.enter(tick, decision, lease)
        trade = execution.open_trade(tick.bot)
    elif trade is not None and (trade.exit_requested or (decision is not None and decision.action == Action.EXIT)):
        execution.close_position(tick, lease)
        return
    if trade is not None:
        execution.protect(tick, trade, lease)
