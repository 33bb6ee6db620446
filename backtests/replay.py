"""Run the live bot code over recorded candles: real tick, real client, paper exchange, a simulated clock.

Bar by bar as TRADING_RULES 10 says. It needs one bot, one paper account and their records in the database; the command
runs it in a throw-away one. The engine's answer to the same question is in engine/run.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from secrets import token_hex
from typing import Any

import numpy as np
from django.db.models import Sum

from backtests.engine.metrics import EquityCurve, compute_metrics
from backtests.engine.result import ClosedTrade, OpenTrade, RunResult
from backtests.engine.timerange import TimeRange
from backtests.errors import ReplayFailed
from bots.control import lifecycle
from bots.models import Action, BotConfig, BotRun, BotState, Decision, Fill, Status, Trade
from bots.settings.run_settings import RunSettings
from bots.trading import reconcile, tick
from bots.trading.context import TradingContext
from bots.trading.leases import claim, release
from core.times import to_ms
from exchange.api.types import INTERVAL_MS, SymbolRules
from exchange.binance.exchange import BinanceExchange
from exchange.klines.candles import MemoryCandles
from exchange.klines.series import FullKlines
from exchange.models import ApiKey, Venue
from exchange.paper.account.accounts import AccountTerms, create_account, reveal
from exchange.paper.local import connect_locally
from exchange.paper.market.clock import ManualClock
from exchange.paper.market.registry import market_registry
from exchange.paper.market.replay import ReplayMarket
from exchange.paper.models import PaperAccount
from exchange.symbols.filters import parse_rules


@dataclass(frozen=True, slots=True)
class ReplayRun:
    """What to replay: candles from the data's first bar, the symbol's exchangeInfo entry, settings and time range."""

    symbol: str
    klines: FullKlines
    symbol_info: dict[str, Any]
    parameters: RunSettings
    time_range: TimeRange


@dataclass(frozen=True, slots=True)
class _ReplaySetup:
    """One bot on a paper account of its own, with the clock that moves its market."""

    bot: BotConfig
    exchange: BinanceExchange
    candles: MemoryCandles
    rules: SymbolRules
    clock: ManualClock

    def context(self, asked_at_ms: int) -> TradingContext:
        return TradingContext(self.exchange, self.candles, self.rules, self.clock.now_ms(), asked_at_ms)


def replay(run: ReplayRun, *, progress: Callable[[], object] = lambda: None) -> RunResult:
    """Run a bot over the bars of the time range; `progress` is called after each.

    Raises:
        BacktestError: the time range holds no bars.
        ReplayFailed: a tick failed; its cause is in the message.
    """
    first, end = run.time_range.rows(run.klines)
    klines = run.klines[:end]
    stage = _set(run, klines, first)
    try:
        for index in range(first, end - 1):
            stage.clock.set(int(klines.open_time[index + 1]) + 1)
            _tick(stage, klines.close_time_ms(index) + 1)
            progress()
        stage.clock.set(klines.close_time_ms(end - 1) + 1)
        _settle(stage)
        progress()
        return _result(run, stage.bot, klines, first)
    finally:
        market_registry.remove(PaperAccount.objects.get(name=stage.bot.name))


def _set(run: ReplayRun, klines: FullKlines, first: int) -> _ReplaySetup:
    """Create the bot, its key, its paper account and its market, before the first bar is decided."""
    settings, name = run.parameters, f"replay-{token_hex(8)}"
    rules = parse_rules(run.symbol_info)
    maker = settings.fee_rate if settings.maker_fee_rate is None else settings.maker_fee_rate
    account = create_account(
        name,
        f"replay:{name}",
        {rules.quote: settings.initial_capital},
        AccountTerms(maker_fee_rate=maker, taker_fee_rate=settings.fee_rate, slippage_bps=settings.slippage_bps),
    )
    clock = ManualClock(int(klines.open_time[first]))
    market = ReplayMarket({run.symbol: klines}, {run.symbol: run.symbol_info})
    market_registry.install(account, clock=clock, market=market, default=True, replay_rules=True)
    secret = reveal(account.api_secret)
    key = ApiKey.objects.create(name=name, venue=Venue.PAPER, key=account.api_key, secret=secret)
    bot = make_bot(name, key, run.symbol, klines.interval, settings)
    BotState.objects.filter(bot=bot).update(status=Status.RUNNING)
    exchange = connect_locally(account, clock)
    # The runner accepts stop-market orders whatever an older file's orderTypes say (rule 8).
    accepted_rules = parse_rules(market.symbols()[run.symbol])
    return _ReplaySetup(bot, exchange, MemoryCandles(exchange), accepted_rules, clock)


def make_bot(name: str, key: ApiKey, symbol: str, interval: str, settings: RunSettings) -> BotConfig:
    """Create a bot with the settings of a run and its first version."""
    bot_fields = {field.name for field in BotConfig._meta.get_fields()}
    values = settings.strategy_params._asdict()
    columns = {field: value for field, value in values.items() if field in bot_fields}
    bot = BotConfig(
        name=name,
        api_key=key,
        symbol=symbol,
        timeframe=interval,
        strategy=settings.strategy,
        parameters={field: value for field, value in values.items() if field not in bot_fields},
        **{field: Decimal(str(value)) if isinstance(value, float) else value for field, value in columns.items()},
        **{name: value for name, value in settings.values.items() if name in bot_fields},
    )
    lifecycle.save(bot, reason="A run over recorded candles")
    return bot


def _tick(stage: _ReplaySetup, asked_at_ms: int) -> None:
    ticked = tick.run_bot(stage.bot.pk, lambda _: stage.context(asked_at_ms))
    if ticked.outcome in (BotRun.Outcome.FAILED, BotRun.Outcome.SKIPPED):
        raise ReplayFailed(f"the tick at {stage.context(asked_at_ms).now:%Y-%m-%d %H:%M} failed: {ticked.message}")


def _settle(stage: _ReplaySetup) -> None:
    """Book what the last bar's range filled; nothing is decided after the time range."""
    lease = claim(stage.bot.pk)
    if lease is None:
        raise ReplayFailed("the last tick still holds the bot's lease")
    try:
        reconcile.settle(lease, stage.context(stage.clock.now_ms()))
    finally:
        release(lease)


