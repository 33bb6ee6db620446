"""The bot's record against the engine: every decision, entry, exit and cost of a span, and what differs of them.

Why it differs is said in classify.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from backtests.parity import classify
from backtests.parity.causes import Cause, Difference
from backtests.parity.context import Ground
from backtests.parity.live_trades import ZERO, RecordedDecision, RecordedFill, RecordedTrade
from bots.models import Action
from bots.strategy.types import Action as Act
from bots.strategy.types import Decided, RejectionReason, Signal
from core.formats import plain
from exchange.fills import commission, from_units, to_units

SIGNALS = {Signal.BUY: "buy", Signal.SELL: "sell", Signal.NONE: "none"}
PRECISION = Decimal("0.00000001")


def compare(ground: Ground) -> list[Difference]:
    """All differences, oldest first."""
    found = [*_decisions(ground), *_books(ground)]
    for trade in ground.record.trades:
        if trade.fills and (ground.first <= ground.row(trade.opened_ms) or ground.row(_left_ms(trade)) >= ground.first):
            found += [*_entry(ground, trade), *_exit(ground, trade), *_fees(ground, trade)]
    return sorted(found, key=lambda one: one.bar_ms)


def _left_ms(trade: RecordedTrade) -> int:
    return trade.closed_ms if trade.closed_ms is not None else trade.fills[-1].time_ms


def _bar_ms(ground: Ground, row: int) -> int:
    return int(ground.candles.open_time[row])


# --- Decisions --------------------------------------------------------------------------------------------------------


def _decisions(ground: Ground) -> Iterator[Difference]:
    """Each bar: close, signal, action, size. The newest bar's fill is not known yet: it is left for the next time."""
    for decision in ground.record.decisions:
        if ground.first <= ground.row(decision.bar_ms) < ground.end and _row_of(ground, decision) is None:
            yield Difference(decision.bar_ms, "bar", "decided", "no such candle", Cause.CANDLES_CHANGED)
    for row in range(ground.first, ground.end - 1):
        recorded = ground.decisions.get(row)
        if recorded is None or recorded.is_missed:
            yield from _missed(ground, row, recorded)
        else:
            yield from _decided(ground, row, recorded)


def _row_of(ground: Ground, decision: RecordedDecision) -> int | None:
    row = ground.row(decision.bar_ms)
    return row if _bar_ms(ground, row) == decision.bar_ms else None


def _missed(ground: Ground, row: int, decision: RecordedDecision | None) -> Iterator[Difference]:
    """A bar that nobody looked at differs only where there was something to do."""
    live = "no decision on record" if decision is None else "missed"
    version = ground.versions[row]
    signal = ground.rules[version].signal[row]
    if signal == Signal.SELL and row in ground.held:
        yield Difference(_bar_ms(ground, row), "decision", live, "exit", Cause.LATE_TICK)
    if signal == Signal.BUY and row not in ground.held:
        decided = ground.decide_buy(row, version)
        if decided.action == Act.ENTER:
            impact = _forgone(ground, row, version, decided)
            yield Difference(_bar_ms(ground, row), "decision", live, _act(ground, decided), Cause.LATE_TICK, impact)


def _decided(ground: Ground, row: int, decision: RecordedDecision) -> Iterator[Difference]:
    bar_ms, close = decision.bar_ms, float(ground.candles.close[row])
    if decision.close is not None and decision.close != close:
        yield Difference(bar_ms, "close", f"{decision.close:.8g}", f"{close:.8g}", Cause.CANDLES_CHANGED)
    signal = Signal(int(ground.rules[decision.version].signal[row]))
    if decision.signal != signal:
        cause = classify.of_signal(ground, row, decision)
        yield Difference(bar_ms, "signal", SIGNALS[Signal(decision.signal)], SIGNALS[signal], cause)
    elif row in ground.held:
        yield from _while_long(bar_ms, decision, signal)
    elif signal == Signal.BUY:
        yield from _bought(ground, row, decision)
    elif decision.action != Action.WAIT:
        yield Difference(bar_ms, "decision", _words(decision), "wait", Cause.UNEXPLAINED)


def _while_long(bar_ms: int, decision: RecordedDecision, signal: Signal) -> Iterator[Difference]:
    wanted = Action.EXIT if signal == Signal.SELL else Action.HOLD
    if decision.action != wanted:
        yield Difference(bar_ms, "decision", _words(decision), str(wanted), Cause.UNEXPLAINED)


