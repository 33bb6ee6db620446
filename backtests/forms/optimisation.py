"""The forms that start an optimisation or a walk-forward."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from django import forms

from backtests.errors import SearchSpaceError
from backtests.forms.inputs import RangeField, range_name, suggested_range
from backtests.forms.run import FieldGroup, RunForm
from backtests.optimisation.samplers import MAX_TRIALS, OBJECTIVES, SearchMethod
from backtests.optimisation.space import SearchSpace, make_space, parse_condition
from bots.settings.form_fields import UnitInput
from bots.settings.strategies import common_search_fields
from bots.strategy import registry

COMMON = "common"
PREFILLED_RANGES = 2  # of the strategy's parameters, filled in with a sensible range
METHODS = {
    SearchMethod.GRID: "Grid: every combination",
    SearchMethod.TPE: "TPE: learns where good trials lie (Optuna)",
    SearchMethod.NSGA2: "NSGA-II: two objectives at once (Optuna)",
}
METHOD_FIELDS = ("method", "objective", "second_objective", "min_trades", "max_trials")
COUNTABLE = 50_000  # combinations that are counted one by one while a person types


class _Range(NamedTuple):
    """A parameter and the input of its range."""

    name: str
    own: str


def _range_fields() -> dict[str, forms.Field]:
    fields: dict[str, forms.Field] = {}
    for name, strategy in registry.STRATEGIES.items():
        fields |= {range_name(name, described.name): RangeField(described) for described in strategy.FIELDS}
    return fields | {range_name(COMMON, described.name): RangeField(described) for described in common_search_fields()}


RangeInputs: Any = type("RangeInputs", (RunForm,), dict(_range_fields()))


class OptimisationForm(RangeInputs):
    """An optimisation of parameters over candles, with a hold-out at their end."""

    conditions = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "placeholder": "ema_slow >= 2 * ema_fast"}),
        required=False,
        help_text="One comparison a line that every trial must satisfy.",
    )
    method = forms.ChoiceField(
        choices=[(m.value, label) for m, label in METHODS.items()],
        initial=SearchMethod.GRID.value,
        label="Search method",
    )
    objective = forms.ChoiceField(
        choices=[(o.name, o.label) for o in OBJECTIVES.values()],
        initial="sharpe",
        label="Objective",
        help_text="The metric to optimise.",
    )
    second_objective = forms.ChoiceField(
        choices=[("", "–"), *((o.name, o.label) for o in OBJECTIVES.values())],
        required=False,
        label="Second objective",
        help_text="NSGA-II only: it finds the trials that no other beats in both.",
    )
    min_trades = forms.IntegerField(
        min_value=0,
        initial=10,
        label="Min. trades",
        widget=UnitInput("closed trades", inputmode="numeric"),
        help_text="A trial with fewer is kept but cannot be the best. Few trades prove little.",
    )
    max_trials = forms.IntegerField(
        min_value=1,
        max_value=MAX_TRIALS,
        initial=500,
        label="Max. trials",
        widget=UnitInput("trials", inputmode="numeric"),
        help_text="For TPE and NSGA-II. Each further trial makes a lucky best likelier.",
    )
    hold_out = forms.FloatField(
        min_value=0,
        max_value=0.9,
        initial=0.2,
        label="Hold-out",
        widget=UnitInput("of the period"),
        help_text="The end of the data that no trial can see. Opening it later is logged.",
    )
    seed = forms.IntegerField(min_value=0, initial=1, help_text="The same seed tries the same parameters.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not any(name.startswith("range__") for name in self.initial):
            for name, strategy in registry.STRATEGIES.items():
                for described in strategy.FIELDS[:PREFILLED_RANGES]:
                    self.initial[range_name(name, described.name)] = suggested_range(described)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        names = [text.partition("=")[0] for text in self.grid()]
        for line in self._conditions():
            try:
                parse_condition(line, names)
            except SearchSpaceError as error:
                self.add_error("conditions", str(error))
        if cleaned.get("method") == SearchMethod.NSGA2:
            if cleaned.get("second_objective") in ("", cleaned.get("objective")):
                self.add_error("second_objective", "NSGA-II takes two different objectives.")
        elif cleaned.get("second_objective"):
            self.add_error("second_objective", "Only NSGA-II takes a second objective: choose it above, or none here.")
        return cleaned

    def _drop_other_strategies(self, cleaned: dict[str, Any]) -> None:
        super()._drop_other_strategies(cleaned)
        for name, strategy in registry.STRATEGIES.items():
            for described in strategy.FIELDS if name != cleaned.get("strategy") else ():
                self.errors.pop(range_name(name, described.name), None)

    def refuse(self, name: str, message: str) -> None:
        """Show an error of the whole grid at the first parameter range."""
        if name == "grid":
            strategy = self.cleaned_data["strategy"]
            searched = [described.name for described in self._described() if self.cleaned_data.get(described.own)]
            first = searched[0] if searched else registry.get(strategy).FIELDS[0].name
            name = range_name(strategy, first)
            name = name if name in self.fields else range_name(COMMON, first)
        super().refuse(name, message)

    def _described(self) -> list[_Range]:
        chosen = self.cleaned_data.get("strategy")
        strategy = registry.STRATEGIES.get(str(chosen))
        own = (
            [_Range(described.name, range_name(str(chosen), described.name)) for described in strategy.FIELDS]
            if strategy
            else []
        )
        return own + [
            _Range(described.name, range_name(COMMON, described.name)) for described in common_search_fields()
        ]

    def grid(self) -> list[str]:
        """Return the parameter ranges as the command line writes them."""
        values = ((parameter.name, self.cleaned_data.get(parameter.own)) for parameter in self._described())
        return [f"{name}={text}" for name, text in values if text]

    def _conditions(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data.get("conditions", "").splitlines() if line.strip()]

    def plan(self) -> dict[str, Any]:
        """Return the optimisation's settings as they are stored."""
        data = self.cleaned_data
        objectives = [data["objective"], *([data["second_objective"]] if data["second_objective"] else [])]
        return {
            "grid": self.grid(),
            "conditions": self._conditions(),
            "method": data["method"],
            "objectives": objectives,
            "min_trades": data["min_trades"],
            "max_trials": data["max_trials"],
        }

    def count(self) -> tuple[int, int | None]:
        """Return the combinations of the ranges, and how many of them are allowed (None: too many to count)."""
        space: SearchSpace = make_space(self.cleaned_data["strategy"], self.grid(), self._conditions())
        if space.size > COUNTABLE:
            return space.size, None
        return space.size, sum(1 for _ in space.combinations(self.settings()))

    def range_groups(self) -> list[FieldGroup]:
        hint = "An empty range is not varied: then the value above counts."
        groups = [
            FieldGroup(
                "Parameter ranges",
                [self[range_name(name, described.name)] for described in strategy.FIELDS],
                hint,
                f"ranges strategy-parameters strategy-{name}",
            )
            for name, strategy in registry.STRATEGIES.items()
        ]
        common = [self[range_name(COMMON, described.name)] for described in common_search_fields()]
        used = any(bound.value() and any(bound.value()) for bound in common)
        common_group = FieldGroup("Ranges of exits, size and limits", common, hint, "ranges", is_closed=not used)
        return [*groups, common_group, self.group("Conditions", ("conditions",))]

    def method_groups(self) -> list[FieldGroup]:
        return [
            self.group("Search method", METHOD_FIELDS),
            self.group("Hold-out", ("hold_out", "seed"), "Data kept for an honest test."),
        ]

    def groups(self) -> list[FieldGroup]:
        return [
            self.group("Market and time range", ("dataset", "start", "end"), "What it runs on."),
            *self.strategy_groups(),
            *self.range_groups(),
            *self.method_groups(),
            *self.money_groups(),
        ]


