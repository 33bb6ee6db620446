"""One check of one bot: what it needs is read, the engine set beside it, and what came of it is one value.

Where the value is kept, and what drift sets off, is in store.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtests.engine import run
from backtests.engine.run import Market, setup_of
from backtests.parity.causes import Cause, Difference
from backtests.parity.compare import compare
from backtests.parity.context import Ground, Rules
from backtests.parity.live_trades import ZERO, NothingToCompare, Record, read_record
from backtests.runs.inputs import utc
from bots.models import BotConfig, Decision
from bots.settings.parse import make_settings
from bots.settings.run_settings import RunSettings
from bots.settings.schema import BY_NAME
from bots.strategy import registry
from bots.trading.context import TradingContext, open_context
from core.formats import plain
from exchange.api.errors import ExchangeError
from exchange.api.types import INTERVAL_MS, Klines
from exchange.fills import BPS, slippage_units
from exchange.klines.candles import MemoryCandles
from exchange.symbols.lots import ceil_to_step

USUAL_SPAN = timedelta(days=14)
MOST_COST_BPS = 10.0  # of what was traded: as much again as the usual fee
COSTS = (Cause.PRICE_MOVED, Cause.PARTIAL_FILL, Cause.STOP_LIMIT, Cause.FEE_IN_BNB, Cause.FEE_RATE)
ROUND_BPS = (Decimal(1), Decimal("0.5"), Decimal("0.1"))


@dataclass(frozen=True, slots=True)
class Costs:
    """What the engine's fills cost. Fee rates are fractions."""

    maker: Decimal
    taker: Decimal
    slippage_bps: Decimal
    spread_bps: Decimal  # half of it, as the exchange shows it now


@dataclass(frozen=True, slots=True)
class Parity:
    """What a check came to. `cost` is what fills and fees cost the bot over the engine's, `traded` their worth."""

    first_bar: datetime
    last_bar: datetime
    bars: int
    trades: int
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]
    cost: Decimal
    traded: Decimal

    @property
    def counts(self) -> Counter[Cause]:
        return Counter(one.cause for one in self.differences)

    @property
    def cost_bps(self) -> float | None:
        return float(self.cost / self.traded) * BPS if self.traded else None

    @property
    def drift(self) -> str:
        """Why this is drift, in words; empty where every difference has its cause and costs stay in bounds."""
        unexplained = [one for one in self.differences if one.cause == Cause.UNEXPLAINED]
        if unexplained:
            first = unexplained[0]
            return (
                f"{len(unexplained)} unexplained, first {first.what} at bar {utc(first.bar_ms):%Y-%m-%d %H:%M}: "
                f"the bot {first.live}, the engine {first.engine}"
            )
        if self.cost_bps is not None and self.cost_bps > MOST_COST_BPS:
            return (
                f"fills and fees cost {self.cost_bps:.1f} bps of what was traded over the engine's, "
                f"more than {MOST_COST_BPS:g} bps"
            )
        return ""


def check(
    bot: BotConfig,
    *,
    since: datetime | None = None,
    slippage_bps: Decimal | None = None,
    desk: TradingContext | None = None,
) -> Parity:
    """Hold what a bot did since then (its last two weeks) against the engine.

    Raises:
        NothingToCompare: nothing is on record, or there are no candles for it.
        ExchangeError: the exchange did not give candles, rules or fee rates.
    """
    record = read_record(bot, since or _usual_start(bot))
    desk = desk or open_context(bot)
    costs = read_costs(bot, desk, slippage_bps)
    parameters = {number: settings_of(values, costs) for number, values in record.versions.items()}
    market = _market(bot, record, parameters, desk)
    ground = _ground(market, record, parameters, slippage_units(max(costs.spread_bps, costs.slippage_bps)))
    differences = tuple(compare(ground))
    return Parity(
        first_bar=utc(int(market.candles.open_time[ground.first])),
        last_bar=utc(int(market.candles.open_time[ground.end - 2])),
        bars=ground.end - 1 - ground.first,
        trades=sum(any(_is_inside(ground, fill.time_ms) for fill in trade.fills) for trade in record.trades),
        differences=differences,
        notes=tuple(_notes(bot, record, costs)),
        cost=-sum((one.impact or ZERO for one in differences if one.cause in COSTS and one.what != "exit"), ZERO),
        traded=sum(
            (f.quote_quantity for trade in record.trades for f in trade.fills if _is_inside(ground, f.time_ms)), ZERO
        ),
    )


def _is_inside(ground: Ground, time_ms: int) -> bool:
    return ground.first <= ground.row(time_ms) < ground.end


def _usual_start(bot: BotConfig) -> datetime:
    last = Decision.objects.filter(bot=bot).order_by("-bar").values_list("bar", flat=True).first()
    if last is None:
        raise NothingToCompare(f"{bot.name} has decided nothing yet: start it, and check it after some candles")
    return last - USUAL_SPAN


