"""The live runner over recorded candles: real runner, real client, paper exchange, on a clock that a loop moves.

Bar by bar as TRADING_RULES 10 says. What it takes of the database is one bot, one paper account and their records; the
command runs it in a throw-away database. The engine's answer to the same question is in engine.py.
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

from backtests.engine.metrics import Course, metrics
from backtests.engine.result import ClosedTrade, OpenTrade, RunResult
from backtests.engine.timerange import Span
from bots.control import lifecycle
from bots.models import Action, BotConfig, BotRun, BotState, Decision, Fill, Status, Trade
from bots.settings.run_settings import RunSettings
from bots.trading import reconcile, tick
from bots.trading.context import TradingContext
from bots.trading.leases import claim, release
from exchange.api.types import INTERVAL_MS, SymbolRules
from exchange.binance.exchange import BinanceExchange
from exchange.klines.candles import MemoryCandles
from exchange.klines.series import FullKlines
from exchange.models import ApiKey, Venue
from exchange.paper.account.accounts import AccountTerms, create_account, reveal
from exchange.paper.local import connect_locally
from exchange.paper.market.clock import ManualClock
from exchange.paper.market.registry import venues
from exchange.paper.market.replay import ReplayMarket
from exchange.paper.models import PaperAccount
from exchange.symbols.filters import parse_rules


class ReplayFailed(Exception):
    """A tick that could not be carried out; a replay does not go on past it."""


@dataclass(frozen=True, slots=True)
class ReplayRun:
    """What to replay: candles from the data's first bar, the symbol's exchangeInfo entry, settings and span."""

    symbol: str
    klines: FullKlines
    symbol_info: dict[str, Any]
    parameters: RunSettings
    span: Span


@dataclass(frozen=True, slots=True)
class _Stage:
    """One bot on a paper account of its own, with the clock that moves its market."""

    bot: BotConfig
    exchange: BinanceExchange
    candles: MemoryCandles
    rules: SymbolRules
    clock: ManualClock

    def desk(self, asked_at_ms: int) -> TradingContext:
        return TradingContext(self.exchange, self.candles, self.rules, self.clock.now_ms(), asked_at_ms)


def replay(run: ReplayRun, *, progress: Callable[[], object] = lambda: None) -> RunResult:
    """Run a bot over the bars of the span; `progress` is called after each.

    Raises:
        SpanError: the span holds no bars.
        ReplayFailed: a tick failed; its cause is in the message.
    """
    first, end = run.span.rows(run.klines)
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
        venues.remove(PaperAccount.objects.get(name=stage.bot.name))


def _set(run: ReplayRun, klines: FullKlines, first: int) -> _Stage:
    """The bot, its key, its paper account and the market that it sees, before the first bar is decided."""
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
    venues.install(account, clock=clock, market=market, default=True, replay_rules=True)
    secret = reveal(account.api_secret)
    key = ApiKey.objects.create(name=name, venue=Venue.PAPER, key=account.api_key, secret=secret)
    bot = make_bot(name, key, run.symbol, klines.interval, settings)
    BotState.objects.filter(bot=bot).update(status=Status.RUNNING)
    exchange = connect_locally(account, clock)
    # The runner accepts stop-market orders whatever an older file's orderTypes say (rule 8).
    stage_rules = parse_rules(market.symbols()[run.symbol])
    return _Stage(bot, exchange, MemoryCandles(exchange), stage_rules, clock)


def make_bot(name: str, key: ApiKey, symbol: str, interval: str, settings: RunSettings) -> BotConfig:
    """A bot with the settings of a run, on record with its first version."""
    own = {field.name for field in BotConfig._meta.get_fields()}
    values = settings.strategy_params._asdict()
    columns = {field: value for field, value in values.items() if field in own}
    bot = BotConfig(
        name=name,
        api_key=key,
        symbol=symbol,
        timeframe=interval,
        strategy=settings.strategy,
        parameters={field: value for field, value in values.items() if field not in own},
        **{field: Decimal(str(value)) if isinstance(value, float) else value for field, value in columns.items()},
        **{name: value for name, value in settings.values.items() if name in own},
    )
    lifecycle.save(bot, reason="A run over recorded candles")
    return bot


def _tick(stage: _Stage, asked_at_ms: int) -> None:
    ticked = tick.run_bot(stage.bot.pk, desk=stage.desk(asked_at_ms))
    if ticked.outcome in (BotRun.Outcome.FAILED, BotRun.Outcome.SKIPPED):
        raise ReplayFailed(f"the tick at {stage.desk(asked_at_ms).now:%Y-%m-%d %H:%M} failed: {ticked.message}")


def _settle(stage: _Stage) -> None:
    """Book what the last bar's range filled; nothing is decided after the span."""
    held = claim(stage.bot.pk)
    if held is None:
        raise ReplayFailed("the last tick still holds the bot's lease")
    try:
        reconcile.settle(stage.bot, stage.desk(stage.clock.now_ms()), held)
    finally:
        release(held)


