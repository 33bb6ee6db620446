"""The settings of a run as one frozen value, and their JSON. parse.py reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bots.settings.schema import BY_NAME, Value
from core.formats import plain


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Hold the settings of a run. Every run setting of schema.py is an attribute; None is off.

    `strategy_params` is the strategy's own tuple. Fee rates are fractions of a fill's notional: `maker_fee_rate` None
    equals `fee_rate`. Amounts are in quote.
    """

    strategy: str
    strategy_params: Any
    values: Mapping[str, Value]

    def __getattr__(self, name: str) -> Any:
        if name in BY_NAME and name in self.values:
            return self.values[name]
        raise AttributeError(f"a run has no setting {name!r}")

    @property
    def target_fee_rate(self) -> Decimal:
        """Return the fee rate of a take-profit that rested on the book."""
        rate: Decimal = self.fee_rate if self.maker_fee_rate is None else self.maker_fee_rate
        return rate

    def to_json(self) -> dict[str, Any]:
        """Return every setting by its key: the strategy's own beside the rest, decimals as text, null where off."""
        values: dict[str, Any] = {"strategy": self.strategy, **self.strategy_params._asdict()}
        for name, value in self.values.items():
            values[name] = plain(value) if isinstance(value, Decimal) else value
        return values
