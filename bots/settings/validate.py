"""Check settings, each on its own and all together, for forms, commands, runs and bots alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from bots.settings.schema import BY_NAME, Setting, SettingError, Value
from bots.settings.strategies import make_params, strategy_named, strategy_settings


@dataclass(slots=True)
class Checked:
    """Hold checked settings: typed values, the strategy's parameters (None if wrong), and problems by setting."""

    values: dict[str, Value] = field(default_factory=dict)
    strategy_params: Any = None
    problems: dict[str, str] = field(default_factory=dict)


def check(strategy: str, given: Mapping[str, object], settings: Iterable[Setting]) -> Checked:
    """Read `settings` and the strategy's parameters from `given`, with defaults for what is missing."""
    checked = Checked()
    checked.values = _read(settings, given, checked.problems)
    checked.problems |= conflicts(checked.values, without=checked.problems)
    try:
        own = strategy_settings(strategy)
    except SettingError as error:
        checked.problems[error.field] = error.sentence
        return checked
    wrong: dict[str, str] = {}
    values = _read(own.values(), given, wrong)
    if not wrong:
        params = make_params(strategy, values)
        wrong = dict(strategy_named(strategy).check(params))
        checked.strategy_params = None if wrong else params
    checked.problems |= wrong
    return checked


def _read(settings: Iterable[Setting], given: Mapping[str, object], problems: dict[str, str]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for setting in settings:
        try:
            values[setting.name] = setting.read(given.get(setting.name, setting.default))
        except SettingError as error:
            problems[setting.name] = error.sentence
    return values


def conflicts(values: Mapping[str, Value], *, without: Iterable[str] = ()) -> dict[str, str]:
    """Return what does not fit together, a sentence by setting, except for the settings in `without`."""
    mode = values.get("position_size_mode")
    return {
        setting.name: setting.needed_sentence
        for setting in BY_NAME.values()
        if mode in setting.needed_by and values.get(setting.name) is None and setting.name not in without
    }


def capital_at_risk(values: Mapping[str, Any]) -> Decimal | None:
    """Return the share of the capital that an entry sized by risk loses at its stop; None in other modes.

    An entry never spends more than the capital (rule 5). With a stop nearer than the risk it therefore loses the
    stop's distance only.
    """
    risk, stop = values.get("risk_per_trade"), values.get("stop_loss")
    if values.get("position_size_mode") != "risk" or risk is None or stop is None:
        return None
    return Decimal(min(risk, stop))


def notes(values: Mapping[str, Any]) -> dict[str, str]:
    """Return notes on allowed settings that may surprise, a sentence by setting."""
    at_risk = capital_at_risk(values)
    if at_risk is None or at_risk >= values["risk_per_trade"]:
        return {}
    risk = values["risk_per_trade"]
    return {
        "risk_per_trade": f"A risk of {_percent(risk)} with a stop {_percent(at_risk)} away asks for more than the "
        f"whole capital. An entry spends the capital at most, so {_percent(at_risk)} of it is truly at risk."
    }


def _percent(fraction: Decimal) -> str:
    return f"{(Decimal(fraction) * 100).normalize():f} %"
