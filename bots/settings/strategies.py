"""The parameters of strategies as settings, the search fields of an optimisation, and labels."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from bots.settings.schema import BY_NAME, RUN_SETTINGS, Group, Setting, SettingError, SettingKind
from bots.strategy import registry
from bots.strategy.registry import Strategy
from bots.strategy.types import ParameterField

ANY_DECIMALS = 30  # a strategy's numbers are float64


def strategy_named(name: str) -> Strategy:
    """Return the strategy. Raise `SettingError` where there is none of that name."""
    try:
        return registry.get(name)
    except LookupError:
        names = ", ".join(registry.STRATEGIES)
        raise SettingError("strategy", f"There is no strategy {name!r}; there are: {names}.") from None


@cache
def strategy_settings(strategy: str) -> dict[str, Setting]:
    """Return the parameters of a strategy by name, as settings."""
    return {described.name: _as_setting(described) for described in strategy_named(strategy).FIELDS}


def _as_setting(described: ParameterField) -> Setting:
    return Setting(
        name=described.name,
        label=described.label,
        kind=SettingKind.COUNT if described.is_integer else SettingKind.NUMBER,
        help=described.help,
        default=int(described.default) if described.is_integer else Decimal(str(described.default)),
        low=Decimal(str(described.minimum)),
        high=Decimal(str(described.maximum)),
        decimals=ANY_DECIMALS if described.decimals is None else described.decimals,
        can_be_off=False,
    )


def make_params(strategy: str, values: Mapping[str, Any]) -> Any:
    """Return the strategy's frozen parameters from values that `Setting.read` gave."""
    fields = strategy_named(strategy).FIELDS
    return strategy_named(strategy).Params(
        **{field.name: (int if field.is_integer else float)(values[field.name]) for field in fields}
    )


def varied_params(strategy: str, params: Any, values: Mapping[str, Any]) -> Any:
    """Return the parameters with some of them changed to values within their bounds. Raise `SettingError`."""
    own = strategy_settings(strategy)
    typed = {
        name: int(value) if own[name].kind == SettingKind.COUNT else float(value) for name, value in values.items()
    }
    varied = params._replace(**typed)
    for name, sentence in strategy_named(strategy).check(varied):
        raise SettingError(name, sentence)
    return varied


def search_fields(strategy: str) -> dict[str, ParameterField]:
    """Return the fields that an optimisation of this strategy may vary, the strategy's own first."""
    return {field.name: field for field in (*strategy_named(strategy).FIELDS, *common_search_fields())}


@cache
def common_search_fields() -> tuple[ParameterField, ...]:
    """Return the settings that an optimisation of any strategy may vary."""
    return tuple(
        ParameterField(
            name=setting.name,
            label=setting.label,
            default=setting.search.suggested,
            minimum=setting.search.low,
            maximum=setting.search.high,
            step=setting.search.step,
            help=setting.help,
            is_integer=setting.kind == SettingKind.COUNT,
        )
        for setting in RUN_SETTINGS
        if setting.search is not None
    )


def can_be_off(name: str) -> bool:
    """Return True if "none" turns the setting off, so that it has no number."""
    setting = BY_NAME.get(name)
    return setting is not None and setting.can_be_off and setting.off is None


@cache
def labels() -> dict[str, str]:
    """Return the labels of all settings and strategy parameters by name."""
    own = {field.name: field.label for strategy in registry.STRATEGIES.values() for field in strategy.FIELDS}
    return own | {setting.name: setting.label for setting in BY_NAME.values()} | {"strategy": "Strategy"}


def settings_of_group(group: Group) -> tuple[Setting, ...]:
    """Return the settings of one group."""
    return tuple(setting for setting in BY_NAME.values() if setting.group == group)
