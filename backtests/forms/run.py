"""What a person fills in to start a run: typed, bounded, explained. Whether it can be made is decided at its storing.

What each setting may be is fields.py's and the strategy's own word; here its refusal is put at its field. The forms of
searches and walk-forwards are in optimisation.py, that of Monte Carlo runs in monte_carlo.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.db.models import Field

from backtests.forms.inputs import DatasetField, MomentField
from backtests.runs.inputs import Request
from backtests.settings.fields import FIELDS, ParametersError
from backtests.settings.parse import make_parameters
from bots.models import BotConfig
from bots.settings.form_fields import (
    AMOUNTS,
    COLUMN_STRATEGY,
    COUNTS,
    FRACTIONS,
    FractionField,
    FractionInput,
    PlainDecimalField,
    UnitInput,
    input_name,
    parameter_fields,
)
from bots.strategy import registry
from exchange.models import Dataset

COSTS = ("fee_rate", "maker_fee_rate", "slippage_bps")
LIMITS = (
    "max_daily_trades",
    "max_daily_loss",
    "daily_profit_target",
    "max_drawdown",
    "cooldown_bars",
    "trading_hours",
    "max_signal_age_s",
)


@dataclass(frozen=True, slots=True)
class Group:
    """Fields that stand together on the page."""

    title: str
    fields: list[forms.BoundField]
    description: str = ""
    classes: str = ""
    is_closed: bool = False
    errors: list[str] = field(default_factory=list)


def setting_fields() -> dict[str, forms.Field]:
    """An input for each setting of a run, in the words of a bot's form."""
    found = {name: _as_of_a_bot(name) for name in FIELDS if hasattr(BotConfig, name)}
    costs = {
        "fee_rate": FractionField(
            label="Fee", required=False, help_text="Of each fill's value; Binance Spot takes 0.001, 0.1 %."
        ),
        "maker_fee_rate": FractionField(
            label="Fee of a target",
            required=False,
            help_text="Of a take-profit that rested on the book. Empty: the fee.",
        ),
        "slippage_bps": PlainDecimalField(
            label="Slippage",
            required=False,
            widget=UnitInput("basis points"),
            help_text="How much worse than the open market orders fill: 5 is 0.05 %.",
        ),
    }
    return found | costs


def _as_of_a_bot(name: str) -> forms.Field:
    described = BotConfig._meta.get_field(name)
    assert isinstance(described, Field)  # noqa: S101
    if name in FRACTIONS:
        made = described.formfield(form_class=FractionField, widget=FractionInput)
    elif name in AMOUNTS:
        made = described.formfield(form_class=PlainDecimalField, widget=UnitInput("quote"))
    elif name in COUNTS:
        made = described.formfield(widget=UnitInput(COUNTS[name], inputmode="numeric"))
    else:
        made = described.formfield()
    assert made is not None  # noqa: S101
    made.validators = []  # fields.py refuses, in one place for forms and commands
    made.required = name in ("initial_capital", "position_size_mode")
    return made


SettingInputs: Any = type("SettingInputs", (forms.Form,), {**parameter_fields(), **setting_fields()})