def _bought(ground: Ground, row: int, decision: RecordedDecision) -> Iterator[Difference]:
    """A BUY while flat: was it entered, with how much, or refused for the same reason?"""
    decided = ground.decide_buy(row, decision.version)
    if classify.agrees(ground, decision, decided):
        if decision.action == Action.ENTER and not _was_filled(ground, decision):
            cause = classify.of_unfilled(decision)
            impact = _forgone(ground, row, decision.version, decided)
            yield Difference(decision.bar_ms, "entry", "nothing was bought", _act(ground, decided), cause, impact)
        return
    is_size = decision.action == Action.ENTER and decided.action == Act.ENTER
    cause = classify.of_decision(ground, row, decision, decided)
    entered_alone = decided.action == Act.ENTER and not is_size
    impact = _forgone(ground, row, decision.version, decided) if entered_alone else None
    what = "quantity" if is_size else "decision"
    yield Difference(decision.bar_ms, what, _words(decision), _act(ground, decided), cause, impact)


def _was_filled(ground: Ground, decision: RecordedDecision) -> bool:
    return any(trade.decided_ms == decision.bar_ms for trade in ground.record.trades)


def _forgone(ground: Ground, row: int, version: int, decided: Decided) -> Decimal | None:
    """What an entry that only the engine made came to, the other way round; None where it is still open."""
    rules = ground.rules[version]
    setup, price = rules.setup, ground.ask(row + 1, rules)
    out = ground.way_out(row + 1, price, rules)
    if out is None:
        return None
    bought = decided.lots * setup.step
    sold = (bought - commission(bought, setup.fee)) // setup.step * setup.step
    proceeds = out.price * from_units(sold)
    fee = from_units(commission(to_units(proceeds), setup.maker_fee if out.is_maker else setup.fee))
    return price * from_units(bought) - (proceeds - fee)


def _words(decision: RecordedDecision) -> str:
    if decision.action == Action.ENTER and decision.quantity is not None:
        return f"enter, {plain(decision.quantity)}"
    return f"{decision.action}: {decision.reason}" if decision.action == Action.REFUSED else str(decision.action)


def _act(ground: Ground, decided: Decided) -> str:
    if decided.action == Act.ENTER:
        step = next(iter(ground.rules.values())).setup.step
        return f"enter, {plain(from_units(decided.lots * step))}"
    return f"refused: {RejectionReason(decided.gate).name.lower()}"


# --- Entries and exits ------------------------------------------------------------------------------------------------


def _entry(ground: Ground, trade: RecordedTrade) -> Iterator[Difference]:
    row = ground.row(trade.opened_ms)
    if not ground.first <= row < ground.end:
        return
    bar_ms, live = _bar_ms(ground, row), f"{plain(trade.quantity)} at {_price(trade.paid)}"
    if trade.decided_ms is None:
        yield Difference(bar_ms, "entry", live, "no decision asked for it", Cause.UNEXPLAINED)
        return
    wanted = ground.row(trade.decided_ms) + 1
    if wanted != row:
        due = f"bar {classify.stamp(_bar_ms(ground, wanted))}" if wanted < ground.end else "the bar after the decision"
        yield Difference(bar_ms, "entry", "bought later", f"bought in {due}", Cause.LATE_TICK)
    decision = ground.decisions.get(wanted - 1)
    if decision is not None and decision.quantity is not None and decision.quantity != trade.quantity:
        cause = Cause.PARTIAL_FILL if trade.quantity < decision.quantity else Cause.UNEXPLAINED
        yield Difference(bar_ms, "quantity bought", plain(trade.quantity), plain(decision.quantity), cause)
    price = ground.ask(min(wanted, row), ground.rules[trade.version])
    if _differs(trade.paid, price):
        cause = classify.of_price(ground, row, trade.buys, price)
        impact = (price - trade.paid) * trade.quantity
        yield Difference(bar_ms, "entry price", _price(trade.paid), plain(price), cause, impact)