def _ground(market: Market, record: Record, parameters: Mapping[int, RunSettings], spread: int) -> Ground:
    """The compared rows: from the first decision's bar to the one after the last decision's, which holds its fill."""
    times = market.candles.open_time
    first = int(np.searchsorted(times, record.decisions[0].bar_ms))
    end = min(int(np.searchsorted(times, record.decisions[-1].bar_ms, side="right")) + 1, len(times))
    if end - first < 2:
        raise NothingToCompare(
            "nothing can be compared yet: a decision's fill is known once the bar after it has closed; try again then"
        )
    rules = {number: Rules(one, setup_of(market, one), signals(market, one)) for number, one in parameters.items()}
    return Ground(market, record, rules, first, end, spread)


def signals(market: Market, parameters: RunSettings) -> NDArray[np.int8]:
    """The strategy's signals over all candles."""
    found = registry.get(parameters.strategy).signals(market.candles, parameters.strategy_params)
    return np.require(found, np.int8)


# --- What the engine is given -----------------------------------------------------------------------------------------


def settings_of(values: Mapping[str, Any], costs: Costs) -> RunSettings:
    """A recorded version of a bot as the settings of a run."""
    strategy = registry.get(values["strategy"])
    own = {**values, **(values.get("parameters") or {})}
    given = {name: values[name] for name in BY_NAME if name in values}
    given |= {field.name: own[field.name] for field in strategy.FIELDS if field.name in own}
    given |= {"strategy": values["strategy"], "fee_rate": costs.taker, "maker_fee_rate": costs.maker}
    return make_settings({**given, "slippage_bps": costs.slippage_bps})


def read_costs(bot: BotConfig, desk: TradingContext, slippage_bps: Decimal | None) -> Costs:
    """The account's fee rates, and as slippage half the spread that the exchange shows, to a tenth of a basis point."""
    rates = desk.exchange.commission_rates(bot.symbol)
    spread_bps = half_spread_bps(bot, desk)
    return Costs(rates.maker, rates.taker, spread_bps if slippage_bps is None else slippage_bps, spread_bps)


def half_spread_bps(bot: BotConfig, desk: TradingContext) -> Decimal:
    """The roundest slippage, at most to a tenth of a basis point, that gives this bid and ask once on the tick."""
    ticker, last = desk.exchange.book_ticker(bot.symbol), desk.exchange.last_price(bot.symbol)
    tick = desk.rules.tick_size or ZERO
    low = max((ticker.ask - tick) / last - 1, 1 - (ticker.bid + tick) / last, ZERO)
    high = min(ticker.ask / last - 1, 1 - ticker.bid / last)
    for step in ROUND_BPS:
        rounded = ceil_to_step(low * BPS, step)
        if rounded <= high * BPS:
            return rounded
    return ((ticker.ask - ticker.bid) / (ticker.ask + ticker.bid) * BPS).quantize(ROUND_BPS[-1])


def _market(bot: BotConfig, record: Record, parameters: Mapping[int, RunSettings], desk: TradingContext) -> Market:
    """The candles as the exchange gives them now: warm-up, the oldest position's entry, and all since."""
    needed = max(registry.get(one.strategy).warmup_bars(one.strategy_params) for one in parameters.values()) + 2
    oldest = min([record.decisions[0].bar_ms, *(trade.opened_ms for trade in record.trades if trade.fills)])
    start_ms = max(oldest - 2 * needed * INTERVAL_MS[bot.timeframe], 0)
    candles = MemoryCandles(desk.exchange, start_ms=start_ms)
    klines: Klines = candles.closed(bot.symbol, bot.timeframe, now_ms=desk.now_ms)
    if not len(klines) or klines.open_time[-1] < record.decisions[0].bar_ms:
        raise NothingToCompare(
            f"the exchange has no {bot.symbol} {bot.timeframe} candles since "
            f"{utc(record.decisions[0].bar_ms):%Y-%m-%d %H:%M} UTC"
        )
    try:
        return run.prepare(klines, bot.symbol, desk.rules)
    except ValueError as error:
        raise NothingToCompare(str(error)) from error


def _notes(bot: BotConfig, record: Record, costs: Costs) -> list[str]:
    """What the comparison assumes and leaves out."""
    notes = [
        "Each bar and each position is judged by the engine's own steps from where the bot really stood, its ledger, "
        "gates and entry price: one difference makes no others.",
        f"The engine's costs: fee {plain(costs.taker * 100)} %, resting {plain(costs.maker * 100)} %, "
        f"slippage {costs.slippage_bps} bps; half the spread is {costs.spread_bps} bps now.",
    ]
    if len({one.version for one in record.decisions}) > 1:
        numbers = sorted({one.version for one in record.decisions})
        notes.append(f"Each bar with the parameters it was decided under: versions {', '.join(map(str, numbers))}.")
    if record.is_cut:
        notes.append(f"Only since it trades {bot.symbol} {bot.timeframe} with this key: before, it had another market.")
    return notes


__all__ = ["Costs", "ExchangeError", "NothingToCompare", "Parity", "check"]
