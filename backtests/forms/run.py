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

from backtests.forms.inputs import DatasetField, MomentField
from backtests.runs.inputs import RunRequest
from bots.models import BotConfig
from bots.settings.form_fields import input_name, parameter_fields, setting_fields
from bots.settings.parse import COLUMN_STRATEGY, make_settings
from bots.settings.schema import RUN_SETTINGS, SettingError
from bots.settings.schema import Group as SettingGroup
from bots.settings.validate import conflicts
from bots.strategy import registry
from exchange.models import Dataset

COSTS, LIMITS, EXITS = (
    tuple(setting.name for setting in RUN_SETTINGS if setting.group == group)
    for group in (SettingGroup.COSTS, SettingGroup.LIMITS, SettingGroup.EXITS)
)
RUN_NAMES = tuple(setting.name for setting in RUN_SETTINGS)
SIZE = tuple(setting.name for setting in RUN_SETTINGS if setting.group == SettingGroup.SIZE)


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """Fields that are shown together."""

    title: str
    fields: list[forms.BoundField]
    description: str = ""
    classes: str = ""
    is_closed: bool = False
    errors: list[str] = field(default_factory=list)


SettingInputs: Any = type("SettingInputs", (forms.Form,), parameter_fields() | setting_fields(RUN_SETTINGS))


class RunForm(SettingInputs):
    """A backtest: candles, time range and settings."""

    dataset = DatasetField(label="Candles", help_text="Stored candles. More are brought in by import_klines.")
    start = MomentField(label="From", required=False, help_text="First day, UTC. Empty: the first bar there is.")
    end = MomentField(label="To", required=False, help_text="Not included. Empty: to the last bar.")
    strategy = forms.ChoiceField(
        choices=[(name, strategy.LABEL) for name, strategy in registry.STRATEGIES.items()],
        help_text="What decides to buy and to sell. Size, exits and limits are the same for all.",
    )
    bot = forms.ModelChoiceField(BotConfig.objects.all(), required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["initial"] = settings_initial(make_settings({}).to_json()) | (kwargs.get("initial") or {})
        kwargs["label_suffix"] = ""
        super().__init__(*args, **kwargs)
        self.rows = list(Dataset.objects.all())
        self.fields["dataset"].offer(self.rows)
        self.fields["dataset"].error_messages["required"] = "Choose the candles to run on."
        if len(self.rows) == 1:
            self.initial.setdefault("dataset", f"{self.rows[0].symbol}:{self.rows[0].interval}")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        self._drop_other_strategies(cleaned)
        self._check_span(cleaned)
        for name, sentence in conflicts(cleaned, without=self.errors).items():
            self.refuse(name, sentence)
        if not self.errors:
            try:
                make_settings(self.settings())
            except SettingError as error:
                self.refuse(error.field, error.sentence)
        return cleaned

    def refuse(self, name: str, message: str) -> None:
        """Show a refusal at the field that it is about, above the form where there is no such field."""
        strategy = str(self.cleaned_data.get("strategy") or self.initial.get("strategy") or COLUMN_STRATEGY)
        own = name if name in self.fields else input_name(strategy, name)
        text = message[:1].upper() + message[1:]
        self.add_error(own if own in self.fields else None, text if text.endswith((".", "?")) else f"{text}.")

    def _drop_other_strategies(self, cleaned: dict[str, Any]) -> None:
        """Drop what is wrong in an input of a strategy that is not used."""
        for name, strategy in registry.STRATEGIES.items():
            for described in strategy.FIELDS if name != cleaned.get("strategy") else ():
                self.errors.pop(input_name(name, described.name), None)

    def _check_span(self, cleaned: dict[str, Any]) -> None:
        start, end = _moment(cleaned.get("start")), _moment(cleaned.get("end"))
        if start and end and start >= end:
            self.add_error("end", "The period ends before it begins: choose a later end or an earlier start.")
            return
        row = next((row for row in self.rows if f"{row.symbol}:{row.interval}" == cleaned.get("dataset")), None)
        if row is None:
            return
        covered = f"these candles run from {row.first_open_time:%Y-%m-%d} to {row.last_open_time:%Y-%m-%d}"
        if start and start > row.last_open_time:
            self.add_error("start", f"There are no bars from there on: {covered}.")
        if end and end <= row.first_open_time:
            self.add_error("end", f"There are no bars before that: {covered}.")

    def settings(self) -> dict[str, Any]:
        """Return the settings by the names that commands use, None for off."""
        data = self.cleaned_data
        own = {
            described.name: data.get(input_name(data["strategy"], described.name))
            for described in registry.get(data["strategy"]).FIELDS
        }
        return {"strategy": data["strategy"], **own, **{name: data.get(name) for name in RUN_NAMES}}

    def request(self, user: Any) -> RunRequest:
        data = self.cleaned_data
        symbol, interval = data["dataset"].split(":")
        start, end = data["start"] or None, data["end"] or None
        return RunRequest(symbol, interval, self.settings(), start, end, data["bot"], user, data.get("seed") or 1)

    def group(self, title: str, names: tuple[str, ...], description: str = "", **look: Any) -> FieldGroup:
        return FieldGroup(title, [self[name] for name in names], description, **{"classes": "compact", **look})

    def _is_unset(self, names: tuple[str, ...]) -> bool:
        return not any(self[name].errors or str(self[name].value() or "0") != "0" for name in names)

    def strategy_groups(self) -> list[FieldGroup]:
        """Return the choice of strategy and the parameters of each; a script shows those of the chosen one."""
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

    def money_groups(self) -> list[FieldGroup]:
        return [
            self.group("Size", SIZE, "How much each entry buys."),
            self.group("Exits", EXITS, "Empty is off."),
            self.group("Costs", COSTS, "What the exchange and the spread take."),
            self.group("Limits", LIMITS, "They stop entries only. Empty is off.", is_closed=self._is_unset(LIMITS)),
        ]

    def groups(self) -> list[FieldGroup]:
        return [
            self.group("Market and time range", ("dataset", "start", "end"), "What it runs on."),
            *self.strategy_groups(),
            *self.money_groups(),
        ]


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def settings_initial(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as initial values of the form. Left out is off, but for costs: a bot has none."""
    strategy = str(settings.get("strategy") or COLUMN_STRATEGY)
    usual = make_settings({}).to_json()
    settings = {**{name: usual[name] for name in COSTS}, **settings}
    off: dict[str, Any] = dict.fromkeys(RUN_NAMES)
    known = {described.name for described in registry.get(strategy).FIELDS}
    own = {input_name(strategy, name): _short(value) for name, value in settings.items() if name in known}
    return off | {name: value for name, value in settings.items() if name in RUN_NAMES} | own | {"strategy": strategy}


def _short(value: Any) -> Any:
    return f"{value:.12g}" if isinstance(value, float) else value
