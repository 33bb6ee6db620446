"""The form that starts a Monte Carlo run over a finished backtest."""

from __future__ import annotations

from typing import Any

from django import forms

from backtests.forms.inputs import NumbersField
from backtests.forms.run import FieldGroup
from backtests.models import Backtest, RunStatus
from backtests.monte_carlo.simulation import FEE_MULTIPLES, SLIPPAGES_BPS, ResamplingMethod
from bots.settings.form_fields import FractionField, UnitInput

METHODS = {
    ResamplingMethod.BOOTSTRAP: "Bootstrap: trades drawn again and again, some twice, some never",
    ResamplingMethod.SHUFFLE: "Shuffle: the same trades in another order; the end is the same, the way there is not",
    ResamplingMethod.BLOCK: "Blocks of days: runs of good and bad days stay together",
    ResamplingMethod.SKIP: "Skip: the order kept, each trade missed now and then",
}


class MonteCarloForm(forms.Form):
    """The settings of a Monte Carlo run."""

    backtest = forms.ModelChoiceField(
        Backtest.objects.none(), empty_label="Choose a backtest…", help_text="A finished one, with at least two trades."
    )
    method = forms.ChoiceField(choices=[(m.value, label) for m, label in METHODS.items()], label="Resampling method")
    paths = forms.IntegerField(
        min_value=1, max_value=1_000_000, initial=10_000, help_text="More make the tails surer: 10,000 do for the 5 %."
    )
    mean_block = forms.FloatField(
        min_value=1, initial=10, label="Mean block", widget=UnitInput("days"), help_text="For blocks of days."
    )
    skip_probability = FractionField(
        min_value=0,
        max_value=0.99,
        initial=0.1,
        label="Skipped trades",
        help_text="Chance that a trade is missed, for skip.",
    )
    ruin_level = FractionField(
        min_value=0.01,
        max_value=0.99,
        initial=0.5,
        label="Ruin level",
        help_text="Losing this share of the starting capital.",
    )
    fee_multiples = NumbersField(
        initial=", ".join(f"{value:g}" for value in FEE_MULTIPLES),
        label="Fee multiples",
        help_text="The backtest is run again under each of these.",
    )
    slippages_bps = NumbersField(
        initial=", ".join(f"{value:g}" for value in SLIPPAGES_BPS),
        label="Slippage",
        help_text="Basis points, each with each of the fees.",
    )
    seed = forms.IntegerField(min_value=0, initial=1, help_text="The same seed draws the same paths.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        done = Backtest.objects.filter(status=RunStatus.DONE).defer("result", "series", "symbol_info")
        self.fields["backtest"].queryset = done  # type: ignore[attr-defined]

    def plan(self) -> dict[str, Any]:
        """Return the simulation's settings as they are stored."""
        numbers = {name: float(self.cleaned_data[name]) for name in ("mean_block", "skip_probability", "ruin_level")}
        return {
            name: self.cleaned_data[name] for name in ("method", "paths", "fee_multiples", "slippages_bps")
        } | numbers

    def groups(self) -> list[FieldGroup]:
        def group(title: str, names: tuple[str, ...], description: str = "") -> FieldGroup:
            return FieldGroup(title, [self[name] for name in names], description, "compact")

        return [
            group("Simulation", ("backtest", "method", "paths", "mean_block", "skip_probability", "ruin_level")),
            group("Cost stress test", ("fee_multiples", "slippages_bps"), "Does the edge survive worse execution?"),
            group("Seed", ("seed",)),
        ]
