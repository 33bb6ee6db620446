"""What a result assumes: fill rules, costs, data, code, and how to reproduce it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from backtests.engine.jit_cache import FOLDER
from backtests.models import Run
from backtests.reports.formats import label, moment
from bots.settings.schema import BY_NAME, SETTINGS, SettingKind
from bots.settings.validate import notes
from bots.strategy import registry

FILL_RULES = (
    "A signal on a bar's close fills at the open of the next bar.",
    "Inside a bar the stop is met before the target; a bar that opens beyond the stop sells at its open.",
    "Targets fill at their own price and pay the maker fee; all else pays the taker fee and slippage.",
    "Quantities and prices obey the exchange's filters; a position open at the end stays open, at the last close.",
)
GAPS_SHOWN = 50
SHARES = frozenset(setting.name for setting in SETTINGS if setting.kind == SettingKind.FRACTION)
RISK = ("risk_per_trade", "stop_loss")


def assumptions(run: Run) -> dict[str, Any]:
    settings = run.settings or {}
    return {
        "rules": FILL_RULES,
        "costs": _costs(settings),
        "facts": _facts(run),
        "gaps": [{"first": moment(first), "last": moment(last)} for first, last in run.gaps[:GAPS_SHOWN]],
        "gap_count": len(run.gaps),
        "is_same_code": run.code_version == FOLDER.name,
        "groups": _groups(run.strategy, settings),
    }


def strategy_label(name: str) -> str:
    """Return a strategy's label; its name if it is no longer installed."""
    strategy = registry.STRATEGIES.get(name)
    return strategy.LABEL if strategy else name


def _costs(settings: Mapping[str, Any]) -> list[dict[str, str]]:
    taker = settings.get("fee_rate") or "0"
    maker = settings.get("maker_fee_rate")
    slippage = settings.get("slippage_bps") or "0"
    return [
        {"name": "Taker fee", "value": f"{float(taker):.4%}"},
        {"name": "Maker fee", "value": f"{float(taker if maker is None else maker):.4%}"},
        {"name": "Slippage", "value": f"{float(slippage):g} bps on every market fill, against us"},
    ]


def _facts(run: Run) -> list[dict[str, str]]:
    filters = "" if run.filters_at is None else f"{run.filters_at:%Y-%m-%d %H:%M} UTC"
    rows = [
        ("Filters read", filters, "When the symbol's rules (tick, step, smallest order) were read."),
        ("Data", run.data_hash, "SHA-256 of the candles that the run read."),
        ("Code", run.code_version, "Hash of the sources that decide a result."),
        ("Seed", str(run.seed), "Starts whatever is drawn by chance; a backtest draws nothing."),
        ("Result", run.result_hash, "SHA-256 of the result: equal for equal results."),
    ]
    return [{"name": name, "value": value, "meaning": meaning} for name, value, meaning in rows if value]


def _groups(strategy: str, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the settings: the strategy's own, then those of every bot, in the order of the form."""
    try:
        strategy_names = [field.name for field in registry.get(strategy).FIELDS]
    except registry.UnknownStrategy:  # a strategy that is no longer installed
        strategy_names = [name for name in settings if name not in BY_NAME and name != "strategy"]
    return [
        {"name": strategy_label(strategy), "rows": [setting(name, settings.get(name)) for name in strategy_names]},
        {"name": "Money, exits, limits", "rows": [setting(n, settings[n]) for n in BY_NAME if n in settings]},
        *_at_risk(settings),
    ]


def _at_risk(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Say what a trade truly risks, where that is less than was asked for."""
    values = {name: None if settings.get(name) is None else Decimal(settings[name]) for name in RISK}
    strategy = notes({**values, "position_size_mode": settings.get("position_size_mode")})
    rows = [{"key": name, "label": label(name), "value": sentence} for name, sentence in strategy.items()]
    return [{"name": "Truly at risk", "rows": rows}] if rows else []


def setting(name: str, value: Any) -> dict[str, str]:
    """Return a setting's key, label and value as text; the value is empty if it is off."""
    if value is None or value == "":
        text = ""
    elif name in SHARES:
        text = f"{float(value) * 100:.10g}%"
    else:
        text = (
            ("yes" if value else "no")
            if isinstance(value, bool)
            else f"{value:g}"
            if isinstance(value, float)
            else str(value)
        )
    return {"key": name, "label": label(name), "value": text}