def _result(run: ReplayRun, bot: BotConfig, klines: FullKlines, first: int) -> RunResult:
    time_range = klines[first:]
    trades = list(Trade.objects.filter(bot=bot).order_by("opened_at", "pk"))
    refused = Decision.objects.filter(bot=bot, action=Action.REFUSED).values_list("reason", flat=True)
    fees = Fill.objects.filter(bot=bot).aggregate(total=Sum("fee_quote"))["total"] or Decimal(0)
    curve = EquityCurve(
        open_time=time_range.open_time,
        interval_ms=INTERVAL_MS[klines.interval],
        close=time_range.close,
        equity=_equity(bot, time_range),
        exposed_bars=_exposed_bars(trades, time_range),
        initial_capital=float(bot.initial_capital),
        trade_pnl=np.array([float(trade.net_pnl) for trade in trades if trade.closed_at is not None]),
        fees_paid=float(fees),
    )
    return RunResult(
        symbol=run.symbol,
        bars=len(time_range),
        first_open_time=int(time_range.open_time[0]),
        last_open_time=int(time_range.open_time[-1]),
        parameters=run.parameters.to_json(),
        trades=tuple(_trade(trade, klines) for trade in trades),
        rejections=Counter(refused),
        metrics=compute_metrics(curve),
    )


def _equity(bot: BotConfig, time_range: FullKlines) -> Any:
    """Return the equity at each bar's close.

    It is the one decided on; at the last bar, which has no decision, it is computed from the ledger.
    """
    state = BotState.objects.get(bot=bot)
    decided = Decision.objects.filter(bot=bot).order_by("bar").values_list("equity", flat=True)
    return np.array([*decided, float(state.quote) + float(state.base) * float(time_range.close[-1])])


def _exposed_bars(trades: list[Trade], time_range: FullKlines) -> int:
    """Return at how many bars' closes a position was open."""
    ends = (
        len(time_range) if trade.closed_at is None else _row(time_range, to_ms(trade.closed_at)) for trade in trades
    )
    return sum(end - _row(time_range, to_ms(trade.opened_at)) for end, trade in zip(ends, trades, strict=True))


def _trade(trade: Trade, klines: FullKlines) -> ClosedTrade | OpenTrade:
    entry_time = int(klines.open_time[_row(klines, to_ms(trade.opened_at))])
    if trade.closed_at is None or trade.exit_price is None:
        return OpenTrade(entry_time, trade.entry_price, trade.quantity, trade.fees, trade.net_pnl)
    return ClosedTrade(
        entry_time=entry_time,
        entry_price=trade.entry_price,
        quantity=trade.quantity,
        exit_time=int(klines.open_time[_row(klines, to_ms(trade.closed_at))]),
        exit_price=trade.exit_price,
        exit_reason=trade.exit_reason,
        fees=trade.fees,
        net_pnl=trade.net_pnl,
    )


def _row(klines: FullKlines, time_ms: int) -> int:
    """Return the bar that holds a moment: the last one that opened at or before it."""
    return int(np.searchsorted(klines.open_time, time_ms, side="right")) - 1
