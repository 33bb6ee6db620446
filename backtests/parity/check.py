"""Check one bot: read its record, run the engine beside it, and return the comparison as one value.

Where results are stored, and what drift triggers, is in store.py.
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
from backtests.engine.run import MarketData, engine_settings
from backtests.errors import BacktestError, NothingToCompare
from backtests.parity.classify import Cause, Difference
from backtests.parity.compare import compare
from backtests.parity.context import ParityContext, VersionRules
from backtests.parity.live_trades import ZERO, LiveRecord, read_record
from bots.models import BotConfig, Decision
from bots.settings.parse import make_settings
from bots.settings.run_settings import RunSettings
from bots.settings.schema import BY_NAME
from bots.strategy import registry
from bots.trading.context import TradingContext, open_context
from core.formats import plain
from core.times import format_utc, to_datetime
from exchange.api.errors import ExchangeError
from exchange.api.types import INTERVAL_MS, Klines
from exchange.fills import BPS, slippage_units
from exchange.klines.candles import MemoryCandles
from exchange.symbols.lots import ceil_to_step

DEFAULT_PERIOD = timedelta(days=14)
MAX_COST_BPS = 10.0  # of what was traded: as much again as the usual fee
COSTS = (Cause.PRICE_MOVED, Cause.PARTIAL_FILL, Cause.STOP_LIMIT, Cause.FEE_IN_BNB, Cause.FEE_RATE)
ROUND_BPS = (Decimal(1), Decimal("0.5"), Decimal("0.1"))


@dataclass(frozen=True, slots=True)
class FillCosts:
    """The costs of the engine's fills. Fee rates are fractions."""

    maker: Decimal
    taker: Decimal
    slippage_bps: Decimal
    spread_bps: Decimal  # half of it, as the exchange shows it now


@dataclass(frozen=True, slots=True)
class ParityResult:
    """The result of a check.

    `cost` is what fills and fees cost the bot over the engine's, `traded` is their notional.
    """

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
        return Counter(difference.cause for difference in self.differences)

    @property
    def cost_bps(self) -> float | None:
        return float(self.cost / self.traded) * BPS if self.traded else None

    @property
    def drift(self) -> str:
        """Return why this is drift; empty if every difference has its cause and costs stay in bounds."""
        unexplained = [difference for difference in self.differences if difference.cause == Cause.UNEXPLAINED]
        if unexplained:
            first = unexplained[0]
            return (
                f"{len(unexplained)} unexplained, first {first.what} at bar {format_utc(to_datetime(first.bar_ms))}: "
                f"the bot {first.live}, the engine {first.engine}"
            )
        if self.cost_bps is not None and self.cost_bps > MAX_COST_BPS:
            return (
                f"fills and fees cost {self.cost_bps:.1f} bps of what was traded over the engine's, "
                f"more than {MAX_COST_BPS:g} bps"
            )
        return ""


def check(
    bot: BotConfig,
    *,
    since: datetime | None = None,
    slippage_bps: Decimal | None = None,
    live_context: TradingContext | None = None,
) -> ParityResult:
    """Compare what a bot did since then (default: its last two weeks) with the engine.

    Raises:
        NothingToCompare: nothing is on record, or there are no candles for it.
        ExchangeError: the exchange did not give candles, rules or fee rates.
    """
    record = read_record(bot, since or _usual_start(bot))
    live_context = live_context or open_context(bot)
    costs = read_costs(bot, live_context, slippage_bps)
    parameters = {number: settings_of(values, costs) for number, values in record.versions.items()}
    market = _market(bot, record, parameters, live_context)
    context = _context(market, record, parameters, slippage_units(max(costs.spread_bps, costs.slippage_bps)))
    differences = tuple(compare(context))
    return ParityResult(
        first_bar=to_datetime(int(market.candles.open_time[context.first])),
        last_bar=to_datetime(int(market.candles.open_time[context.end - 2])),
        bars=context.end - 1 - context.first,
        trades=sum(any(_is_inside(context, fill.time_ms) for fill in trade.fills) for trade in record.trades),
        differences=differences,
        notes=tuple(_notes(bot, record, costs)),
        cost=-sum(
            (
                difference.impact or ZERO
                for difference in differences
                if difference.cause in COSTS and difference.what != "exit"
            ),
            ZERO,
        ),
        traded=sum(
            (f.quote_quantity for trade in record.trades for f in trade.fills if _is_inside(context, f.time_ms)), ZERO
        ),
    )


def _is_inside(context: ParityContext, time_ms: int) -> bool:
    return context.first <= context.row(time_ms) < context.end


def _usual_start(bot: BotConfig) -> datetime:
    last = Decision.objects.filter(bot=bot).order_by("-bar").values_list("bar", flat=True).first()
    if last is None:
        raise NothingToCompare(f"{bot.name} has decided nothing yet: start it, and check it after some candles")
    return last - DEFAULT_PERIOD