# --- What came of it --------------------------------------------------------------------------------------------------


def _result(run: ReplayRun, bot: BotConfig, klines: FullKlines, first: int) -> RunResult:
    span = klines[first:]
    trades = list(Trade.objects.filter(bot=bot).order_by("opened_at", "pk"))
    refused = Decision.objects.filter(bot=bot, action=Action.REFUSED).values_list("reason", flat=True)
    fees = Fill.objects.filter(bot=bot).aggregate(total=Sum("fee_quote"))["total"] or Decimal(0)
    course = Course(
        open_time=span.open_time,
        interval_ms=INTERVAL_MS[klines.interval],
        close=span.close,
        equity=_equity(bot, span),
        exposed_bars=_exposed_bars(trades, span),
        initial_capital=float(bot.initial_capital),
        trade_pnl=np.array([float(trade.net_pnl) for trade in trades if trade.closed_at is not None]),
        fees_paid=float(fees),
    )
    return RunResult(
        symbol=run.symbol,
        bars=len(span),
        first_open_time=int(span.open_time[0]),
        last_open_time=int(span.open_time[-1]),
        parameters=run.parameters.to_json(),
        trades=tuple(_trade(trade, klines) for trade in trades),
        rejections=Counter(refused),
        metrics=metrics(course),
    )


def _equity(bot: BotConfig, span: FullKlines) -> Any:
    """Equity at each bar's close: as decided on, and at the last bar, which nothing is decided on, from the ledger."""
    state = BotState.objects.get(bot=bot)
    decided = Decision.objects.filter(bot=bot).order_by("bar").values_list("equity", flat=True)
    return np.array([*decided, float(state.quote) + float(state.base) * float(span.close[-1])])


def _exposed_bars(trades: list[Trade], span: FullKlines) -> int:
    """At how many bars' closes a position was held."""
    ends = (len(span) if trade.closed_at is None else _row(span, _ms(trade.closed_at)) for trade in trades)
    return sum(end - _row(span, _ms(trade.opened_at)) for end, trade in zip(ends, trades, strict=True))


def _trade(trade: Trade, klines: FullKlines) -> ClosedTrade | OpenTrade:
    entry_time = int(klines.open_time[_row(klines, _ms(trade.opened_at))])
    if trade.closed_at is None or trade.exit_price is None:
        return OpenTrade(entry_time, trade.entry_price, trade.quantity, trade.fees, trade.net_pnl)
    return ClosedTrade(
        entry_time=entry_time,
        entry_price=trade.entry_price,
        quantity=trade.quantity,
        exit_time=int(klines.open_time[_row(klines, _ms(trade.closed_at))]),
        exit_price=trade.exit_price,
        exit_reason=trade.exit_reason,
        fees=trade.fees,
        net_pnl=trade.net_pnl,
    )


def _row(klines: FullKlines, time_ms: int) -> int:
    """The bar that holds a moment: the last one that opened at or before it."""
    return int(np.searchsorted(klines.open_time, time_ms, side="right")) - 1


def _ms(moment: Any) -> int:
    return round(moment.timestamp() * 1000)
