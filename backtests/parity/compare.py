"""Compare the bot's record with the engine: every decision, entry, exit and cost of a period.

Why something differs is decided in classify.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from backtests.parity import classify
from backtests.parity.classify import Cause, Difference
from backtests.parity.context import ParityContext
from backtests.parity.live_trades import ZERO, RecordedDecision, RecordedFill, RecordedTrade
from bots.models import Action
from bots.settings.lot_rules import UNIT
from bots.strategy.types import Decided, RejectionReason, Signal, StrategyAction
from core.formats import plain
from core.times import format_utc, to_datetime
from exchange.fills import commission, from_units, to_units

SIGNALS = {Signal.BUY: "buy", Signal.SELL: "sell", Signal.NONE: "none"}


def compare(context: ParityContext) -> list[Difference]:
    """Return all differences, oldest first."""
    differences = [*_decisions(context), *_books(context)]
    for trade in context.record.trades:
        if trade.fills and (
            context.first <= context.row(trade.opened_ms) or context.row(_left_ms(trade)) >= context.first
        ):
            differences += [*_entry(context, trade), *_exit(context, trade), *_fees(context, trade)]
    return sorted(differences, key=lambda difference: difference.bar_ms)


def _left_ms(trade: RecordedTrade) -> int:
    return trade.closed_ms if trade.closed_ms is not None else trade.fills[-1].time_ms


def _bar_ms(context: ParityContext, row: int) -> int:
    return int(context.candles.open_time[row])


def _decisions(context: ParityContext) -> Iterator[Difference]:
    """Compare each bar's close, signal, action and size.

    The newest bar's fill is not known yet: it is left for the next check.
    """
    for decision in context.record.decisions:
        if context.first <= context.row(decision.bar_ms) < context.end and _row_of(context, decision) is None:
            yield Difference(decision.bar_ms, "bar", "decided", "no such candle", Cause.CANDLES_CHANGED)
    for row in range(context.first, context.end - 1):
        recorded = context.decisions.get(row)
        if recorded is None or recorded.is_missed:
            yield from _missed(context, row, recorded)
        else:
            yield from _decided(context, row, recorded)


def _row_of(context: ParityContext, decision: RecordedDecision) -> int | None:
    row = context.row(decision.bar_ms)
    return row if _bar_ms(context, row) == decision.bar_ms else None


def _missed(context: ParityContext, row: int, decision: RecordedDecision | None) -> Iterator[Difference]:
    """Report a bar without a decision where there was something to do."""
    live = "no decision on record" if decision is None else "missed"
    version = context.versions[row]
    signal = context.rules[version].signal[row]
    if signal == Signal.SELL and row in context.held:
        yield Difference(_bar_ms(context, row), "decision", live, "exit", Cause.LATE_TICK)
    if signal == Signal.BUY and row not in context.held:
        decided = context.decide_buy(row, version)
        if decided.action == StrategyAction.ENTER:
            impact = _forgone(context, row, version, decided)
            yield Difference(_bar_ms(context, row), "decision", live, _act(context, decided), Cause.LATE_TICK, impact)


def _decided(context: ParityContext, row: int, decision: RecordedDecision) -> Iterator[Difference]:
    bar_ms, close = decision.bar_ms, float(context.candles.close[row])
    if decision.close is not None and decision.close != close:
        yield Difference(bar_ms, "close", f"{decision.close:.8g}", f"{close:.8g}", Cause.CANDLES_CHANGED)
    signal = Signal(int(context.rules[decision.version].signal[row]))
    if decision.signal != signal:
        cause = classify.classify_signal(context, row, decision)
        yield Difference(bar_ms, "signal", SIGNALS[Signal(decision.signal)], SIGNALS[signal], cause)
    elif row in context.held:
        yield from _while_long(bar_ms, decision, signal)
    elif signal == Signal.BUY:
        yield from _bought(context, row, decision)
    elif decision.action != Action.WAIT:
        yield Difference(bar_ms, "decision", _decision_text(decision), "wait", Cause.UNEXPLAINED)


def _while_long(bar_ms: int, decision: RecordedDecision, signal: Signal) -> Iterator[Difference]:
    expected = Action.EXIT if signal == Signal.SELL else Action.HOLD
    if decision.action != expected:
        yield Difference(bar_ms, "decision", _decision_text(decision), str(expected), Cause.UNEXPLAINED)


def _bought(context: ParityContext, row: int, decision: RecordedDecision) -> Iterator[Difference]:
    """Compare a BUY while flat: entered or not, with which quantity, rejected for which reason."""
    decided = context.decide_buy(row, decision.version)
    if classify.agrees(context, decision, decided):
        if decision.action == Action.ENTER and not _was_filled(context, decision):
            cause = classify.classify_unfilled(decision)
            impact = _forgone(context, row, decision.version, decided)
            yield Difference(decision.bar_ms, "entry", "nothing was bought", _act(context, decided), cause, impact)
        return
    is_size = decision.action == Action.ENTER and decided.action == StrategyAction.ENTER
    cause = classify.classify_decision(context, row, decision, decided)
    entered_alone = decided.action == StrategyAction.ENTER and not is_size
    impact = _forgone(context, row, decision.version, decided) if entered_alone else None
    what = "quantity" if is_size else "decision"
    yield Difference(decision.bar_ms, what, _decision_text(decision), _act(context, decided), cause, impact)


def _was_filled(context: ParityContext, decision: RecordedDecision) -> bool:
    return any(trade.decided_ms == decision.bar_ms for trade in context.record.trades)


def _forgone(context: ParityContext, row: int, version: int, decided: Decided) -> Decimal | None:
    """Return the missed profit, with the sign turned, of an entry that only the engine made.

    None while that position is still open.
    """
    rules = context.rules[version]
    engine_settings, price = rules.engine_settings, context.ask(row + 1, rules)
    engine_exit = context.find_exit(row + 1, price, rules)
    if engine_exit is None:
        return None
    bought = decided.lots * engine_settings.step
    sold = (bought - commission(bought, engine_settings.fee)) // engine_settings.step * engine_settings.step
    proceeds = engine_exit.price * from_units(sold)
    fee = from_units(
        commission(to_units(proceeds), engine_settings.maker_fee if engine_exit.is_maker else engine_settings.fee)
    )
    return price * from_units(bought) - (proceeds - fee)


def _decision_text(decision: RecordedDecision) -> str:
    if decision.action == Action.ENTER and decision.quantity is not None:
        return f"enter, {plain(decision.quantity)}"
    return f"{decision.action}: {decision.reason}" if decision.action == Action.REFUSED else str(decision.action)


def _act(context: ParityContext, decided: Decided) -> str:
    if decided.action == StrategyAction.ENTER:
        step = next(iter(context.rules.values())).engine_settings.step
        return f"enter, {plain(from_units(decided.lots * step))}"
    return f"refused: {RejectionReason(decided.gate).name.lower()}"


def _entry(context: ParityContext, trade: RecordedTrade) -> Iterator[Difference]:
    row = context.row(trade.opened_ms)
    if not context.first <= row < context.end:
        return
    bar_ms, live = _bar_ms(context, row), f"{plain(trade.quantity)} at {_price(trade.average_entry)}"
    if trade.decided_ms is None:
        yield Difference(bar_ms, "entry", live, "no decision asked for it", Cause.UNEXPLAINED)
        return
    expected_row = context.row(trade.decided_ms) + 1
    if expected_row != row:
        due = (
            f"bar {format_utc(to_datetime(_bar_ms(context, expected_row)))}"
            if expected_row < context.end
            else "the bar after the decision"
        )
        yield Difference(bar_ms, "entry", "bought later", f"bought in {due}", Cause.LATE_TICK)
    decision = context.decisions.get(expected_row - 1)
    if decision is not None and decision.quantity is not None and decision.quantity != trade.quantity:
        cause = Cause.PARTIAL_FILL if trade.quantity < decision.quantity else Cause.UNEXPLAINED
        yield Difference(bar_ms, "quantity bought", plain(trade.quantity), plain(decision.quantity), cause)
    price = context.ask(min(expected_row, row), context.rules[trade.version])
    if _differs(trade.average_entry, price):
        cause = classify.classify_price(context, row, trade.buys, price)
        impact = (price - trade.average_entry) * trade.quantity
        yield Difference(bar_ms, "entry price", _price(trade.average_entry), plain(price), cause, impact)


def _exit(context: ParityContext, trade: RecordedTrade) -> Iterator[Difference]:
    """Compare the exit that the engine takes from the bot's own entry with the bot's exit."""
    entry = context.row(trade.opened_ms)
    engine = context.find_exit(entry, trade.entry_price, context.rules[trade.version])
    closed = None if trade.closed_ms is None else context.row(trade.closed_ms)
    if closed is not None and closed >= context.end:
        closed = None
    if engine is None and closed is None:
        return
    sold = sum((fill.quantity for fill in trade.sells), ZERO)
    if engine is None or closed is None or (closed, trade.exit_reason) != (engine.row, engine.reason):
        live = "still held" if closed is None else _sale(context, closed, trade.average_exit, trade.exit_reason)
        expected = "still held" if engine is None else _sale(context, engine.row, engine.price, engine.reason)
        impact = (trade.average_exit - engine.price) * sold if engine and closed is not None else None
        row = min(candidate for candidate in (closed, engine.row if engine else None) if candidate is not None)
        cause = classify.classify_exit(context, trade, closed, engine)
        yield Difference(_bar_ms(context, row), "exit", live, expected, cause, impact)
    elif _differs(trade.average_exit, engine.price):
        cause = classify.classify_price(context, engine.row, trade.sells, engine.price, is_limit=engine.is_maker)
        impact = (trade.average_exit - engine.price) * sold
        row_ms = _bar_ms(context, engine.row)
        yield Difference(row_ms, "exit price", _price(trade.average_exit), plain(engine.price), cause, impact)


def _sale(context: ParityContext, row: int, price: Decimal, reason: str) -> str:
    return f"{reason.replace('_', ' ')} at {_price(price)}, bar {format_utc(to_datetime(_bar_ms(context, row)))}"


def _price(price: Decimal) -> str:
    return plain(price.quantize(UNIT))


def _differs(live: Decimal, engine: Decimal) -> bool:
    return abs(live - engine) >= UNIT


def _fees(context: ParityContext, trade: RecordedTrade) -> Iterator[Difference]:
    """Compare what each side paid with the engine's fee on the same fills."""
    engine_settings, market = context.rules[trade.version].engine_settings, context.market.rules
    for fills, asset in ((trade.buys, market.base), (trade.sells, market.quote)):
        rate = (
            engine_settings.maker_fee
            if trade.exit_reason == "take_profit" and asset == market.quote
            else engine_settings.fee
        )
        compared = [fill for fill in fills if context.first <= context.row(fill.time_ms) < context.end]
        if not compared:
            continue
        fees = [from_units(commission(to_units(_received(fill)), rate)) for fill in compared]
        due = sum(fees, ZERO)
        due_quote = sum((_worth(fill, fee) for fill, fee in zip(compared, fees, strict=True)), ZERO)
        paid_quote = sum((fill.fee_quote for fill in compared), ZERO)
        paid = sum((fill.commission for fill in compared), ZERO)
        others = {fill.commission_asset for fill in compared} - {asset}
        row_ms, impact = _bar_ms(context, context.row(compared[0].time_ms)), due_quote - paid_quote
        if others:
            live = f"{plain(paid)} {others.pop()}"
            yield Difference(row_ms, "fee", live, f"{plain(due)} {asset}", Cause.FEE_IN_BNB, impact)
        elif abs(paid - due) > UNIT * len(compared):
            cause = classify.classify_fee(paid, sum((_received(fill) for fill in compared), ZERO))
            yield Difference(row_ms, "fee", f"{plain(paid)} {asset}", f"{plain(due)} {asset}", cause, impact)


