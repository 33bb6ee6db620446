"""A bot with a record, made by the real runner on the paper exchange: for tests that hold it against the engine.

The strategy is the Donchian breakout over two bars: a close above both highs before it buys, one under both lows before
it sells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

from backtests.engine.timerange import TimeRange
from backtests.parity.check import ParityResult, check
from backtests.replay import ReplayRun, _ReplaySetup, _set, _settle, _tick
from bots.models import BotConfig, Decision, Incident
from bots.settings.parse import make_settings
from bots.trading.tests.tables import hours, lots
from exchange.klines.series import FullKlines

TABLE = """
    100  100  100  100
    100  100  100  100
    100  102  100  102   2 buys
    102  104  101  103   3 entered at 102.03
    103  104  102  103
    103  103   98   99   5 sells
     99  100   98   99   6 sold at 98.98
     99  101   99  100
    100  105  100  105   8 buys
    105  106  104  105   9 entered at 105.03, stop 99.77
    105  105   95   96  10 stopped
     96   97   95   96
     96   99   96   99
     99   99   98   98
     98  103   98  103  14 buys
    103  108  103  107  15 entered at 103.03, and at the target of 107.15 at once; buys
    107  107  104  105  16 entered at 107.03
    105  105  104  104
    104  110  104  110  18 buys
    110  111  109  110  19 entered at 110.03
    110  111  109  110
    110  111  109  110
"""
SETTINGS: Mapping[str, Any] = {
    "strategy": "donchian",
    "entry_period": 2,
    "exit_period": 2,
    "position_size_mode": "fixed",
    "position_size_fixed": "500",
    "stop_loss": "0.05",
    "take_profit": "0.04",
    "fee_rate": "0.001",
    "slippage_bps": "2",
}


@dataclass
class Recorded:
    """A bot that traded a table, and the exchange that it traded on, its clock at the last bar's end."""

    stage: _ReplaySetup
    klines: FullKlines
    asked: dict[str, Any] = field(default_factory=dict)

    @property
    def bot(self) -> BotConfig:
        return BotConfig.objects.select_related("api_key").get(pk=self.stage.bot.pk)

    @property
    def live_context(self) -> Any:
        return self.stage.context(self.stage.clock.now_ms())

    def check(self, **asked: Any) -> ParityResult:
        return check(self.bot, live_context=self.live_context, **asked)

    def decision(self, row: int) -> Decision:
        decisions = Decision.objects.filter(bot=self.stage.bot)
        return next(one for one in decisions if one.bar.timestamp() * 1000 == self.klines.open_time[row])

    def rows(self, **asked: Any) -> list[tuple[int, str, str]]:
        """Return what differs: number of the bar, what, and the name of the cause."""
        start, length = int(self.klines.open_time[0]), 3_600_000
        found = self.check(**asked).differences
        return [((one.bar_ms - start) // length, one.what, one.cause.name) for one in found]


def record(
    *,
    before: Mapping[int, Callable[[_ReplaySetup], object]] | None = None,
    skips: frozenset[int] = frozenset(),
    table: str = TABLE,
    **settings: Any,
) -> Recorded:
    """Let a bot trade the table. `before` is done before the tick of a bar, `skips` are bars without a tick."""
    parameters = make_settings({**SETTINGS, **settings}, symbol="BTCUSDT", interval="1h")
    run = ReplayRun("BTCUSDT", hours(table), lots("0.00001", "0.00001"), parameters, TimeRange())
    return trade(run, before or {}, skips)


def trade(run: ReplayRun, before: Mapping[int, Callable[[_ReplaySetup], object]], skips: frozenset[int]) -> Recorded:
    """Return a bot with its record of a run and its exchange."""
    first, end = run.time_range.rows(run.klines)
    klines = run.klines[:end]
    stage = _set(run, klines, first)
    for index in range(first, end - 1):
        stage.clock.set(int(klines.open_time[index + 1]) + 1)
        if index in before:
            before[index](stage)
            stage.bot.refresh_from_db()
        if index not in skips:
            _tick(stage, klines.close_time_ms(index) + 1)
    stage.clock.set(klines.close_time_ms(end - 1) + 1)
    _settle(stage)
    return Recorded(stage, klines)


def drifts(bot: BotConfig) -> QuerySet[Incident]:
    return Incident.objects.filter(bot=bot, kind="parity_drift")
