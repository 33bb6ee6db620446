"""One tick of one bot: settle, decide, act.

`run_bot` is the edge: it takes the lease, and it is the one place that catches whatever a tick may raise and records
it, so that nothing stops a bot for good. Time comes in with the desk.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from django.utils import timezone

from bots import incidents
from bots.control import lifecycle
from bots.incidents import Kind
from bots.models import (
    Action,
    BotConfig,
    BotConfigVersion,
    BotRun,
    BotState,
    Decision,
    Order,
    Purpose,
    Status,
    Trade,
)
from bots.trading import decision as snapshot
from bots.trading import execution
from bots.trading.accounting import moment
from bots.trading.context import TradingContext, open_context
from bots.trading.leases import Lease, LeaseLost, claim, locked_state, release
from bots.trading.orders import UNSETTLED, Draft, record
from bots.trading.reconcile import StillUnknown, settle
from bots.trading.sql import newest_trade
from core.sql import insert, update
from exchange.api.errors import (
    InsufficientBalance,
    InvalidCredentials,
    OutcomeUnknown,
    RateLimited,
    RequestRejected,
)
from exchange.api.types import Klines, OrderType, Side
from exchange.limits.budget import Priority, priority
from exchange.models import ApiKey

logger = logging.getLogger(__name__)

MISSED_KEPT = 500  # rows of missed bars written at most after a long silence
FAILURES_BEFORE_INCIDENT = 3


@dataclass(frozen=True, slots=True)
class Tick:
    """What a tick came to, for the run log."""

    outcome: BotRun.Outcome
    message: str = ""
    decided_bar: datetime | None = None
    is_failure: bool = False


def run_bot(bot_id: int, *, desk: TradingContext | None = None, even_if_stopped: bool = False) -> Tick:
    """Run one tick, whatever the schedule says, and put what came of it into the run log."""
    started = timezone.now()
    held = claim(bot_id)
    if held is None:
        return _log(bot_id, started, Tick(BotRun.Outcome.SKIPPED, "Another run holds this bot's lease."))
    results: dict[str, Any] = {}
    try:
        result = _attempt(held, desk, even_if_stopped)
        results = _standing(held, result)
    finally:
        release(held, **results)
    return _log(bot_id, started, result)


def _attempt(held: Lease, desk: TradingContext | None, even_if_stopped: bool) -> Tick:
    """One tick, with everything it may raise turned into what it came to."""
    bot = held.bot
    if desk is None and bot.state.status == Status.PREPARING:
        return Tick(BotRun.Outcome.SKIPPED, "Its past is being made; today's market must not reach into it.")
    try:
        return tick(bot, desk or open_context(bot), held, even_if_stopped=even_if_stopped)
    except LeaseLost as error:
        return Tick(BotRun.Outcome.SKIPPED, f"Overtaken: {error}.", is_failure=True)
    except (StillUnknown, OutcomeUnknown) as error:
        incidents.report(
            bot,
            Kind.ORDER_IN_DOUBT,
            str(error),
            repair="The next ticks ask the exchange again; no order is sent meanwhile.",
        )
        return Tick(BotRun.Outcome.SKIPPED, f"Waiting for the exchange: {error}.", is_failure=True)
    except RateLimited as error:
        message = f"The exchange asks to wait {error.retry_after_s:.0f} s."
        return Tick(BotRun.Outcome.SKIPPED, message, is_failure=True)
    except InvalidCredentials as error:
        incidents.report(
            bot, Kind.CREDENTIALS_REFUSED, str(error), repair="Check the API key's permissions and allowed addresses."
        )
        return Tick(BotRun.Outcome.FAILED, str(error), is_failure=True)
    except Exception as error:
        logger.exception("tick failed", extra={"bot": bot.pk})
        return Tick(BotRun.Outcome.FAILED, f"{type(error).__name__}: {error}", is_failure=True)


def _standing(held: Lease, result: Tick) -> dict[str, Any]:
    """How the bot stands after a run: failures in a row, and the incidents that they open or close."""
    failures = held.bot.state.failures
    if result.is_failure:
        if failures + 1 >= FAILURES_BEFORE_INCIDENT:
            incidents.report(
                held.bot, Kind.TICKS_FAILING, result.message, repair="The run log has every attempt and its cause."
            )
        return {"failures": failures + 1, "last_error": result.message[:500]}
    if failures:
        incidents.over(held.bot, Kind.TICKS_FAILING, Kind.CREDENTIALS_REFUSED, Kind.ORDER_IN_DOUBT)
    return {"failures": 0, "last_error": ""}


def _log(bot_id: int, started: datetime, result: Tick) -> Tick:
    if result.outcome == BotRun.Outcome.SETTLED and not result.message:
        return result  # nothing happened; a row each minute would bury what did
    duration = (timezone.now() - started).total_seconds()
    message = result.message[:500]
    insert([BotRun(bot_id=bot_id, outcome=result.outcome, message=message, started_at=started, duration_s=duration)])
    return result


def tick(bot: BotConfig, desk: TradingContext, held: Lease, *, even_if_stopped: bool = False) -> Tick:
    """Settle, decide on the newest closed bar if that is still to be done, and act."""
    version = lifecycle.current_version(bot)
    booked = settle(bot, desk, held)
    latest = newest_trade(bot.pk)
    with priority(Priority.EXIT if latest is not None and latest.closed_at is None else Priority.NORMAL):
        return _tick_settled(bot, version, desk, held, latest, booked, even_if_stopped)


def _tick_settled(
    bot: BotConfig,
    version: BotConfigVersion,
    desk: TradingContext,
    held: Lease,
    latest: Trade | None,
    booked: int,
    even_if_stopped: bool,
) -> Tick:
    """The rest of a tick, its requests counted as an exit's while a position is held."""
    klines = desk.candles.closed(bot.symbol, bot.timeframe, bars=snapshot.bars_needed(bot), now_ms=desk.now_ms)
    if len(klines) == 0:
        return Tick(BotRun.Outcome.SETTLED, "The exchange has no closed bar yet.")
    decides = even_if_stopped or bot.state.status != Status.STOPPED
    decision = _decide(bot, version, klines, desk, held, latest, even_if_stopped) if decides else None
    if decision is not None or latest is not None:
        act(bot, version, decision, klines, desk, held, latest)
    if decision is None:
        return Tick(BotRun.Outcome.SETTLED, f"{booked} fill(s) booked." if booked else "")
    return Tick(BotRun.Outcome.DECIDED, _summary(decision), decision.bar)


