"""Form fields and inputs that say their unit, and those made from a strategy's own description of its parameters."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from bots.strategy.registry import STRATEGIES
from bots.strategy.types import ParameterField
from core.formats import percent

# EMA/RSI is the strategy whose parameters are columns of the bot; those of the others are kept by name.
COLUMN_STRATEGY = "ema_rsi"
SEPARATOR = "__"

# How a setting that bots and backtests share is typed.
FRACTIONS = (
    "position_size_perc",
    "risk_per_trade",
    "stop_loss",
    "take_profit",
    "trailing_stop",
    "max_daily_loss",
    "daily_profit_target",
    "max_drawdown",
)
AMOUNTS = ("initial_capital", "position_size_fixed")  # in quote
COUNTS = {"max_daily_trades": "entries", "cooldown_bars": "bars", "max_signal_age_s": "seconds"}


class UnitInput(forms.TextInput):
    """A short input with its unit behind it."""

    def __init__(self, unit: str = "", **attrs: str) -> None:
        super().__init__(attrs={"inputmode": "decimal", "size": "14", "autocomplete": "off", **attrs})
        self.unit = unit

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        inner = super().render(name, value, attrs, renderer)
        return format_html('<span class="input-unit">{}<span class="unit">{}</span></span>', inner, self.unit)


class FractionInput(UnitInput):
    """An input for a fraction, which also shows it in percent (the page's script follows what is typed)."""

    def __init__(self) -> None:
        super().__init__(**{"data-fraction": "", "placeholder": "off"})

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        inner = forms.TextInput.render(self, name, value, attrs, renderer)
        shown = _percent_of(value)
        return format_html('<span class="input-unit">{}<output class="unit">{}</output></span>', inner, shown)


def _percent_of(value: Any) -> str:
    try:
        return "= " + percent(Decimal(str(value).strip())).lstrip("+") if value not in (None, "") else ""
    except ArithmeticError:
        return ""


class PlainDecimalField(forms.DecimalField):
    """A decimal that shows without trailing zeros."""

    def prepare_value(self, value: Any) -> Any:
        return f"{value.normalize():f}" if isinstance(value, Decimal) and value.is_finite() else value


class FractionField(PlainDecimalField):
    """A fraction of one. What is typed with a percent sign is taken as percent: 2 % is 0.02."""

    widget = FractionInput

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and value.strip().endswith("%"):
            typed = super().to_python(value.strip().removesuffix("%").strip())
            return None if typed is None else (typed / 100).normalize()
        return super().to_python(value)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {}


class SymbolInput(forms.TextInput):
    """A text input that offers the symbols known."""

    def __init__(self, symbols: Iterable[str]) -> None:
        super().__init__(
            attrs={"list": "known-symbols", "autocomplete": "off", "autocapitalize": "characters", "size": "14"}
        )
        self.symbols = symbols

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        options = format_html_join("", '<option value="{}">', ((symbol,) for symbol in self.symbols))
        inner = super().render(name, value, attrs, renderer)
        return format_html('{}<datalist id="known-symbols">{}</datalist>', inner, options)


def parameter_field(described: ParameterField) -> forms.Field:
    """The form field of one parameter: its label, bounds and help, empty allowed while another strategy is chosen."""
    unit = f"{described.minimum:g} to {described.maximum:g}"
    kind: type[forms.Field] = forms.IntegerField if described.is_integer else PlainDecimalField
    options: dict[str, Any] = (
        {"min_value": int(described.minimum)}
        if described.is_integer
        else {"min_value": Decimal(str(described.minimum))}
    )
    options["max_value"] = int(described.maximum) if described.is_integer else Decimal(str(described.maximum))
    default = int(described.default) if described.is_integer else Decimal(str(described.default))
    return kind(
        label=described.label,
        help_text=described.help,
        required=False,
        initial=default,
        widget=UnitInput(unit, inputmode="numeric" if described.is_integer else "decimal"),
        **options,
    )


def input_name(strategy: str, parameter: str) -> str:
    """What a parameter's input is called: a column's own name for EMA/RSI, else with its strategy before it."""
    return parameter if strategy == COLUMN_STRATEGY else f"{strategy}{SEPARATOR}{parameter}"


def parameter_fields() -> dict[str, forms.Field]:
    """The inputs of every strategy, by name, in the strategies' order."""
    return {
        input_name(name, described.name): parameter_field(described)
        for name, strategy in STRATEGIES.items()
        for described in strategy.FIELDS
    }


def strategy_fieldsets() -> list[tuple[str, dict[str, Any]]]:
    """One group of inputs per strategy; the page's script shows that of the chosen one."""
    return [
        (
            f"{strategy.LABEL}: parameters",
            {
                "fields": [tuple(input_name(name, described.name) for described in strategy.FIELDS)],
                "classes": ["strategy-parameters", f"strategy-{name}"],
                "description": strategy.DESCRIPTION,
            },
        )
        for name, strategy in STRATEGIES.items()
    ]


def refuse(problems: dict[str, list[str]]) -> None:
    if problems:
        raise ValidationError(problems)