def _received(fill: RecordedFill) -> Decimal:
    """Return what a fill brought, before its fee: base of a buy, quote of a sale."""
    return fill.quantity if fill.is_buy else fill.quote_quantity


def _worth(fill: RecordedFill, fee: Decimal) -> Decimal:
    return fee * fill.price if fill.is_buy else fee


def _books(context: ParityContext) -> Iterator[Difference]:
    """Compare the books with their own fills: a trade's result, and the ledger after all trades."""
    record, market = context.record, context.market.rules
    for trade in record.trades:
        if not trade.fills or not context.first <= context.row(_left_ms(trade)) < context.end:
            continue
        moved = sum((fill.moves(market.base, market.quote)[1] for fill in trade.fills), ZERO)
        booked = [("net PnL", trade.net_pnl, moved), ("average entry", trade.entry_price, trade.average_entry)]
        if trade.exit_price is not None:
            booked.append(("average exit", trade.exit_price, trade.average_exit))
        for what, live, by_fills in booked:
            if _differs(live, by_fills):
                row_ms, sum_ = _bar_ms(context, context.row(_left_ms(trade))), f"{_price(by_fills)} by its fills"
                yield Difference(row_ms, what, _price(live), sum_, Cause.UNEXPLAINED)
    capital = context.rules[max(context.rules)].parameters.initial_capital
    if record.quote != capital + record.net_pnl:
        last_ms = _bar_ms(context, context.end - 1)
        yield Difference(last_ms, "ledger", plain(record.quote), plain(capital + record.net_pnl), Cause.UNEXPLAINED)
