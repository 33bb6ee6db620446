"""The search space of an optimisation: parameters with their values, conditions, and their text form.

Every parameter takes values from a list: a range `low:high` or `low:high:step` (both ends included, the step being the
parameter's own unless given) or an explicit `a,b,c`, where `none` turns an optional limit off. How the space is
explored is in samplers.py.
"""

from __future__ import annotations

import itertools
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import numpy as np
from numpy.typing import NDArray

from backtests.errors import SearchSpaceError
from bots.settings.strategies import can_be_off, search_fields
from bots.strategy import registry
from bots.strategy.types import ParameterField

MAX_VALUES = 10_000
MAX_COMBINATIONS = 1_000_000


@dataclass(frozen=True, slots=True)
class Dimension:
    """One parameter and the values it may take, ascending; None is "off" and comes first."""

    name: str
    values: tuple[float | None, ...]
    is_integer: bool = False

    @property
    def bounds(self) -> tuple[float, float]:
        """Return the lowest and the highest value; "off" counts as 0."""
        numbers = [value or 0.0 for value in self.values]
        return min(numbers), max(numbers)

    def text(self) -> str:
        """Return the text that `parse_dimension` reads."""
        return f"{self.name}=" + ",".join("none" if value is None else f"{value:.12g}" for value in self.values)