def _context(
    market: MarketData, record: LiveRecord, parameters: Mapping[int, RunSettings], spread: int
) -> ParityContext:
    """Return the compared rows with all that the comparison needs.

    They run from the first decision's bar to the bar after the last decision, which holds its fill.
    """
    times = market.candles.open_time
    first = int(np.searchsorted(times, record.decisions[0].bar_ms))
    end = min(int(np.searchsorted(times, record.decisions[-1].bar_ms, side="right")) + 1, len(times))
    if end - first < 2:
        raise NothingToCompare(
            "nothing can be compared yet: a decision's fill is known once the bar after it has closed; try again then"
        )
    rules = {
        number: VersionRules(settings, engine_settings(market, settings), signals(market, settings))
        for number, settings in parameters.items()
    }
    return ParityContext(market, record, rules, first, end, spread)


def signals(market: MarketData, parameters: RunSettings) -> NDArray[np.int8]:
    """Return the strategy's signals over all candles."""
    values = registry.get(parameters.strategy).signals(market.candles, parameters.strategy_params)
    return np.require(values, np.int8)


def settings_of(values: Mapping[str, Any], costs: FillCosts) -> RunSettings:
    """Return a recorded version of a bot as the settings of a run."""
    strategy = registry.get(values["strategy"])
    strategy_values = {**values, **(values.get("parameters") or {})}
    settings = {name: values[name] for name in BY_NAME if name in values}
    settings |= {field.name: strategy_values[field.name] for field in strategy.FIELDS if field.name in strategy_values}
    settings |= {"strategy": values["strategy"], "fee_rate": costs.taker, "maker_fee_rate": costs.maker}
    return make_settings({**settings, "slippage_bps": costs.slippage_bps})


def read_costs(bot: BotConfig, live_context: TradingContext, slippage_bps: Decimal | None) -> FillCosts:
    """Read the account's fee rates; take half of the present spread as slippage."""
    rates = live_context.exchange.commission_rates(bot.symbol)
    spread_bps = half_spread_bps(bot, live_context)
    return FillCosts(rates.maker, rates.taker, spread_bps if slippage_bps is None else slippage_bps, spread_bps)


def half_spread_bps(bot: BotConfig, live_context: TradingContext) -> Decimal:
    """Return the roundest slippage that gives the present bid and ask on the tick.

    It has at most a tenth of a basis point.
    """
    ticker, last = live_context.exchange.book_ticker(bot.symbol), live_context.exchange.last_price(bot.symbol)
    tick = live_context.rules.tick_size or ZERO
    low = max((ticker.ask - tick) / last - 1, 1 - (ticker.bid + tick) / last, ZERO)
    high = min(ticker.ask / last - 1, 1 - ticker.bid / last)
    for step in ROUND_BPS:
        rounded = ceil_to_step(low * BPS, step)
        if rounded <= high * BPS:
            return rounded
    return ((ticker.ask - ticker.bid) / (ticker.ask + ticker.bid) * BPS).quantize(ROUND_BPS[-1])


def _market(
    bot: BotConfig, record: LiveRecord, parameters: Mapping[int, RunSettings], live_context: TradingContext
) -> MarketData:
    """Fetch the candles as the exchange has them now: warm-up, the oldest position's entry, and all since."""
    needed = (
        max(registry.get(settings.strategy).warmup_bars(settings.strategy_params) for settings in parameters.values())
        + 2
    )
    oldest = min([record.decisions[0].bar_ms, *(trade.opened_ms for trade in record.trades if trade.fills)])
    start_ms = max(oldest - 2 * needed * INTERVAL_MS[bot.timeframe], 0)
    candles = MemoryCandles(live_context.exchange, start_ms=start_ms)
    klines: Klines = candles.closed(bot.symbol, bot.timeframe, now_ms=live_context.now_ms)
    if not len(klines) or klines.open_time[-1] < record.decisions[0].bar_ms:
        raise NothingToCompare(
            f"the exchange has no {bot.symbol} {bot.timeframe} candles since "
            f"{to_datetime(record.decisions[0].bar_ms):%Y-%m-%d %H:%M} UTC"
        )
    try:
        return run.prepare(klines, bot.symbol, live_context.rules)
    except BacktestError as error:
        raise NothingToCompare(str(error)) from error


def _notes(bot: BotConfig, record: LiveRecord, costs: FillCosts) -> list[str]:
    """Return what the comparison assumes and leaves out."""
    notes = [
        "Each bar and each position is judged by the engine's own steps from where the bot really stood, its ledger, "
        "gates and entry price: one difference makes no others.",
        f"The engine's costs: fee {plain(costs.taker * 100)} %, resting {plain(costs.maker * 100)} %, "
        f"slippage {costs.slippage_bps} bps; half the spread is {costs.spread_bps} bps now.",
    ]
    if len({decision.version for decision in record.decisions}) > 1:
        numbers = sorted({decision.version for decision in record.decisions})
        notes.append(f"Each bar with the parameters it was decided under: versions {', '.join(map(str, numbers))}.")
    if record.is_cut:
        notes.append(f"Only since it trades {bot.symbol} {bot.timeframe} with this key: before, it had another market.")
    return notes


__all__ = ["ExchangeError", "FillCosts", "NothingToCompare", "ParityResult", "check"]
