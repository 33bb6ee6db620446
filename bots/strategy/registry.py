"""The strategies by name, and their signals as events.

A strategy is a module in this folder; adding one is a new module and its line in `STRATEGIES`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from bots.strategy import bollinger, donchian, ema_rsi
from bots.strategy.types import Candles, Compiler, Events, ParameterField, Signal, as_it_is


class Strategy(Protocol):
    """What a strategy's module offers."""

    @property
    def NAME(self) -> str: ...
    @property
    def LABEL(self) -> str: ...
    @property
    def DESCRIPTION(self) -> str: ...
    @property
    def FIELDS(self) -> tuple[ParameterField, ...]: ...
    @property
    def Params(self) -> Callable[..., Any]: ...

    def check(self, params: Any, /) -> list[tuple[str, str]]:
        """(field, sentence) for what does not fit together; empty when all does."""

    def warmup_bars(self, params: Any, /) -> int:
        """Index of the first bar that may signal."""

    def indicators(self, candles: Candles, params: Any, /) -> dict[str, NDArray[np.float64]]:
        """Named series as long as the candles, NaN where undefined."""

    def signals(self, candles: Candles, params: Any, /) -> NDArray[np.int8]:
        """+1, 0 or -1 for each bar, from that bar and those before it alone; 0 during the warm-up."""


class SharesWork(Protocol):
    """What a strategy may offer besides, where many parameters on the same candles have series in common."""

    def EventsOver(self, candles: Candles, compiled: Compiler, /) -> Callable[[Any], Events]:
        """The rows with signals for any parameters, as `signals` would give them."""


STRATEGIES: dict[str, Strategy] = {
    module.NAME: cast(Strategy, module) for module in (ema_rsi, donchian, bollinger)
}  # fmt: skip


class UnknownStrategy(LookupError):
    """There is no strategy of that name."""


class SignalsInvalid(ValueError):
    """A strategy gave something else than +1, 0 or -1 for each bar."""


def get(name: str) -> Strategy:
    """Return the strategy called `name`. Raise `UnknownStrategy`."""
    try:
        return STRATEGIES[name]
    except KeyError:
        raise UnknownStrategy(name) from None


def events_over(name: str, candles: Candles, compiled: Compiler = as_it_is) -> Callable[[Any], Events]:
    """The signals of strategy `name` for any parameters on these candles, as the rows that carry them.

    `compiled` makes faster what the strategy walks bar by bar.

    The callable raises `SignalsInvalid` where `signals` does not give +1, 0 or -1 for each bar.
    """
    strategy = get(name)
    if hasattr(strategy, "EventsOver"):
        return cast(SharesWork, strategy).EventsOver(candles, compiled)
    return lambda params: _events(name, strategy.signals(candles, params), len(candles.close))


def _events(name: str, given: NDArray[np.int8], bars: int) -> Events:
    signal = np.asarray(given)
    buys, sells = np.flatnonzero(signal == Signal.BUY), np.flatnonzero(signal == Signal.SELL)
    if signal.shape != (bars,) or len(buys) + len(sells) != np.count_nonzero(signal):
        raise SignalsInvalid(f"strategy {name} must give +1, 0 or -1 for each of {bars} bars")
    return Events(buys, sells)
