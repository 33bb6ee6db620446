"""What a person fills in to start a run. Whether it can be made is decided where the run is put on record."""

from __future__ import annotations

from typing import Any

from django import forms

from backtests.data_access import Request
from backtests.monte_carlo import Method as PathMethod
from backtests.optimise import OBJECTIVES, Method
from backtests.parameters import parse_pairs
from bots.models import BotConfig
from exchange.models import Dataset


class RunForm(forms.Form):
    """A backtest: candles, span and settings."""

    dataset = forms.ChoiceField(label="Candles")
    start = forms.CharField(label="From", required=False, help_text="ISO date or time, UTC. Empty: the first bar.")
    end = forms.CharField(label="To", required=False, help_text="Excluded. Empty: the last bar.")
    settings = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false"}),
        required=False,
        help_text="One key=value per line; “none” is off. What is left out has a bot's default.",
    )
    bot = forms.ModelChoiceField(BotConfig.objects.all(), required=False, widget=forms.HiddenInput)
    seed = forms.IntegerField(min_value=0, initial=1)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = Dataset.objects.all()
        self.fields["dataset"].choices = [  # type: ignore[attr-defined]
            (f"{row.symbol}:{row.interval}", f"{row} · {row.first_open_time:%Y-%m-%d} to {row.last_open_time:%Y-%m-%d}")
            for row in rows
        ]

    def clean_settings(self) -> dict[str, str]:
        try:
            return parse_pairs([self.cleaned_data["settings"].split()])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error

    def request(self, user: Any) -> Request:
        """What was asked for."""
        data = self.cleaned_data
        symbol, interval = data["dataset"].split(":")
        return Request(
            symbol,
            interval,
            data["settings"],
            data["start"] or None,
            data["end"] or None,
            data["bot"],
            user,
            data["seed"],
        )


class SearchForm(RunForm):
    """A search: what varies, how it is walked, what counts as good."""

    grid = forms.CharField(
        label="Search",
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        initial="ema_fast=5:24\nema_slow=30:69:2",
        help_text="One parameter per line: name=low:high, name=low:high:step, or name=a,b,none.",
    )
    conditions = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 2}), required=False, help_text="One per line: ema_slow >= 2 * ema_fast"
    )
    method = forms.ChoiceField(choices=[(m.value, m.name) for m in Method])
    objective = forms.ChoiceField(choices=[(o.name, o.label) for o in OBJECTIVES.values()])
    second_objective = forms.ChoiceField(
        choices=[("", "–"), *((o.name, o.label) for o in OBJECTIVES.values())], required=False, help_text="For NSGA-II."
    )
    min_trades = forms.IntegerField(min_value=0, initial=10)
    max_trials = forms.IntegerField(min_value=1, initial=500, help_text="For TPE and NSGA-II.")
    hold_out = forms.FloatField(
        min_value=0, max_value=0.9, initial=0.2, help_text="Share at the end of the span that the search cannot see."
    )

    def plan(self) -> dict[str, Any]:
        """The search as it is put on record."""
        data = self.cleaned_data
        objectives = [data["objective"], *([data["second_objective"]] if data["second_objective"] else [])]
        return {
            "grid": data["grid"].split(),
            "conditions": [line for line in data["conditions"].splitlines() if line.strip()],
            "method": data["method"],
            "objectives": objectives,
            "min_trades": data["min_trades"],
            "max_trials": data["max_trials"],
        }


class WalkForwardForm(SearchForm):
    """A walk-forward: a search for each window."""

    hold_out = None  # type: ignore[assignment]
    train_days = forms.IntegerField(min_value=1, initial=180, label="Days to search in")
    test_days = forms.IntegerField(min_value=1, initial=60, label="Days to trade on")
    anchored = forms.BooleanField(required=False, help_text="Search in all data so far instead of the last days.")

    def plan(self) -> dict[str, Any]:
        data = self.cleaned_data
        return super().plan() | {name: data[name] for name in ("train_days", "test_days", "anchored")}


class MonteCarloForm(forms.Form):
    """A Monte Carlo run over a backtest."""

    method = forms.ChoiceField(choices=[(m.value, m.value) for m in PathMethod])
    paths = forms.IntegerField(min_value=1, max_value=1_000_000, initial=10_000)
    mean_block = forms.FloatField(min_value=1, initial=10, help_text="Days, for the block bootstrap.")
    skip_probability = forms.FloatField(min_value=0, max_value=0.99, initial=0.1, help_text="For skipped trades.")
    ruin_level = forms.FloatField(min_value=0.01, max_value=0.99, initial=0.5, help_text="Share of capital lost.")
    seed = forms.IntegerField(min_value=0, initial=1)
