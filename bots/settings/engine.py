"""Convert settings for the strategy steps: Decimals and empty fields become floats and `OFF`."""

from __future__ import annotations

from typing import Any, TypeVar

from bots.settings.schema import BY_NAME, Setting, Value
from bots.strategy.types import OFF, ExitParams, RiskParams, RuleSettings, SizeMode, SizeParams

RuleParams = TypeVar("RuleParams", SizeParams, ExitParams, RiskParams)

SIZE_MODES = {"fixed": SizeMode.FIXED, "percent": SizeMode.PERCENT, "risk": SizeMode.RISK}


def rule_settings(source: Any) -> RuleSettings:
    """Return the rules' settings of a bot or run whose attributes are named as in schema.py."""
    return RuleSettings(_filled(SizeParams, source), _filled(ExitParams, source), _filled(RiskParams, source))


def _filled(kind: type[RuleParams], source: Any) -> RuleParams:
    values: dict[str, Any] = {name: _number(BY_NAME[name], getattr(source, name)) for name in kind._fields}
    return kind(**values)


def _number(setting: Setting, value: Value) -> float:
    """Return the value as a number, always of the same type per setting: numba compiles for each type anew."""
    if setting.name == "position_size_mode":
        return int(SIZE_MODES[str(value)])
    if setting.can_be_off and setting.off is None:
        return OFF if value is None else float(value)
    return int(value or 0)