def _summary(decision: Decision) -> str:
    return f"{decision.bar:%Y-%m-%d %H:%M} {decision.action}" + (f": {decision.reason}" if decision.reason else "")


# --- Decide -----------------------------------------------------------------------------------------------------------


def _decide(
    bot: BotConfig,
    version: BotConfigVersion,
    klines: Klines,
    desk: TradingContext,
    held: Lease,
    latest: Trade | None,
    even_if_stopped: bool,
) -> Decision | None:
    """Decide on the newest closed bar and put the decision, and the entry it asks for, on record in one transaction."""
    first_new = _first_new(bot.state, klines)
    if first_new >= len(klines):
        return None
    bar = snapshot.read_bar(bot, klines)
    was_long = latest is not None and snapshot.was_held(latest, bar.closed_at)
    quote = snapshot.ask_quote(bot, desk) if bar.signal > 0 and not was_long else None
    sent_at = desk.exchange_time()
    with locked_state(held) as locked:
        if locked.last_bar is not None and locked.last_bar >= bar.opened_at:
            return None
        if locked.status == Status.STOPPED and not even_if_stopped:
            return None  # a person stopped it while we were asking the exchange
        if quote is not None:
            ApiKey.objects.select_for_update().get(pk=bot.api_key_id)
        ledger = snapshot.ledger_since(locked, moment(klines.close_time_ms(first_new)), desk.rules, latest)
        path = snapshot.walk_equity(bot, locked, ledger, klines, first_new)
        verdict = snapshot.judge(bot, locked, bar, was_long, klines, path, desk, quote)
        if verdict.action == Action.ENTER and _has_entered(bot, latest):
            verdict = snapshot.Verdict(Action.HOLD, reason="already_long")
        decision = _record_decision(bot, version, bar, verdict, path.equity, desk, klines)
        _record_missed(bot, version, klines, first_new, desk)
        _advance(locked, bar, path, decision)
        _record_intent(bot, version, decision, verdict, desk, sent_at)
    return decision


def _has_entered(bot: BotConfig, latest: Trade | None) -> bool:
    """Whether an entry of an earlier bar filled after the decided bar's close, or is still at work."""
    is_open = latest is not None and latest.closed_at is None
    return is_open or Order.objects.filter(bot=bot, purpose=Purpose.ENTRY, state__in=UNSETTLED).exists()


