"""Record a decision with its missed bars, the new state, and the order that it asks for."""

from __future__ import annotations

from datetime import datetime, timedelta

from bots.models import Action, BotState, Decision, Purpose, Status, Trade
from bots.trading.assess import Assessment, SignalBar, Tick, assess
from bots.trading.entry_facts import ask_quote
from bots.trading.leases import Lease, locked_state
from bots.trading.orders import Draft, record
from bots.versions import current_version
from core.sql import insert, update
from core.times import to_datetime
from exchange.api.types import OrderType, Side
from exchange.models import ApiKey

MAX_MISSED_ROWS = 500  # rows of missed bars written at most after a long silence


def decide_bar(tick: Tick, lease: Lease, *, even_if_stopped: bool) -> Decision | None:
    """Decide on the newest closed bar and record decision and entry in one transaction.

    Return None if the bar is already decided, or the bot was stopped meanwhile.
    """
    if tick.first_undecided(tick.bot.state) >= len(tick.klines):
        return None
    quote = ask_quote(tick.bot, tick.context) if tick.needs_quote else None
    sent_at = tick.context.exchange_time()
    with locked_state(lease) as state:
        if state.last_bar is not None and state.last_bar >= tick.bar.opened_at:
            return None
        if state.status == Status.STOPPED and not even_if_stopped:
            return None  # it was stopped while we asked the exchange
        if quote is not None:
            ApiKey.objects.select_for_update().get(pk=tick.bot.api_key_id)
        first_new = tick.first_undecided(state)
        assessment = assess(tick, state, quote)
        decision = _record_decision(tick, assessment)
        _record_missed(tick, first_new)
        _advance(state, assessment, decision)
        _record_intent(tick, decision, sent_at)
    return decision


def _record_decision(tick: Tick, assessment: Assessment) -> Decision:
    bar, proposal = assessment.bar, assessment.proposal
    decision = Decision(
        bot=tick.bot,
        version=current_version(tick.bot),
        bar=bar.opened_at,
        action=proposal.action,
        signal=bar.signal,
        reason=assessment.reason,
        close=bar.close,
        values=bar.values,
        quantity=proposal.quantity,
        terms=proposal.terms or None,
        equity=assessment.path.equity,
        decided_at=tick.context.now,
        lateness_s=lateness_s(bar, tick.context.now),
    )
    insert([decision])
    return decision


def lateness_s(bar: SignalBar, now: datetime) -> float:
    """Return the seconds from the bar's close to its decision."""
    return max((now - bar.closed_at - timedelta(milliseconds=1)).total_seconds(), 0.0)


def _record_missed(tick: Tick, first_new: int) -> None:
    """Record the bars that closed while no tick ran; they are never traded (rule 1)."""
    klines = tick.klines
    first = max(first_new, len(klines) - 1 - MAX_MISSED_ROWS)
    missed = [
        Decision(
            bot=tick.bot,
            version=current_version(tick.bot),
            bar=to_datetime(int(klines.open_time[index])),
            action=Action.MISSED,
            reason="missed",
            close=float(klines.close[index]),
            decided_at=tick.context.now,
        )
        for index in range(first, len(klines) - 1)
    ]
    if missed:
        Decision.objects.bulk_create(missed, ignore_conflicts=True)


def _advance(state: BotState, assessment: Assessment, decision: Decision) -> None:
    path = assessment.path
    state.last_bar = assessment.bar.opened_at
    state.equity, state.peak_equity, state.drawdown_reached_at = path.equity, path.peak, path.drawdown_reached_at
    state.lateness_s = decision.lateness_s
    update(state, "last_bar", "equity", "peak_equity", "drawdown_reached_at", "lateness_s")


def _record_intent(tick: Tick, decision: Decision, sent_at: datetime) -> None:
    """Record an exit's request or an entry's order, so that it survives a crash."""
    if decision.action == Action.EXIT:
        open_trades = Trade.objects.filter(bot=tick.bot, closed_at__isnull=True, exit_requested="")
        open_trades.update(exit_requested=Trade.Reason.SIGNAL)
    if decision.action == Action.ENTER and decision.quantity is not None:
        draft = Draft(Purpose.ENTRY, Side.BUY, OrderType.MARKET, decision.quantity)
        record(tick.bot, [draft], tick.order_times(sent_at), decision=decision)
