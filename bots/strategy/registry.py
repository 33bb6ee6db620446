"""The strategies by name, and their signals as events.

A strategy is a module in this folder; adding one is a new module and its line in `STRATEGIES`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from bots.strategy import bollinger, donchian, ema_rsi
from bots.strategy.types import Candles, Compiler, Events, ParameterField, Signal, identity


class Strategy(Protocol):
    """Describe what a strategy's module must offer."""

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
        """Return (field, sentence) for what does not fit together."""

    def warmup_bars(self, params: Any, /) -> int:
        """Return the index of the first bar that may signal."""

    def indicators(self, candles: Candles, params: Any, /) -> dict[str, NDArray[np.float64]]:
        """Return named series as long as the candles, NaN where undefined."""

    def signals(self, candles: Candles, params: Any, /) -> NDArray[np.int8]:
        """Return +1, 0 or -1 for each bar, from that bar and those before it only; 0 during the warm-up."""


class SharesWork(Protocol):
    """Describe what a strategy may offer too, if many parameters on the same candles share series."""

    def EventsOver(self, candles: Candles, compiled: Compiler, /) -> Callable[[Any], Events]:
        """Return a function from parameters to the rows with signals."""


STRATEGIES: dict[str, Strategy] = {
    module.NAME: cast(Strategy, module) for module in (ema_rsi, donchian, bollinger)
}  # fmt: skip


class UnknownStrategy(LookupError):
    """Report an unknown strategy name."""


class SignalsInvalid(ValueError):
    """Report signals other than +1, 0 or -1 for each bar."""


def get(name: str) -> Strategy:
    """Return the strategy called `name`. Raise `UnknownStrategy`."""
    try:
        return STRATEGIES[name]
    except KeyError:
        raise UnknownStrategy(name) from None


def events_over(name: str, candles: Candles, compiled: Compiler = identity) -> Callable[[Any], Events]:
    """Return a function from parameters to the rows with signals of strategy `name` on these candles.

    `compiled` compiles the strategy's own loops over bars. The function raises `SignalsInvalid`.
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
