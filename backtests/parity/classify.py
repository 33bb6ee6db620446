"""Why the bot and the engine differ: the first cause that accounts for it, else UNEXPLAINED.

A cause is named only where the record bears it out: a price that moved must have been traded in that bar, a size must
follow from the price and balance that the bot saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from backtests.engine.buffers import price_units
from backtests.parity.context import EngineExit, ParityContext
from backtests.parity.live_trades import RecordedDecision, RecordedFill, RecordedTrade
from bots.models import Action, OrderState
from bots.strategy import registry
from bots.strategy.types import Candles, Decided, RejectionReason, StrategyAction
from exchange.api.types import OrderType
from exchange.fills import ask_price, bid_price, from_units


class Cause(StrEnum):
    """The closed list of causes. UNEXPLAINED is drift: nothing that TRADING_RULES lets differ accounts for it."""

    LATE_TICK = "The tick came late or was missed"
    INDICATOR_WINDOW = "Last digits of an indicator, whose window is shorter live"
    CANDLES_CHANGED = "The exchange's candles have changed since"
    PRICE_MOVED = "Price or spread moved between the bar's open and the fill"
    INSIDE_BAR = "Within one bar, whose order of prices candles do not tell"
    PARTIAL_FILL = "It filled in several parts at several prices"
    FEE_IN_BNB = "The fee was paid in another asset"
    FEE_RATE = "The account's fee rate was another one"
    STOP_LIMIT = "A STOP_LOSS_LIMIT was used: the symbol has no stop-market order"
    ACCOUNT_LIMIT = "The account's balance, exposure or order limit"
    HALTED = "The kill switch was on or the bot paused"
    BY_HAND = "A person stepped in"
    PARAMETERS_CHANGED = "The bot's parameters were changed meanwhile"
    ORDER_REFUSED = "The exchange refused the order"
    EARLIER_DIFFERENCE = "It follows from an earlier difference"
    UNEXPLAINED = "Unexplained"


@dataclass(frozen=True, slots=True)
class Difference:
    """One disagreement between the bot and the engine about one bar.

    `impact` is what it gained the bot over the engine, in quote; None where that is unknown.
    """

    bar_ms: int
    what: str
    live: str
    engine: str
    cause: Cause
    impact: Decimal | None = None


HIGHEST_FEE = Decimal("0.01")  # no spot account pays more: beyond it is no rate but a fault
ENTRY_DELAY_MS = 1  # an entry in a replay or the demo's past fills this long after the bar's open
LIVE_ONLY = {
    "stale_signal": Cause.LATE_TICK,
    "already_long": Cause.LATE_TICK,
    "halted": Cause.HALTED,
    "order_limit": Cause.ACCOUNT_LIMIT,
    "exposure_limit": Cause.ACCOUNT_LIMIT,
    "insufficient_balance": Cause.ACCOUNT_LIMIT,
    "order_refused": Cause.ORDER_REFUSED,
}
TIME_DEPENDENT = ("outside_schedule", "daily_trade_limit", "daily_loss_limit", "daily_profit_target")


def classify_signal(context: ParityContext, row: int, decision: RecordedDecision) -> Cause:
    """Return why a bar's signal differs."""
    rules = context.rules[decision.version]
    start = max(row + 1 - rules.bars_needed, 0)
    if candles_changed(context, start, row):
        return Cause.CANDLES_CHANGED
    strategy, parameters = registry.get(rules.parameters.strategy), rules.parameters.strategy_params
    window = Candles(*(series[start : row + 1] for series in context.candles))  # type: ignore[arg-type]
    seen = int(strategy.signals(window, parameters)[-1])
    return Cause.INDICATOR_WINDOW if seen == decision.signal else Cause.UNEXPLAINED


def candles_changed(context: ParityContext, first: int, last: int) -> bool:
    """Return True if a recorded close in these rows is not the candle's any more."""
    decisions = (context.decisions.get(row) for row in range(max(first, 0), last + 1))
    closes = context.candles.close
    return any(
        decision is not None and decision.close is not None and decision.close != closes[context.row(decision.bar_ms)]
        for decision in decisions
    )


def agrees(context: ParityContext, decision: RecordedDecision, decided: Decided) -> bool:
    """Return True if a recorded decision on a BUY has the engine's action, quantity and reason."""
    if decided.action == StrategyAction.ENTER:
        step = context.rules[decision.version].engine_settings.step
        return decision.action == Action.ENTER and decision.quantity == from_units(decided.lots * step)
    return decision.action == Action.REFUSED and decision.reason == RejectionReason(decided.gate).name.lower()


def classify_decision(context: ParityContext, row: int, decision: RecordedDecision, decided: Decided) -> Cause:
    """Return why a BUY while flat came to another decision."""
    if decision.action in (Action.REFUSED, Action.HOLD) and decision.reason in LIVE_ONLY:
        return LIVE_ONLY[decision.reason]
    gate = RejectionReason(decided.gate).name.lower()
    if gate == "max_drawdown" and decision.action == Action.ENTER:
        return Cause.BY_HAND
    next_open_ms = int(context.candles.open_time[row + 1])
    if decision.decided_ms - next_open_ms > 60_000 and {decision.reason, gate} & set(TIME_DEPENDENT):
        return Cause.LATE_TICK
    return _classify_sizing(context, row, decision)