_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_SIDE = r"(?:(?P<{0}factor>[\d.]+)\s*\*\s*)?(?:(?P<{0}name>[a-z_]\w*)|(?P<{0}number>-?[\d.]+))"
_CONDITION = re.compile(
    r"\s*" + _SIDE.format("left") + r"\s*(?P<sign><=|>=|<|>)\s*" + _SIDE.format("right") + r"\s*", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison that every trial must satisfy, such as `ema_slow >= 2 * ema_fast`. "Off" satisfies it."""

    text: str
    sign: str
    left: tuple[float, str | None]  # factor and parameter, or number and None
    right: tuple[float, str | None]

    def holds(self, parameters: Mapping[str, float | None]) -> bool:
        left, right = _side(self.left, parameters), _side(self.right, parameters)
        return left is None or right is None or _COMPARE[self.sign](left, right)


def _side(side: tuple[float, str | None], parameters: Mapping[str, float | None]) -> float | None:
    factor, name = side
    if name is None:
        return factor
    value = parameters[name]
    return None if value is None else factor * value


def parse_condition(text: str, names: Sequence[str]) -> Condition:
    """Parse `a < b`, `a >= 2 * b` or `a <= 30` over the parameters called `names`."""
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise SearchSpaceError(f"“{text}” is not a condition; write, for example, “ema_slow >= 2 * ema_fast”.")
    sides = []
    for side in ("left", "right"):
        name, factor = match[side + "name"], _as_number(match[side + "factor"] or "1", text)
        if name is not None and name not in names:
            raise SearchSpaceError(f"The condition “{text}” names {name}, which is no parameter of this search.")
        sides.append((factor, name) if name else (factor * _as_number(match[side + "number"], text), None))
    return Condition(text.strip(), match["sign"], sides[0], sides[1])


def parse_dimension(text: str, fields: Mapping[str, ParameterField]) -> Dimension:
    """Parse `ema_fast=5:24`, `ema_slow=30:69:2` or `stop_loss=none,0.02,0.05`."""
    name, sign, value_text = (part.strip() for part in text.partition("="))
    if not sign or not value_text:
        raise SearchSpaceError(f"“{text}” is not a parameter and its values; write, for example, “ema_fast=5:24”.")
    if name not in fields:
        raise SearchSpaceError(f"There is no parameter {name} to search; there are: {', '.join(fields)}.")
    field = fields[name]
    values = _range(value_text, field) if ":" in value_text else _list(value_text, field)
    for value in values:
        _check_value(value, field)
    return Dimension(name, _ascending(values), field.is_integer)


def _ascending(values: Sequence[float | None]) -> tuple[float | None, ...]:
    numbers = sorted({value for value in values if value is not None})
    return (None, *numbers) if None in values else tuple(numbers)


def _range(text: str, field: ParameterField) -> list[float | None]:
    parts = [_as_decimal(part, text) for part in text.split(":")]
    if len(parts) not in (2, 3):
        raise SearchSpaceError(f"“{text}” is not a range for {field.name}; write low:high or low:high:step.")
    low, high = parts[:2]
    step = parts[2] if len(parts) == 3 else Decimal(str(field.step))
    if step <= 0 or high < low:
        raise SearchSpaceError(f"The range {text} of {field.name} must rise from low to high by a step over 0.")
    count = int((high - low) / step) + 1
    if count > MAX_VALUES:
        raise SearchSpaceError(f"The range {text} of {field.name} has {count:,} values; {MAX_VALUES:,} are the most.")
    return [float(low + step * k) for k in range(count)]


def _list(text: str, field: ParameterField) -> list[float | None]:
    values: list[float | None] = []
    for part in (part.strip() for part in text.split(",")):
        if part.lower() == "none":
            if not can_be_off(field.name):
                raise SearchSpaceError(f"{field.name} cannot be off: it needs a number.")
            values.append(None)
        else:
            values.append(float(_as_decimal(part, text)))
    return values


def _check_value(value: float | None, field: ParameterField) -> None:
    if value is None:
        return
    if field.is_integer and value != int(value):
        raise SearchSpaceError(f"{field.name} takes whole numbers, not {value:g}.")
    if not field.minimum <= value <= field.maximum:
        raise SearchSpaceError(f"{field.name} lies between {field.minimum:g} and {field.maximum:g}, so not {value:g}.")


def _as_decimal(text: str, whole: str) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise SearchSpaceError(f"“{text}” in “{whole}” is not a number.")
    return number


def _as_number(text: str, whole: str) -> float:
    return float(_as_decimal(text, whole))


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """The varied parameters, in a fixed order, and the conditions between them."""

    strategy: str
    dimensions: tuple[Dimension, ...]
    conditions: tuple[Condition, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dimension.name for dimension in self.dimensions)

    @property
    def size(self) -> int:
        """Return the number of combinations, before the conditions."""
        return math.prod(len(dimension.values) for dimension in self.dimensions)

    @property
    def bounds(self) -> dict[str, tuple[float, float]]:
        return {dimension.name: dimension.bounds for dimension in self.dimensions}

    def allows(self, parameters: Mapping[str, float | None], fixed: Mapping[str, object]) -> bool:
        """Return True if the conditions and the strategy's own rules hold; `fixed` parameters do not vary."""
        return self._rules(fixed)(parameters)

    def _rules(self, fixed: Mapping[str, object]) -> Callable[[Mapping[str, float | None]], bool]:
        """Return `allows` for many combinations: what does not vary is read once."""
        strategy = registry.get(self.strategy)
        as_typed = {field.name: int if field.is_integer else float for field in strategy.FIELDS}
        # A form that is still being filled in may have an empty parameter.
        unvaried = {f.name: f.default if fixed.get(f.name) is None else fixed[f.name] for f in strategy.FIELDS}
        defaults = {name: as_typed[name](float(str(value))) for name, value in unvaried.items()}

        def allowed(parameters: Mapping[str, float | None]) -> bool:
            if not all(condition.holds(parameters) for condition in self.conditions):
                return False
            given = {
                name: as_typed[name](value)
                for name, value in parameters.items()
                if value is not None and name in as_typed
            }
            return not strategy.check(strategy.Params(**(defaults | given)))

        return allowed

    def combinations(self, fixed: Mapping[str, object]) -> Iterator[dict[str, float | None]]:
        """Yield every allowed combination, the last parameter changing fastest."""
        names, is_allowed = self.names, self._rules(fixed)
        for values in itertools.product(*(dimension.values for dimension in self.dimensions)):
            parameters = dict(zip(names, values, strict=True))
            if is_allowed(parameters):
                yield parameters

    def at(self, places: Sequence[int]) -> dict[str, float | None]:
        """Return the combination at these indices in the lists of values."""
        return {d.name: d.values[place] for d, place in zip(self.dimensions, places, strict=True)}

    def places(self, parameters: Mapping[str, float | None]) -> list[int]:
        """Return the indices of a combination in the lists of values."""
        return [dimension.values.index(parameters[dimension.name]) for dimension in self.dimensions]

    def places_of(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return `places` of many combinations: rows of values in the order of the dimensions, NaN for off."""
        columns = []
        for dimension, column in zip(self.dimensions, rows.T, strict=True):
            tried, which = np.unique(column, return_inverse=True)
            places = [dimension.values.index(None if math.isnan(value) else float(value)) for value in tried]
            columns.append(np.array(places, dtype=np.float64)[which])
        return np.column_stack(columns)


def make_space(strategy: str, grid: Sequence[str], conditions: Sequence[str] = ()) -> SearchSpace:
    """Build a search space from its text form. Raise `SearchSpaceError` if it is empty, invalid or too large."""
    fields = search_fields(strategy)
    dimensions = tuple(parse_dimension(text, fields) for text in grid)
    names = [dimension.name for dimension in dimensions]
    if not names:
        raise SearchSpaceError("Nothing to search: give at least one parameter a range, such as “ema_fast=5:24”.")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SearchSpaceError(f"{twice} is given twice: put all of its values in one list.")
    space = SearchSpace(strategy, dimensions, tuple(parse_condition(text, names) for text in conditions))
    if space.size > MAX_COMBINATIONS:
        raise SearchSpaceError(
            f"This space has {space.size:,} combinations and {MAX_COMBINATIONS:,} are the most: "
            "take larger steps or fewer parameters."
        )
    return space
