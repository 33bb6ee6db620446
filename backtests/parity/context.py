"""The engine's side of the comparison: its own steps, asked from where the bot really stood.

Each decision and each position starts from the bot's real ledger, so that one difference is one row and not the first
of a hundred. What is made of the answers is in compare.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backtests.engine.buffers import EngineSettings, PriceArrays, price_units
from backtests.engine.exits import find_exit
from backtests.engine.loop import NEVER
from backtests.engine.run import MarketData
from backtests.parity.live_trades import ZERO, LiveRecord, RecordedDecision, RecordedTrade
from bots.models import Action
from bots.settings import trading_hours
from bots.settings.run_settings import RunSettings
from bots.strategy import registry
from bots.strategy.decide import decide
from bots.strategy.exits import active_stop, opening_levels, stop_reason, trail_level
from bots.strategy.risk import drawdown_reached
from bots.strategy.types import Candles, Decided, EntryFacts, ExitReason, Funds, Levels, Signal
from core.times import DAY_MS, to_datetime
from exchange.api.types import INTERVAL_MS
from exchange.fills import ask_price, from_units


@dataclass(frozen=True, slots=True)
class VersionRules:
    """One version of the bot as the engine takes it, and its signals over all candles."""

    parameters: RunSettings
    engine_settings: EngineSettings
    signal: NDArray[np.int8]

    @property
    def bars_needed(self) -> int:
        """Return how many bars the bot itself reads for a decision."""
        warmup = registry.get(self.parameters.strategy).warmup_bars(self.parameters.strategy_params)
        return int(max(warmup + 1, self.parameters.cooldown_bars + 2))


@dataclass(frozen=True, slots=True)
class EngineExit:
    """The engine's exit of a position: row, price and reason."""

    row: int
    price: Decimal
    reason: str
    is_maker: bool
    possible: frozenset[str]  # every reason that this bar gave; which came first, candles do not tell


