"""The engine's side: candles, rules and settings as it takes them, and its own steps asked from the bot's own books.

Each decision and each position is judged from where the bot really stood, so that one difference is one row and not the
first of a hundred. What is made of the answers is in compare.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backtests.engine.buffers import Series, Setup, price_units
from backtests.engine.exits import way_out
from backtests.engine.loop import NEVER
from backtests.engine.run import Market
from backtests.parity.live_trades import ZERO, Record, RecordedDecision, RecordedTrade
from backtests.runs.inputs import utc
from bots.models import Action
from bots.settings import trading_hours
from bots.settings.run_settings import RunSettings
from bots.strategy import registry
from bots.strategy.decide import decide
from bots.strategy.exits import force, opening_levels, stop_reason, trail_level
from bots.strategy.risk import drawdown_reached
from bots.strategy.types import Candles, Decided, EntryFacts, ExitReason, Funds, Levels, Signal
from exchange.api.types import INTERVAL_MS
from exchange.fills import ask_price, from_units

DAY_MS = INTERVAL_MS["1d"]


@dataclass(frozen=True, slots=True)
class Rules:
    """One version of the bot as the engine takes it, and its signals over all candles."""

    parameters: RunSettings
    setup: Setup
    signal: NDArray[np.int8]

    @property
    def bars_needed(self) -> int:
        """How many bars the bot itself reads for a decision."""
        warmup = registry.get(self.parameters.strategy).warmup_bars(self.parameters.strategy_params)
        return int(max(warmup + 1, self.parameters.cooldown_bars + 2))


@dataclass(frozen=True, slots=True)
class Exit:
    """How the engine ends a position: in which row, at what price, why."""

    row: int
    price: Decimal
    reason: str
    is_maker: bool
    possible: frozenset[str]  # every reason that this bar gave; which came first, candles do not tell


@dataclass(frozen=True)
class Ground:
    """What a comparison stands on. Rows are those of `market`'s candles; `first` to `end` (excluded) is compared."""

    market: Market
    record: Record
    rules: dict[int, Rules]
    first: int
    end: int
    spread: int  # in units: how far from a trade's price a market order may fill

    @property
    def candles(self) -> Candles:
        return self.market.candles

    @cached_property
    def decisions(self) -> dict[int, RecordedDecision]:
        """The recorded decisions by row; bars that the candles do not have are left out."""
        times = {int(time): row for row, time in enumerate(self.candles.open_time)}
        return {times[one.bar_ms]: one for one in self.record.decisions if one.bar_ms in times}

    def row(self, time_ms: int) -> int:
        """The bar that holds a moment; -1 where that was before the first."""
        return int(np.searchsorted(self.candles.open_time, time_ms, side="right")) - 1

    def close_ms(self, row: int) -> int:
        return int(self.candles.open_time[row]) + INTERVAL_MS[self.market.interval] - 1

    @cached_property
    def versions(self) -> list[int]:
        """The version in force at each row's decision: that of the last one recorded until then."""
        version, found = self.record.decisions[0].version, []
        for row in range(len(self.candles.open_time)):
            version = self.decisions[row].version if row in self.decisions else version
            found.append(version)
        return found

    @cached_property
    def held(self) -> dict[int, RecordedTrade]:
        """The trade that was open at a row's close, where there was one."""
        found: dict[int, RecordedTrade] = {}
        for trade in self.record.trades:
            closed = self.end if trade.closed_ms is None else self.row(trade.closed_ms)
            found |= dict.fromkeys(range(max(self.row(trade.opened_ms), 0), closed), trade)
        return found

    # --- The engine's steps -------------------------------------------------------------------------------------------

    def ask(self, row: int, rules: Rules) -> Decimal:
        """What a market buy pays at a row's open."""
        setup = rules.setup
        return from_units(ask_price(price_units(self.candles.open[row]), setup.slippage, setup.tick))

    def decide_buy(
        self, row: int, version: int, price: float | None = None, free_quote: float | None = None
    ) -> Decided:
        """What the engine does about a BUY at a row's close, flat, from the bot's books as they stood then.

        `price` and `free_quote` are the model's unless they are those that the bot saw.
        """
        rules = self.rules[version]
        setup, parameters = rules.setup, rules.parameters
        close_ms, next_open = self.close_ms(row), int(self.candles.open_time[row + 1])
        day = next_open // DAY_MS * DAY_MS
        closed = [trade for trade in self.record.trades if trade.closed_ms is not None and trade.closed_ms <= close_ms]
        net_today = sum((trade.net_pnl for trade in closed if (trade.closed_ms or 0) >= day), ZERO)
        later = sum((trade.net_pnl for trade in self.record.trades if trade.opened_ms > close_ms), ZERO)
        net = self.record.net_pnl - later
        ledger = float(parameters.initial_capital + net)
        facts = EntryFacts(
            is_halted=False,
            is_outside_schedule=not trading_hours.contains(parameters.trading_hours, utc(next_open)),
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
            fee_rate=setup.fee_rate,
        )
        return decide(Signal.BUY, 0, facts, setup.settings, setup.rules, funds)

    def _bars_since_exit(self, closed: list[RecordedTrade], row: int) -> int:
        exits = [self.row(trade.closed_ms or 0) for trade in closed]
        return row - max(exits) if exits and max(exits) >= 0 else NEVER

    def way_out(self, entry: int, price: Decimal, rules: Rules) -> Exit | None:
        """How the engine ends a position bought in row `entry` at `price`; None where it still holds it at the end."""
        setup, candles = rules.setup, self.candles
        sells = np.flatnonzero(rules.signal[entry : self.end - 1] == Signal.SELL)
        due = entry + int(sells[0]) + 1 if len(sells) else self.end
        series = Series(candles.open, candles.high, candles.low)
        row, sale = way_out(series, entry, due, self.end, float(price), setup)
        if row == self.end:
            return None
        reason = ExitReason(sale.reason).name.lower()
        possible = self._possible(entry, row, float(price), row == due, setup)
        return Exit(row, from_units(sale.price), reason, bool(sale.is_maker), possible)

    def _possible(self, entry: int, row: int, price: float, is_due: bool, setup: Setup) -> frozenset[str]:
        """The ways out that a row touched, of a position bought in row `entry`."""
        tick_size, candles = setup.rules.tick_size, self.candles
        levels = opening_levels(setup.settings.exits, price, tick_size)
        highest = max([price, *candles.high[entry:row].tolist()])
        levels = Levels(levels.stop, levels.target, trail_level(setup.settings.exits, highest, tick_size))
        stop, target = force(levels) * setup.tick, levels.target * setup.tick
        touched = {
            ExitReason(stop_reason(levels)): stop > 0 and price_units(candles.low[row]) <= stop,
            ExitReason.TAKE_PROFIT: target > 0 and price_units(candles.high[row]) >= target,
            ExitReason.SIGNAL: is_due,
        }
        return frozenset(reason.name.lower() for reason, is_touched in touched.items() if is_touched)

    # --- Drawdown -----------------------------------------------------------------------------------------------------

    @cached_property
    def halted_rows(self) -> set[int]:
        """Rows at whose close the drawdown limit had been reached (gate 8). An entry after it: a person had resumed."""
        if not any(rules.parameters.max_drawdown for rules in self.rules.values()):
            return set()
        halted, is_halted = set(), False
        capital = float(self.rules[self.versions[self.first]].parameters.initial_capital)
        peak = max(self.record.peak or capital, capital)
        for row, equity in zip(range(self.first, self.end), self._equities(), strict=True):
            peak = max(peak, equity)
            limit = self.rules[self.versions[row]].setup.settings.risk.max_drawdown
            is_halted = is_halted or drawdown_reached(peak, equity, limit)
            if is_halted:
                halted.add(row)
            decision = self.decisions.get(row)
            if decision is not None and decision.action == Action.ENTER:
                is_halted, peak = False, equity if is_halted else peak
        return halted

    def _equities(self) -> Iterator[float]:
        """The bot's equity at each compared row's close: its ledger now, without what was filled later."""
        rules = self.market.rules
        fills = sorted((fill for trade in self.record.trades for fill in trade.fills), key=lambda fill: -fill.time_ms)
        capital = {number: rules.parameters.initial_capital for number, rules in self.rules.items()}
        quote, base, found = self.record.quote, self.record.base, []
        for row in range(self.end - 1, self.first - 1, -1):
            while fills and fills[0].time_ms > self.close_ms(row):
                moved_base, moved_quote = fills.pop(0).moves(rules.base, rules.quote)
                quote, base = quote - moved_quote, base - moved_base
            put_in = capital[max(capital)] - capital[self.versions[row]]
            found.append(float(quote - put_in) + float(base) * float(self.candles.close[row]))
        return reversed(found)