def _first_new(state: BotState, klines: Klines) -> int:
    """Index of the first bar that closed since the last decision; a new bot begins with the newest."""
    if state.last_bar is None:
        return len(klines) - 1
    return int(np.searchsorted(klines.open_time, round(state.last_bar.timestamp() * 1000), side="right"))


def _record_decision(
    bot: BotConfig,
    version: BotConfigVersion,
    bar: snapshot.Bar,
    verdict: snapshot.Verdict,
    equity: float,
    desk: TradingContext,
    klines: Klines,
) -> Decision:
    is_warming_up = not bar.signal and len(klines) <= snapshot.warmup_bars(bot)
    decision = Decision(
        bot=bot,
        version=version,
        bar=bar.opened_at,
        action=verdict.action,
        signal=bar.signal,
        reason="warming_up" if is_warming_up else verdict.reason,
        close=bar.close,
        values=bar.values,
        quantity=verdict.quantity,
        terms=verdict.terms or None,
        equity=equity,
        decided_at=desk.now,
        lateness_s=snapshot.wall_lateness_s(bar, desk.now),
    )
    insert([decision])
    return decision


def _record_missed(
    bot: BotConfig, version: BotConfigVersion, klines: Klines, first_new: int, desk: TradingContext
) -> None:
    """Bars that closed while nobody looked: on record, never traded (rule 1)."""
    first = max(first_new, len(klines) - 1 - MISSED_KEPT)
    missed = [
        Decision(
            bot=bot,
            version=version,
            bar=moment(int(klines.open_time[index])),
            action=Action.MISSED,
            reason="missed",
            close=float(klines.close[index]),
            decided_at=desk.now,
        )
        for index in range(first, len(klines) - 1)
    ]
    if missed:
        Decision.objects.bulk_create(missed, ignore_conflicts=True)


def _advance(state: BotState, bar: snapshot.Bar, path: snapshot.EquityPath, decision: Decision) -> None:
    state.last_bar = bar.opened_at
    state.equity, state.peak_equity, state.drawdown_reached_at = path.equity, path.peak, path.reached_at
    state.lateness_s = decision.lateness_s
    update(state, "last_bar", "equity", "peak_equity", "drawdown_reached_at", "lateness_s")


def _record_intent(
    bot: BotConfig,
    version: BotConfigVersion,
    decision: Decision,
    verdict: snapshot.Verdict,
    desk: TradingContext,
    sent_at: datetime,
) -> None:
    """What must not be forgotten whatever dies next: an exit's wish, an entry's order."""
    if decision.action == Action.EXIT:
        Trade.objects.filter(bot=bot, closed_at__isnull=True, exit_wanted="").update(exit_wanted=Trade.Reason.SIGNAL)
    if decision.action == Action.ENTER and verdict.quantity is not None:
        draft = Draft(Purpose.ENTRY, Side.BUY, OrderType.MARKET, verdict.quantity)
        record(bot, version, [draft], bar=decision.bar, now=desk.now, sent_at=sent_at, decision=decision)


# --- Act --------------------------------------------------------------------------------------------------------------


def act(
    bot: BotConfig,
    version: BotConfigVersion,
    decision: Decision | None,
    klines: Klines,
    desk: TradingContext,
    held: Lease,
    latest: Trade | None,
) -> None:
    """Carry out what is on record: exits first, then the entry, then the protection of what is held."""
    bar = moment(int(klines.open_time[-1]))
    if decision is not None and decision.action == Action.ENTER:
        _enter(decision, desk, held)
        latest = execution.open_trade(bot)
    elif latest is None or latest.closed_at is not None:
        return
    elif latest.exit_wanted or (decision is not None and decision.action == Action.EXIT):
        execution.sell_out(bot, version, desk, held, bar)
        return
    execution.protect(bot, version, latest, klines, desk, held, bar)


def _enter(decision: Decision, desk: TradingContext, held: Lease) -> None:
    order = Order.objects.get(decision=decision, purpose=Purpose.ENTRY)
    try:
        execution.send(order, desk, held)
    except InsufficientBalance:
        _refuse(decision, "insufficient_balance", held)
    except RequestRejected as error:
        _refuse(decision, "order_refused", held)
        incidents.report(
            decision.bot, Kind.ENTRY_REFUSED, str(error), repair="Compare the bot's size with the symbol's filters."
        )


def _refuse(decision: Decision, reason: str, held: Lease) -> None:
    """The exchange said no: the bot waits for its next signal."""
    decision.action, decision.reason = Action.REFUSED, reason
    with locked_state(held):
        decision.save(update_fields=["action", "reason"])
