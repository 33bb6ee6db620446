"""The strategies there are, by name, and how their parameters are made from what a person typed.

A strategy is a module in this folder; adding one is a new module and its line in `STRATEGIES`.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
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


class ParameterError(ValueError):
    """A strategy or one of its parameters cannot be used; `field` says which ("strategy" for the strategy itself)."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class SignalsInvalid(ValueError):
    """A strategy gave something else than +1, 0 or -1 for each bar."""


def get(name: str) -> Strategy:
    """The strategy called `name`."""
    try:
        return STRATEGIES[name]
    except KeyError:
        known = ", ".join(STRATEGIES)
        raise ParameterError("strategy", f"there is no strategy {name!r}; there are: {known}") from None


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


def make_params(name: str, values: Mapping[str, object]) -> Any:
    """The parameters of strategy `name`: defaults where `values` says nothing, checked against their bounds.

    Values may be numbers or their text. Raises `ParameterError` for an unknown name, a value that is no number or out
    of bounds, and values that do not fit together.
    """
    strategy = get(name)
    fields = {field.name: field for field in strategy.FIELDS}
    for key in values:
        if key not in fields:
            raise ParameterError(key, _unknown(key, name, list(fields)))
    params = strategy.Params(**{key: _value(field, values.get(key, field.default)) for key, field in fields.items()})
    for field, message in strategy.check(params):
        raise ParameterError(field, message)
    return params


def _unknown(key: str, strategy: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"it has: {', '.join(known)}"
    return f"strategy {strategy} has no parameter {key!r}; {hint}"


def _value(field: ParameterField, value: object) -> int | float:
    """One parameter as its type, inside its bounds."""
    number = _number(field, value)
    if field.is_integer and number != int(number):
        raise ParameterError(field.name, f"{field.name} must be a whole number, not {value}")
    if number < field.minimum:
        raise ParameterError(field.name, f"{field.name} must be at least {field.minimum:g}, not {value}")
    if number > field.maximum:
        raise ParameterError(field.name, f"{field.name} must be at most {field.maximum:g}, not {value}")
    return int(number) if field.is_integer else number


def _number(field: ParameterField, value: object) -> float:
    if isinstance(value, int | float | str | Decimal) and not isinstance(value, bool):
        try:
            number = float(value) if isinstance(value, int | float) else float(Decimal(str(value).strip()))
        except InvalidOperation:
            number = math.nan
        if math.isfinite(number):
            return number
    raise ParameterError(field.name, f"{field.name} must be a number, not {value!r}")