def _exit(ground: Ground, trade: RecordedTrade) -> Iterator[Difference]:
    """The way out that the engine takes from the bot's own entry, beside the bot's own."""
    entry = ground.row(trade.opened_ms)
    engine = ground.way_out(entry, trade.entry_price, ground.rules[trade.version])
    closed = None if trade.closed_ms is None else ground.row(trade.closed_ms)
    if closed is not None and closed >= ground.end:
        closed = None
    if engine is None and closed is None:
        return
    sold = sum((fill.quantity for fill in trade.sells), ZERO)
    if engine is None or closed is None or (closed, trade.exit_reason) != (engine.row, engine.reason):
        live = "still held" if closed is None else _sale(ground, closed, trade.got, trade.exit_reason)
        wanted = "still held" if engine is None else _sale(ground, engine.row, engine.price, engine.reason)
        impact = (trade.got - engine.price) * sold if engine and closed is not None else None
        row = min(one for one in (closed, engine.row if engine else None) if one is not None)
        cause = classify.of_exit(ground, trade, closed, engine)
        yield Difference(_bar_ms(ground, row), "exit", live, wanted, cause, impact)
    elif _differs(trade.got, engine.price):
        cause = classify.of_price(ground, engine.row, trade.sells, engine.price, is_limit=engine.is_maker)
        impact = (trade.got - engine.price) * sold
        row_ms = _bar_ms(ground, engine.row)
        yield Difference(row_ms, "exit price", _price(trade.got), plain(engine.price), cause, impact)


def _sale(ground: Ground, row: int, price: Decimal, reason: str) -> str:
    return f"{reason.replace('_', ' ')} at {_price(price)}, bar {classify.stamp(_bar_ms(ground, row))}"


def _price(price: Decimal) -> str:
    return plain(price.quantize(PRECISION))


def _differs(live: Decimal, engine: Decimal) -> bool:
    return abs(live - engine) >= PRECISION


# --- Costs and books --------------------------------------------------------------------------------------------------


def _fees(ground: Ground, trade: RecordedTrade) -> Iterator[Difference]:
    """What each side paid, against the engine's fee on the very same fills."""
    setup, market = ground.rules[trade.version].setup, ground.market.rules
    for fills, asset in ((trade.buys, market.base), (trade.sells, market.quote)):
        rate = setup.maker_fee if trade.exit_reason == "take_profit" and asset == market.quote else setup.fee
        inside = [fill for fill in fills if ground.first <= ground.row(fill.time_ms) < ground.end]
        if not inside:
            continue
        fees = [from_units(commission(to_units(_received(fill)), rate)) for fill in inside]
        due = sum(fees, ZERO)
        due_quote = sum((_worth(fill, fee) for fill, fee in zip(inside, fees, strict=True)), ZERO)
        paid_quote = sum((fill.fee_quote for fill in inside), ZERO)
        paid = sum((fill.commission for fill in inside), ZERO)
        others = {fill.commission_asset for fill in inside} - {asset}
        row_ms, impact = _bar_ms(ground, ground.row(inside[0].time_ms)), due_quote - paid_quote
        if others:
            live = f"{plain(paid)} {others.pop()}"
            yield Difference(row_ms, "fee", live, f"{plain(due)} {asset}", Cause.FEE_IN_BNB, impact)
        elif abs(paid - due) > PRECISION * len(inside):
            cause = classify.of_fee(paid, sum((_received(fill) for fill in inside), ZERO))
            yield Difference(row_ms, "fee", f"{plain(paid)} {asset}", f"{plain(due)} {asset}", cause, impact)


def _received(fill: RecordedFill) -> Decimal:
    """What a fill brought, before its fee: base of a buy, quote of a sale."""
    return fill.quantity if fill.is_buy else fill.quote_quantity


def _worth(fill: RecordedFill, fee: Decimal) -> Decimal:
    return fee * fill.price if fill.is_buy else fee


def _books(ground: Ground) -> Iterator[Difference]:
    """The books against their own fills: a trade's result is what its fills did, the ledger what all trades did."""
    record, market = ground.record, ground.market.rules
    for trade in record.trades:
        if not trade.fills or not ground.first <= ground.row(_left_ms(trade)) < ground.end:
            continue
        moved = sum((fill.moves(market.base, market.quote)[1] for fill in trade.fills), ZERO)
        booked = [("net PnL", trade.net_pnl, moved), ("average entry", trade.entry_price, trade.paid)]
        if trade.exit_price is not None:
            booked.append(("average exit", trade.exit_price, trade.got))
        for what, live, by_fills in booked:
            if _differs(live, by_fills):
                row_ms, sum_ = _bar_ms(ground, ground.row(_left_ms(trade))), f"{_price(by_fills)} by its fills"
                yield Difference(row_ms, what, _price(live), sum_, Cause.UNEXPLAINED)
    capital = ground.rules[max(ground.rules)].parameters.initial_capital
    if record.quote != capital + record.net_pnl:
        last_ms = _bar_ms(ground, ground.end - 1)
        yield Difference(last_ms, "ledger", plain(record.quote), plain(capital + record.net_pnl), Cause.UNEXPLAINED)
