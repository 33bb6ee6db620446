"""Form fields of settings and strategy parameters, with inputs that show their unit."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from bots.settings.parse import COLUMN_STRATEGY
from bots.settings.schema import Setting, SettingError, SettingKind
from bots.settings.strategies import strategy_settings
from bots.strategy.registry import STRATEGIES
from core.formats import percent

SEPARATOR = "__"


class UnitInput(forms.TextInput):
    """Render a short input with its unit behind it."""

    def __init__(self, unit: str = "", **attrs: str) -> None:
        super().__init__(attrs={"inputmode": "decimal", "size": "14", "autocomplete": "off", **attrs})
        self.unit = unit

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        inner = super().render(name, value, attrs, renderer)
        return format_html('<span class="input-unit">{}<span class="unit">{}</span></span>', inner, self.unit)


class FractionInput(UnitInput):
    """Render an input for a fraction that also shows it in percent; the page's script updates it."""

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


class FractionField(forms.DecimalField):
    """Read a fraction that is not a setting. 2 % is read as 0.02."""

    widget = FractionInput

    def prepare_value(self, value: Any) -> Any:
        return _without_zeros(value)

    def to_python(self, value: Any) -> Any:
        is_percent = isinstance(value, str) and value.strip().endswith("%")
        return super().to_python(_of_percent(value.strip()) if is_percent else value)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {}


def _without_zeros(value: Any) -> Any:
    return f"{value.normalize():f}" if isinstance(value, Decimal) and value.is_finite() else value


class SettingField(forms.Field):
    """Read a setting by `Setting.read`, with its label, help and default. 2 % is read as 0.02."""

    def __init__(self, setting: Setting, **options: Any) -> None:
        self.setting = setting
        super().__init__(
            label=setting.label,
            help_text=setting.help,
            initial=setting.default,
            **{"required": False, "widget": _widget(setting), **options},
        )

    def prepare_value(self, value: Any) -> Any:
        return _without_zeros(value)

    def to_python(self, value: Any) -> Any:
        text = value.strip() if isinstance(value, str) else value
        try:
            if self.setting.kind == SettingKind.FRACTION and isinstance(text, str) and text.endswith("%"):
                return self.setting.read(_of_percent(text))
            return self.setting.read(text)
        except SettingError as error:
            raise ValidationError(error.sentence) from error


def _of_percent(text: str) -> Decimal | str:
    try:
        return (Decimal(text.removesuffix("%").strip()) / 100).normalize()
    except ArithmeticError:
        return text


def _widget(setting: Setting) -> forms.Widget:
    match setting.kind:
        case SettingKind.FRACTION:
            return FractionInput()
        case SettingKind.CHOICE:
            return forms.Select(choices=list(setting.choices.items()))
        case SettingKind.TRADING_HOURS:
            return forms.TextInput(attrs={"size": "40"})
        case SettingKind.COUNT:
            return UnitInput(setting.unit, inputmode="numeric")
        case _:
            return UnitInput(setting.unit)


def setting_fields(settings: Iterable[Setting]) -> dict[str, forms.Field]:
    """Return an input for each setting, by name."""
    return {
        setting.name: forms.BooleanField(
            label=setting.label, help_text=setting.help, required=False, initial=setting.default
        )
        if setting.kind == SettingKind.FLAG
        else SettingField(setting)
        for setting in settings
    }


class SymbolInput(forms.TextInput):
    """Render a text input that offers the stored symbols."""

    def __init__(self, symbols: Iterable[str]) -> None:
        super().__init__(
            attrs={"list": "known-symbols", "autocomplete": "off", "autocapitalize": "characters", "size": "14"}
        )
        self.symbols = symbols

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        options = format_html_join("", '<option value="{}">', ((symbol,) for symbol in self.symbols))
        inner = super().render(name, value, attrs, renderer)
        return format_html('{}<datalist id="known-symbols">{}</datalist>', inner, options)


def parameter_field(setting: Setting) -> forms.Field:
    """Return the input of one strategy parameter, its bounds as its unit."""
    mode = "numeric" if setting.kind == SettingKind.COUNT else "decimal"
    return SettingField(setting, widget=UnitInput(f"{setting.low:g} to {setting.high:g}", inputmode=mode))


def input_name(strategy: str, parameter: str) -> str:
    """Return the name of a parameter's input: the column for EMA/RSI, else prefixed with its strategy."""
    return parameter if strategy == COLUMN_STRATEGY else f"{strategy}{SEPARATOR}{parameter}"


def parameter_fields() -> dict[str, forms.Field]:
    """Return the inputs of all strategies by name."""
    return {
        input_name(strategy, name): parameter_field(setting)
        for strategy in STRATEGIES
        for name, setting in strategy_settings(strategy).items()
    }


def strategy_fieldsets() -> list[tuple[str, dict[str, Any]]]:
    """Return one group of inputs per strategy; the page's script shows the chosen strategy's."""
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