class WalkForwardForm(OptimisationForm):
    """A walk-forward: an optimisation for each window, traded on the time after it."""

    hold_out = None  # type: ignore[assignment]
    train_days = forms.IntegerField(
        min_value=1,
        initial=180,
        label="In-sample window",
        widget=UnitInput("days"),
        help_text="Parameters are chosen on it.",
    )
    test_days = forms.IntegerField(
        min_value=1,
        initial=60,
        label="Out-of-sample window",
        widget=UnitInput("days"),
        help_text="The chosen parameters are traded on it.",
    )
    anchored = forms.TypedChoiceField(
        label="Windows",
        choices=[("", "Rolling: the last days alone"), ("yes", "Anchored: all days so far")],
        coerce=bool,
        empty_value="",
        required=False,
        help_text="Rolling forgets old markets; anchored learns from all of them.",
    )

    def plan(self) -> dict[str, Any]:
        data = self.cleaned_data
        lengths = {name: data[name] for name in ("train_days", "test_days")}
        return super().plan() | lengths | {"anchored": bool(data["anchored"])}

    def method_groups(self) -> list[FieldGroup]:
        return [
            self.group(
                "Windows", ("train_days", "test_days", "anchored"), "Nothing is judged on days it was chosen on."
            ),
            self.group("Search method", (*METHOD_FIELDS, "seed")),
        ]


def plan_initial(strategy: str, plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored plan as initial values of the form."""
    strategy_names = {described.name for described in registry.get(strategy).FIELDS}
    pairs = [text.partition("=")[::2] for text in plan["grid"]]
    ranges = {range_name(strategy if name in strategy_names else COMMON, name): text for name, text in pairs}
    objectives = [*plan.get("objectives", ("sharpe",)), ""]
    copied = ("method", "min_trades", "max_trials", "hold_out", "train_days", "test_days")
    return {
        **ranges,
        **{name: plan[name] for name in copied if name in plan},
        "conditions": "\n".join(plan.get("conditions", ())),
        "objective": objectives[0],
        "second_objective": objectives[1],
        "anchored": "yes" if plan.get("anchored") else "",
    }
