"""A bot's record made by hand, without a database: one round trip that is the engine's own.

The strategy is the Donchian breakout over two bars. Half a thousand of quote buys at bar 3, a signal sells at bar 6.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from backtests.engine.run import engine_settings, prepare
from backtests.parity.check import signals
from backtests.parity.context import ParityContext, VersionRules
from backtests.parity.live_trades import LiveRecord, RecordedDecision, RecordedFill, RecordedTrade
from bots.settings.parse import make_settings
from bots.trading.tests.tables import hours, lots
from exchange.symbols.filters import parse_rules

TABLE = """
    100  100  100  100
    100  100  100  100
    100  102  100  102   2 buys
    102  104  101  103   3 entered at 102; buys, while long
    103  104  102  103
    103  103   98   99   5 sells
     99  100   98   99   6 sold at 99
     99  101   99  100
"""
ACTIONS = ("wait", "wait", "enter", "hold", "hold", "exit", "wait")
ENTRY, EXIT = 3, 6
SETTINGS: dict[str, Any] = {
    "strategy": "donchian", "entry_period": 2, "exit_period": 2, "position_size_mode": "fixed", "initial_capital": 1000,
    "position_size_fixed": "500", "fee_rate": "0.001", "slippage_bps": "0",
}  # fmt: skip
BOUGHT, SOLD = Decimal("4.90196"), Decimal("4.89705")


def fill(time_ms: int, price: str, *, is_buy: bool, **changes: Any) -> RecordedFill:
    """Return an execution of the whole order, with the fee of the settings."""
    quantity = BOUGHT if is_buy else SOLD
    worth = Decimal(price) * quantity
    commission = (quantity if is_buy else worth) * Decimal("0.001")
    usual = RecordedFill(
        time_ms=time_ms, is_buy=is_buy, price=Decimal(price), quantity=quantity, quote_quantity=worth,
        commission=commission, commission_asset="BTC" if is_buy else "USDT",
        fee_quote=commission * Decimal(price) if is_buy else commission, order_type="MARKET", is_sound=True,
    )  # fmt: skip
    return replace(usual, **changes)


def context(*, first: int = 0, table: str = TABLE, **settings: Any) -> ParityContext:
    """Return the record with its candles, all rows compared."""
    info = lots("0.00001", "0.00001")
    market = prepare(hours(table), "BTCUSDT", parse_rules(info))
    parameters = make_settings(SETTINGS | settings, symbol="BTCUSDT", interval="1h")
    rules = VersionRules(parameters, engine_settings(market, parameters), signals(market, parameters))
    times = [int(time) for time in market.candles.open_time]
    decisions = tuple(
        RecordedDecision(
            bar_ms=times[row], version=1, action=action, signal=int(rules.signal[row]), reason="",
            close=float(market.candles.close[row]), quantity=BOUGHT if action == "enter" else None, terms={},
            decided_ms=times[row + 1], entry_state="filled" if action == "enter" else "",
        )
        for row, action in enumerate(ACTIONS)
    )  # fmt: skip
    fills = (fill(times[ENTRY] + 1, "102", is_buy=True), fill(times[EXIT] + 1, "99", is_buy=False))
    trade = RecordedTrade(
        opened_ms=times[ENTRY] + 1, closed_ms=times[EXIT] + 1, version=1, quantity=BOUGHT, entry_price=Decimal(102),
        exit_price=Decimal(99), exit_reason="signal", net_pnl=Decimal(0), decided_ms=times[ENTRY - 1],
        exit_was_refused=False, has_stop_limit=False, fills=fills,
    )  # fmt: skip
    record = LiveRecord(decisions, (trade,), {1: {}}, Decimal(0), Decimal(0), Decimal(0), None, False)
    return booked(ParityContext(market, record, {1: rules}, first, len(times), spread=0))


def booked(context: ParityContext) -> ParityContext:
    """Return the context with its ledger and its trade's averages as the fills make them."""
    (trade,) = context.record.trades
    moves = [one.moves("BTC", "USDT") for one in trade.fills]
    net = sum((quote for _, quote in moves), Decimal(0))
    trade = replace(
        trade, net_pnl=net, entry_price=trade.average_entry, exit_price=trade.average_exit if trade.sells else None
    )
    capital = context.rules[1].parameters.initial_capital
    base = sum((base for base, _ in moves), Decimal(0))
    return with_record(context, trades=(trade,), quote=capital + net, net_pnl=net, base=base)


def with_record(context: ParityContext, **changes: Any) -> ParityContext:
    return replace(context, record=replace(context.record, **changes))


def with_decision(context: ParityContext, row: int, **changes: Any) -> ParityContext:
    """Return the context with the decision of a row changed."""
    decisions = list(context.record.decisions)
    decisions[row] = replace(decisions[row], **changes)
    return with_record(context, decisions=tuple(decisions))


def without_decision(context: ParityContext, row: int) -> ParityContext:
    decisions = context.record.decisions
    return with_record(context, decisions=decisions[:row] + decisions[row + 1 :])


def with_trade(context: ParityContext, **changes: Any) -> ParityContext:
    (trade,) = context.record.trades
    return with_record(context, trades=(replace(trade, **changes),))


def with_prices(context: ParityContext, entry: str = "102", exit_: str = "99") -> ParityContext:
    """Return the context as if the bot had filled at other prices."""
    buy, sell = context.record.trades[0].fills
    fills = (fill(buy.time_ms, entry, is_buy=True), fill(sell.time_ms, exit_, is_buy=False))
    return booked(with_trade(context, fills=fills))


def time_of(context: ParityContext, row: int) -> int:
    return int(context.candles.open_time[row])