@dataclass(frozen=True)
class ParityContext:
    """All that a comparison needs. Rows are those of `market`'s candles; `first` to `end` (excluded) is compared."""

    market: MarketData
    record: LiveRecord
    rules: dict[int, VersionRules]
    first: int
    end: int
    spread: int  # in units: how far from a trade's price a market order may fill

    @property
    def candles(self) -> Candles:
        return self.market.candles

    @cached_property
    def decisions(self) -> dict[int, RecordedDecision]:
        """Return the recorded decisions by row, without bars that the candles do not have."""
        times = {int(time): row for row, time in enumerate(self.candles.open_time)}
        return {times[decision.bar_ms]: decision for decision in self.record.decisions if decision.bar_ms in times}

    def row(self, time_ms: int) -> int:
        """Return the bar that holds a moment; -1 if that was before the first."""
        return int(np.searchsorted(self.candles.open_time, time_ms, side="right")) - 1

    def close_ms(self, row: int) -> int:
        return int(self.candles.open_time[row]) + INTERVAL_MS[self.market.interval] - 1

    @cached_property
    def versions(self) -> list[int]:
        """Return the version in force at each row's decision: that of the last one recorded until then."""
        version, numbers = self.record.decisions[0].version, []
        for row in range(len(self.candles.open_time)):
            version = self.decisions[row].version if row in self.decisions else version
            numbers.append(version)
        return numbers

    @cached_property
    def held(self) -> dict[int, RecordedTrade]:
        """Return the trades that were open at a row's close, by row."""
        open_trades: dict[int, RecordedTrade] = {}
        for trade in self.record.trades:
            closed = self.end if trade.closed_ms is None else self.row(trade.closed_ms)
            open_trades |= dict.fromkeys(range(max(self.row(trade.opened_ms), 0), closed), trade)
        return open_trades

    def ask(self, row: int, rules: VersionRules) -> Decimal:
        """Return what a market buy pays at a row's open."""
        engine_settings = rules.engine_settings
        return from_units(
            ask_price(price_units(self.candles.open[row]), engine_settings.slippage, engine_settings.tick)
        )

    def decide_buy(
        self, row: int, version: int, price: float | None = None, free_quote: float | None = None
    ) -> Decided:
        """Decide on a BUY at a row's close, flat, from the bot's ledger as it stood then.

        `price` and `free_quote` are the model's unless they are those that the bot saw.
        """
        rules = self.rules[version]
        engine_settings, parameters = rules.engine_settings, rules.parameters
        close_ms, next_open = self.close_ms(row), int(self.candles.open_time[row + 1])
        day = next_open // DAY_MS * DAY_MS
        closed = [trade for trade in self.record.trades if trade.closed_ms is not None and trade.closed_ms <= close_ms]
        net_today = sum((trade.net_pnl for trade in closed if (trade.closed_ms or 0) >= day), ZERO)
        later = sum((trade.net_pnl for trade in self.record.trades if trade.opened_ms > close_ms), ZERO)
        net = self.record.net_pnl - later
        ledger = float(parameters.initial_capital + net)
        facts = EntryFacts(
            is_halted=False,
            is_outside_schedule=not trading_hours.contains(parameters.trading_hours, to_datetime(next_open)),
            is_stale=False,
            bars_since_exit=self._bars_since_exit(closed, row),
            entries_today=sum(day <= trade.opened_ms <= close_ms for trade in self.record.trades),
            net_pnl_today=float(net_today),
            capital_at_day_start=float(parameters.initial_capital + net - net_today),
            drawdown_reached=row in self.halted_rows,
            has_order_room=True,
            exposure_room=math.inf,
        )
        funds = Funds(
            capital=ledger if parameters.compounding else float(parameters.initial_capital),
            ledger_quote=ledger,
            account_quote=ledger if free_quote is None else free_quote,
            price=float(self.ask(row + 1, rules)) if price is None else price,
            fee_rate=engine_settings.fee_rate,
        )
        return decide(Signal.BUY, 0, facts, engine_settings.rule_settings, engine_settings.rules, funds)

    def _bars_since_exit(self, closed: list[RecordedTrade], row: int) -> int:
        exits = [self.row(trade.closed_ms or 0) for trade in closed]
        return row - max(exits) if exits and max(exits) >= 0 else NEVER

    def find_exit(self, entry: int, price: Decimal, rules: VersionRules) -> EngineExit | None:
        """Return the engine's exit of a position bought in row `entry` at `price`; None if it is still open."""
        engine_settings, candles = rules.engine_settings, self.candles
        sells = np.flatnonzero(rules.signal[entry : self.end - 1] == Signal.SELL)
        due = entry + int(sells[0]) + 1 if len(sells) else self.end
        series = PriceArrays(candles.open, candles.high, candles.low)
        row, sale = find_exit(series, entry, due, self.end, float(price), engine_settings)
        if row == self.end:
            return None
        reason = ExitReason(sale.reason).name.lower()
        possible = self._possible(entry, row, float(price), row == due, engine_settings)
        return EngineExit(row, from_units(sale.price), reason, bool(sale.is_maker), possible)

    def _possible(
        self, entry: int, row: int, price: float, is_due: bool, engine_settings: EngineSettings
    ) -> frozenset[str]:
        """Return the exit reasons that a row touched, of a position bought in row `entry`."""
        tick_size, candles = engine_settings.rules.tick_size, self.candles
        levels = opening_levels(engine_settings.rule_settings.exits, price, tick_size)
        highest = max([price, *candles.high[entry:row].tolist()])
        levels = Levels(
            levels.stop, levels.target, trail_level(engine_settings.rule_settings.exits, highest, tick_size)
        )
        stop, target = active_stop(levels) * engine_settings.tick, levels.target * engine_settings.tick
        touched = {
            ExitReason(stop_reason(levels)): stop > 0 and price_units(candles.low[row]) <= stop,
            ExitReason.TAKE_PROFIT: target > 0 and price_units(candles.high[row]) >= target,
            ExitReason.SIGNAL: is_due,
        }
        return frozenset(reason.name.lower() for reason, is_touched in touched.items() if is_touched)

    @cached_property
    def halted_rows(self) -> set[int]:
        """Return the rows at whose close the drawdown limit had been reached (gate 8).

        An entry after such a row means that a person had resumed the bot.
        """
        if not any(rules.parameters.max_drawdown for rules in self.rules.values()):
            return set()
        halted, is_halted = set(), False
        capital = float(self.rules[self.versions[self.first]].parameters.initial_capital)
        peak = max(self.record.peak or capital, capital)
        for row, equity in zip(range(self.first, self.end), self._equities(), strict=True):
            peak = max(peak, equity)
            limit = self.rules[self.versions[row]].engine_settings.rule_settings.risk.max_drawdown
            is_halted = is_halted or drawdown_reached(peak, equity, limit)
            if is_halted:
                halted.add(row)
            decision = self.decisions.get(row)
            if decision is not None and decision.action == Action.ENTER:
                is_halted, peak = False, equity if is_halted else peak
        return halted

    def _equities(self) -> Iterator[float]:
        """Yield the bot's equity at each compared row's close, from its ledger now without the later fills."""
        rules = self.market.rules
        fills = sorted((fill for trade in self.record.trades for fill in trade.fills), key=lambda fill: -fill.time_ms)
        capital = {number: rules.parameters.initial_capital for number, rules in self.rules.items()}
        quote, base, equities = self.record.quote, self.record.base, []
        for row in range(self.end - 1, self.first - 1, -1):
            while fills and fills[0].time_ms > self.close_ms(row):
                moved_base, moved_quote = fills.pop(0).moves(rules.base, rules.quote)
                quote, base = quote - moved_quote, base - moved_base
            put_in = capital[max(capital)] - capital[self.versions[row]]
            equities.append(float(quote - put_in) + float(base) * float(self.candles.close[row]))
        return reversed(equities)