class RunForm(SettingInputs):
    """A backtest: candles, span and settings."""

    dataset = DatasetField(label="Candles", help_text="Stored candles. More are brought in by import_klines.")
    start = MomentField(label="From", required=False, help_text="First day, UTC. Empty: the first bar there is.")
    end = MomentField(label="To", required=False, help_text="Not included. Empty: to the last bar.")
    strategy = forms.ChoiceField(
        choices=[(name, strategy.LABEL) for name, strategy in registry.STRATEGIES.items()],
        help_text="What decides to buy and to sell. Size, exits and limits are the same for all.",
    )
    bot = forms.ModelChoiceField(BotConfig.objects.all(), required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["initial"] = settings_initial(make_parameters({}).to_json()) | (kwargs.get("initial") or {})
        kwargs["label_suffix"] = ""
        super().__init__(*args, **kwargs)
        self.rows = list(Dataset.objects.all())
        self.fields["dataset"].offer(self.rows)
        self.fields["dataset"].error_messages["required"] = "Choose the candles to run on."
        if len(self.rows) == 1:
            self.initial.setdefault("dataset", f"{self.rows[0].symbol}:{self.rows[0].interval}")

    # --- What is refused ---------------------------------------------------------------------------------------------

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        self._forget_other_strategies(cleaned)
        self._check_span(cleaned)
        for name, read in FIELDS.items():
            if name in cleaned and name not in self.errors:
                self._refusing(lambda name=name, read=read: read(name, cleaned[name]))
        if not self.errors:
            self._refusing(lambda: make_parameters(self.settings()))
        return cleaned

    def _refusing(self, read: Any) -> None:
        """Put what `read` refuses at its field."""
        try:
            read()
        except ParametersError as error:
            self.refuse(error.field, str(error))

    def refuse(self, name: str, message: str) -> None:
        """Show a refusal at the field that it is about, by the field's label; above the form where it has none."""
        strategy = str(self.cleaned_data.get("strategy") or self.initial.get("strategy") or COLUMN_STRATEGY)
        known = registry.STRATEGIES.get(strategy)
        for described in known.FIELDS if known else ():
            message = message.replace(described.name, described.label)
        for other in FIELDS:
            label = self.fields[other].label
            message = message.replace(other, str(label)) if label else message
        own = name if name in self.fields else input_name(strategy, name)
        text = message[:1].upper() + message[1:]
        self.add_error(own if own in self.fields else None, text if text.endswith((".", "?")) else f"{text}.")

    def _forget_other_strategies(self, cleaned: dict[str, Any]) -> None:
        """Nonsense in an input of a strategy that is not used refuses nothing; the chosen one's must all be there."""
        for name, strategy in registry.STRATEGIES.items():
            for described in strategy.FIELDS:
                own = input_name(name, described.name)
                if name != cleaned.get("strategy"):
                    self.errors.pop(own, None)
                elif cleaned.get(own) is None and own not in self.errors:
                    self.add_error(own, "This strategy needs a value here.")

    def _check_span(self, cleaned: dict[str, Any]) -> None:
        start, end = _moment(cleaned.get("start")), _moment(cleaned.get("end"))
        if start and end and start >= end:
            self.add_error("end", "The span ends before it begins: choose a later end or an earlier start.")
            return
        row = next((row for row in self.rows if f"{row.symbol}:{row.interval}" == cleaned.get("dataset")), None)
        if row is None:
            return
        covered = f"these candles run from {row.first_open_time:%Y-%m-%d} to {row.last_open_time:%Y-%m-%d}"
        if start and start > row.last_open_time:
            self.add_error("start", f"There are no bars from there on: {covered}.")
        if end and end <= row.first_open_time:
            self.add_error("end", f"There are no bars before that: {covered}.")

    # --- What was asked for ------------------------------------------------------------------------------------------

    def settings(self) -> dict[str, Any]:
        """Settings by the names that commands use, None for off."""
        data = self.cleaned_data
        own = {
            described.name: data.get(input_name(data["strategy"], described.name))
            for described in registry.get(data["strategy"]).FIELDS
        }
        return {"strategy": data["strategy"], **own, **{name: data.get(name) for name in FIELDS}}

    def request(self, user: Any) -> Request:
        data = self.cleaned_data
        symbol, interval = data["dataset"].split(":")
        start, end = data["start"] or None, data["end"] or None
        return Request(symbol, interval, self.settings(), start, end, data["bot"], user, data.get("seed") or 1)

    # --- How it stands on the page -----------------------------------------------------------------------------------

    def group(self, title: str, names: tuple[str, ...], description: str = "", **look: Any) -> Group:
        return Group(title, [self[name] for name in names], description, **{"classes": "compact", **look})

    def _is_unset(self, names: tuple[str, ...]) -> bool:
        return not any(self[name].errors or str(self[name].value() or "0") != "0" for name in names)

    def strategy_groups(self) -> list[Group]:
        """The choice of strategy, and the parameters of each; the page's script shows those of the chosen one."""
        return [
            self.group("Strategy", ("strategy",)),
            *(
                self.group(
                    f"{strategy.LABEL}: parameters",
                    tuple(input_name(name, described.name) for described in strategy.FIELDS),
                    strategy.DESCRIPTION,
                    classes=f"compact strategy-parameters strategy-{name}",
                )
                for name, strategy in registry.STRATEGIES.items()
            ),
        ]

    def money_groups(self) -> list[Group]:
        size = ("position_size_mode", "position_size_fixed", "position_size_perc", "risk_per_trade")
        return [
            self.group("Size", ("initial_capital", "compounding", *size), "How much each entry buys."),
            self.group("Exits", ("stop_loss", "take_profit", "trailing_stop"), "Empty is off."),
            self.group("Costs", COSTS, "What the exchange and the spread take."),
            self.group("Limits", LIMITS, "They stop entries only. Empty is off.", is_closed=self._is_unset(LIMITS)),
        ]

    def groups(self) -> list[Group]:
        return [
            self.group("Market and span", ("dataset", "start", "end"), "What it runs on."),
            *self.strategy_groups(),
            *self.money_groups(),
        ]


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def settings_initial(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by their names as the form's inputs call them. Left out is off, but for costs: a bot has none."""
    strategy = str(settings.get("strategy") or COLUMN_STRATEGY)
    usual = make_parameters({}).to_json()
    settings = {**{name: usual[name] for name in COSTS}, **settings}
    off: dict[str, Any] = dict.fromkeys(FIELDS)
    known = {described.name for described in registry.get(strategy).FIELDS}
    own = {input_name(strategy, name): _short(value) for name, value in settings.items() if name in known}
    return off | {name: value for name, value in settings.items() if name in FIELDS} | own | {"strategy": strategy}


def _short(value: Any) -> Any:
    return f"{value:.12g}" if isinstance(value, float) else value
