"""Parse the settings of a run from `--set key=value` pairs, a bot's fields, a form or stored JSON."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from bots.settings.run_settings import RunSettings
from bots.settings.schema import BY_NAME, RUN_SETTINGS, SettingError
from bots.settings.strategies import strategy_settings
from bots.settings.validate import check

MARKET = {"symbol": "--symbol", "timeframe": "--interval"}
COLUMN_STRATEGY = "ema_rsi"  # its parameters are columns of every bot, whatever the bot's strategy
NOT_OF_A_RUN = frozenset(name for name, setting in BY_NAME.items() if not setting.of_run)
WORDS_FOR_ACTIVE = ("true", "yes", "on", "1")


def parse_pairs(groups: Iterable[str | Iterable[str]]) -> dict[str, str]:
    """Read `key=value` words, in groups as the command line collects them. The last of a key counts."""
    pairs = {}
    for group in groups:
        for word in [group] if isinstance(group, str) else group:
            key, equals, value = word.partition("=")
            if not equals or not key.strip():
                raise SettingError("set", f"{word!r} is not key=value, for example ema_fast=12.")
            pairs[key.strip()] = value.strip()
    return pairs


def make_settings(values: Mapping[str, object], *, symbol: str = "", interval: str = "") -> RunSettings:
    """Return a run's settings from their keys and values (text, numbers or None), defaults for the rest.

    `symbol` and `interval` are those the run is on: a pair that says otherwise is refused. Raise `SettingError` for an
    unknown key, a value out of bounds, or settings that do not fit together.
    """
    given = {key: value for key, value in values.items() if key not in NOT_OF_A_RUN}
    _drop_market(given, {"symbol": symbol, "timeframe": interval})
    strategy = str(given.pop("strategy", COLUMN_STRATEGY))
    _refuse_unknown(given, strategy)
    checked = check(strategy, given, RUN_SETTINGS)
    for name, sentence in (checked.problems | _unused_columns(given, strategy)).items():
        raise SettingError(name, sentence)
    return RunSettings(strategy, checked.strategy_params, checked.values)


def _drop_market(given: dict[str, object], market: Mapping[str, str]) -> None:
    """Remove the market, which must be the run's own, and `is_active`: they are no settings of a run."""
    for key, option in MARKET.items():
        value = given.pop(key, None)
        if value is not None and market[key] and str(value) != market[key]:
            raise SettingError(key, f"{key}={value} contradicts {option} {market[key]}.")
    if "is_active" in given and str(given.pop("is_active")).strip().lower() not in WORDS_FOR_ACTIVE:
        raise SettingError("is_active", "is_active=false would decide nothing: leave it out.")


def _refuse_unknown(given: Mapping[str, object], strategy: str) -> None:
    own, columns = strategy_settings(strategy), strategy_settings(COLUMN_STRATEGY)
    for key in given:
        if key not in BY_NAME and key not in own and key not in columns:
            names = sorted({*(setting.name for setting in RUN_SETTINGS), *own, "strategy"})
            near = difflib.get_close_matches(key, names, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else f"the keys are {', '.join(names)}."
            raise SettingError(key, f"There is no setting {key!r}; {hint}")


def _unused_columns(given: Mapping[str, object], strategy: str) -> dict[str, str]:
    """Return the problems of EMA/RSI's parameters where another strategy runs; every bot has them as columns."""
    columns = strategy_settings(COLUMN_STRATEGY)
    if strategy == COLUMN_STRATEGY or not columns.keys() & given.keys():
        return {}
    return check(COLUMN_STRATEGY, given, ()).problems