def _classify_sizing(context: ParityContext, row: int, decision: RecordedDecision) -> Cause:
    """Decide again at the balance and the price that the bot saw, and see whether they explain it."""
    terms = decision.terms
    if not terms:  # decided before terms were recorded: it paid about what it was sized at
        paid = [one.buys[0].price for one in context.record.trades if one.buys and one.decided_ms == decision.bar_ms]
        terms = {"price": str(paid[0])} if paid else {}
    price = float(terms["price"]) if "price" in terms else None
    free = float(terms["free_quote"]) if "free_quote" in terms else None
    if free is not None and agrees(context, decision, context.decide_buy(row, decision.version, free_quote=free)):
        return Cause.ACCOUNT_LIMIT
    moved = price is not None and price != float(context.ask(row + 1, context.rules[decision.version]))
    if moved and agrees(context, decision, context.decide_buy(row, decision.version, price, free)):
        return Cause.PRICE_MOVED
    return Cause.UNEXPLAINED


def classify_unfilled(decision: RecordedDecision) -> Cause:
    """Return why an entry that both decided on was not filled."""
    if decision.entry_state in (OrderState.REJECTED, OrderState.EXPIRED, OrderState.CANCELED):
        return Cause.ORDER_REFUSED
    if decision.entry_state in (OrderState.CREATED, OrderState.UNKNOWN):
        return Cause.LATE_TICK
    return Cause.UNEXPLAINED


def classify_price(
    context: ParityContext, row: int, fills: Sequence[RecordedFill], expected: Decimal, *, is_limit: bool = False
) -> Cause:
    """Return why fills have another price.

    Only a price that the market traded at in that bar counts as a price that moved.
    """
    if not all(fill.is_sound for fill in fills) or not all(_is_reached(context, fill) for fill in fills):
        return Cause.UNEXPLAINED
    if is_limit and any(fill.price < expected for fill in fills):
        return Cause.UNEXPLAINED  # a limit order never sells under its limit
    if any(fill.order_type == OrderType.STOP_LOSS_LIMIT for fill in fills):
        return Cause.STOP_LIMIT
    return Cause.PARTIAL_FILL if len({fill.price for fill in fills}) > 1 else Cause.PRICE_MOVED


def _is_reached(context: ParityContext, fill: RecordedFill) -> bool:
    """Return True if a fill's price lies within its bar's range, give or take the spread."""
    row, tick = context.row(fill.time_ms), next(iter(context.rules.values())).engine_settings.tick
    low = from_units(bid_price(price_units(context.candles.low[row]), context.spread, tick))
    high = from_units(ask_price(price_units(context.candles.high[row]), context.spread, tick))
    return low <= fill.price <= high


def classify_fee(paid: Decimal, received: Decimal) -> Cause:
    """Return why a fee differs: another fee rate, or unexplained."""
    return Cause.FEE_RATE if 0 <= paid <= received * HIGHEST_FEE else Cause.UNEXPLAINED


def classify_exit(context: ParityContext, trade: RecordedTrade, closed: int | None, engine: EngineExit | None) -> Cause:
    """Return why a position ended in another bar, or for another reason."""
    if trade.exit_reason == "manual":
        return Cause.BY_HAND
    entry = max(context.row(trade.opened_ms), 0)
    until = max(row for row in (closed, engine.row if engine else None, entry) if row is not None)
    rows = range(max(entry, context.first), min(until, context.end - 1))
    if any(context.versions[row] != trade.version for row in range(entry, until + 1)):
        return Cause.PARAMETERS_CHANGED
    if candles_changed(context, entry, until):
        return Cause.CANDLES_CHANGED
    if trade.has_stop_limit:
        return Cause.STOP_LIMIT
    if trade.exit_was_refused:
        return Cause.ORDER_REFUSED
    if _is_inside_bar(context, trade, entry, closed, engine):
        return Cause.INSIDE_BAR
    decisions = [context.decisions.get(row) for row in rows]
    if any(decision is None or decision.is_missed for decision in decisions):
        return Cause.LATE_TICK
    signals = context.rules[trade.version].signal
    if any(
        decision is not None and decision.signal != signals[row] for row, decision in zip(rows, decisions, strict=True)
    ):
        return Cause.EARLIER_DIFFERENCE
    return Cause.UNEXPLAINED


def _is_inside_bar(
    context: ParityContext, trade: RecordedTrade, entry: int, closed: int | None, engine: EngineExit | None
) -> bool:
    """Return True if candles cannot tell the order of events within the bar.

    The bar's extreme came before the entry, or two exits were touched in one bar.
    """
    late_in_bar = trade.opened_ms - int(context.candles.open_time[entry]) > ENTRY_DELAY_MS
    if engine is not None and engine.row == entry and late_in_bar:
        return True
    return engine is not None and closed == engine.row and trade.exit_reason in engine.possible
