"""The settings of a run over candles: `--set key=value` pairs, a bot's fields or a form, made one frozen value.

Backtest and replay read theirs here, so the same words mean the same run. Bounds of single values are in fields.py.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from backtests.settings.fields import FIELDS, ParametersError, read_flag
from bots.strategy import ema_rsi, registry
from bots.strategy.types import OFF, ExitParams, RiskParams, SizeMode, SizeParams
from core.formats import plain

MODES = {"fixed": SizeMode.FIXED, "percent": SizeMode.PERCENT, "risk": SizeMode.RISK}
NEEDED_BY_MODE = {"fixed": "position_size_fixed", "percent": "position_size_perc", "risk": "risk_per_trade"}
LEVELS = ("rsi_overbought", "rsi_oversold")  # a bot keeps these with two decimals
MARKET = {"symbol": "--symbol", "timeframe": "--interval"}
EMA_RSI_FIELDS = {field.name for field in ema_rsi.FIELDS}  # columns of every bot, whatever its strategy


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What a run is to do. Names and meanings are those of a bot's fields; None is off.

    `strategy_params` is the strategy's own tuple. Fee rates are fractions of a fill's notional: `maker_fee_rate` None
    equals `fee_rate`. Amounts are in quote.
    """

    strategy: str = "ema_rsi"
    strategy_params: Any = None
    initial_capital: Decimal = Decimal(1000)
    position_size_mode: str = "percent"
    position_size_fixed: Decimal | None = None
    position_size_perc: Decimal | None = Decimal("0.5")
    risk_per_trade: Decimal | None = None
    compounding: bool = True
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    trailing_stop: Decimal | None = None
    max_daily_trades: int | None = None
    max_daily_loss: Decimal | None = None
    daily_profit_target: Decimal | None = None
    max_drawdown: Decimal | None = None
    cooldown_bars: int = 0
    max_signal_age_s: int | None = None
    trading_hours: str = ""
    fee_rate: Decimal = Decimal("0.001")
    maker_fee_rate: Decimal | None = None
    slippage_bps: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        if self.strategy_params is None:
            object.__setattr__(self, "strategy_params", registry.make_params(self.strategy, {}))
        needed = NEEDED_BY_MODE[self.position_size_mode]
        if getattr(self, needed) is None:
            raise ParametersError(needed, f"position_size_mode {self.position_size_mode} needs {needed}")
        if self.position_size_mode == "risk" and self.stop_loss is None:
            raise ParametersError("stop_loss", "position_size_mode risk needs a stop_loss: it is what the risk is of")

    @property
    def target_fee_rate(self) -> Decimal:
        """What a target that rested on the book pays."""
        return self.fee_rate if self.maker_fee_rate is None else self.maker_fee_rate

    def size(self) -> SizeParams:
        return SizeParams(
            mode=int(MODES[self.position_size_mode]),
            fixed=_or_off(self.position_size_fixed),
            percent=_or_off(self.position_size_perc),
            risk_per_trade=_or_off(self.risk_per_trade),
            stop_loss=_or_off(self.stop_loss),
        )

    def exits(self) -> ExitParams:
        return ExitParams(_or_off(self.stop_loss), _or_off(self.take_profit), _or_off(self.trailing_stop))

    def risk(self) -> RiskParams:
        return RiskParams(
            cooldown_bars=self.cooldown_bars,
            max_daily_trades=_or_off(self.max_daily_trades),
            max_daily_loss=_or_off(self.max_daily_loss),
            daily_profit_target=_or_off(self.daily_profit_target),
            max_drawdown=_or_off(self.max_drawdown),
        )

    def to_json(self) -> dict[str, Any]:
        """Every setting by its key: the strategy's own beside the rest, decimals as text, null where off."""
        values: dict[str, Any] = {"strategy": self.strategy}
        values |= self.strategy_params._asdict()
        for field in fields(self):
            if field.name not in ("strategy", "strategy_params"):
                value = getattr(self, field.name)
                values[field.name] = plain(value) if isinstance(value, Decimal) else value
        return values


def _or_off(value: Decimal | int | None) -> float:
    """A setting as the steps take it: float64, NaN where it is off."""
    return OFF if value is None else float(value)


def parse_pairs(groups: Iterable[str | Iterable[str]]) -> dict[str, str]:
    """`key=value` words, in groups as the command line collects them, as a mapping. The last of a key counts."""
    pairs = {}
    for group in groups:
        for word in [group] if isinstance(group, str) else group:
            key, equals, value = word.partition("=")
            if not equals or not key.strip():
                raise ParametersError("set", f"{word!r} is not key=value, for example ema_fast=12")
            pairs[key.strip()] = value.strip()
    return pairs


def make_parameters(values: Mapping[str, object], *, symbol: str = "", interval: str = "") -> RunSettings:
    """Settings from their keys and values (text, numbers or None), defaults for the rest.

    `symbol` and `interval` are those the run is on: a pair that says otherwise is refused. Raise `ParametersError` for
    an unknown key, a value out of bounds, or settings that do not fit together.
    """
    given = dict(values)
    _drop_market(given, {"symbol": symbol, "timeframe": interval})
    strategy = str(given.pop("strategy", "ema_rsi"))
    settings = {key: FIELDS[key](key, given.pop(key)) for key in list(given) if key in FIELDS}
    return RunSettings(strategy=strategy, strategy_params=_strategy_params(strategy, given), **settings)  # type: ignore[arg-type]


def _drop_market(given: dict[str, object], market: Mapping[str, str]) -> None:
    """Take out what is no setting of a run: the market, which must be the run's own, and `is_active`."""
    for key, option in MARKET.items():
        value = given.pop(key, None)
        if value is not None and market[key] and str(value) != market[key]:
            raise ParametersError(key, f"{key}={value} contradicts {option} {market[key]}")
    if "is_active" in given and not read_flag("is_active", given.pop("is_active")):
        raise ParametersError("is_active", "is_active=false would decide nothing: leave it out")


def _strategy_params(strategy: str, given: dict[str, object]) -> Any:
    """The strategy's parameters from what is left. EMA/RSI fields, which every bot has, are checked in any case."""
    try:
        known = {field.name for field in registry.get(strategy).FIELDS}
        for key in given:
            if key not in known | EMA_RSI_FIELDS:
                raise ParametersError(key, _unknown(key, known))
        _check_levels(given)
        registry.make_params("ema_rsi", {key: given[key] for key in given if key in EMA_RSI_FIELDS})
        return registry.make_params(strategy, {key: given[key] for key in given if key in known})
    except registry.ParameterError as error:
        raise ParametersError(error.field, str(error)) from error


def strategy_params(parameters: RunSettings, values: Mapping[str, object]) -> Any:
    """The strategy's parameters with some of them changed. Raise `ParametersError` as above."""
    if not values:
        return parameters.strategy_params
    _check_levels(values)
    try:
        return registry.make_params(parameters.strategy, {**parameters.strategy_params._asdict(), **values})
    except registry.ParameterError as error:
        raise ParametersError(error.field, str(error)) from error


def _check_levels(given: Mapping[str, object]) -> None:
    for key in LEVELS:
        if len(str(given.get(key, "")).partition(".")[2].rstrip("0")) > 2:
            raise ParametersError(key, f"{key} may have at most 2 decimals, not {given[key]}")


def _unknown(key: str, strategy_keys: set[str]) -> str:
    known = sorted({*FIELDS, *strategy_keys, "strategy"})
    near = difflib.get_close_matches(key, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"the keys are {', '.join(known)}"
    return f"there is no setting {key!r}; {hint}"
