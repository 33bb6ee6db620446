"""Form inputs of runs: datasets with their coverage, UTC times, parameter ranges, lists of numbers.

Inputs that say their unit are the bot form's own (bots/settings/form_fields.py).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from backtests.errors import SearchSpaceError
from backtests.optimisation.space import parse_dimension
from bots.settings.strategies import can_be_off
from bots.strategy.types import ParameterField
from exchange.models import Dataset

SUGGESTED_VALUES = 20  # about as many values as a range is filled in with


class DatasetField(forms.ChoiceField):
    """A choice of stored candles, each labelled with its coverage."""

    def offer(self, rows: list[Dataset]) -> None:
        self.choices = [("", "Choose candles…"), *((f"{row.symbol}:{row.interval}", _coverage(row)) for row in rows)]


def _coverage(row: Dataset) -> str:
    holes = f" · {row.missing:,} missing" if row.missing else ""
    period = f"{row.first_open_time:%Y-%m-%d} to {row.last_open_time:%Y-%m-%d}"
    return f"{row.symbol} {row.interval} · {period} · {row.rows:,} bars{holes}"


class MomentInput(forms.DateTimeInput):
    """A date input; a date and time input where the time is not midnight."""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        text = str(context["widget"]["value"] or "")
        has_time = "T" in text and not text.endswith("T00:00")
        context["widget"]["type"] = "datetime-local" if has_time else "date"
        context["widget"]["value"] = text if has_time else text.partition("T")[0]
        return context

    def format_value(self, value: Any) -> str | None:
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M") if isinstance(value, datetime) else value


class MomentField(forms.CharField):
    """A UTC date or time as ISO text; empty is the data's own end."""

    widget = MomentInput

    def clean(self, value: Any) -> str:
        text = str(super().clean(value)).strip()
        if text:
            try:
                datetime.fromisoformat(text)
            except ValueError:
                raise forms.ValidationError(
                    f"“{text}” is no date; write, for example, 2024-01-31 or 2024-01-31T12:00."
                ) from None
        return text


class RangeInput(forms.MultiWidget):
    """Inputs of a parameter range: from, to and step, or a list of values instead."""

    def __init__(self, described: ParameterField) -> None:
        self.described = described
        bounds = (f"{described.minimum:g}", f"{described.maximum:g}", f"{described.step:g}")
        names = ("from", "to", "step")
        inputs: dict[str, forms.Widget | type[forms.Widget]] = {
            name: _number_input(f"{described.label}, {name}", bound) for name, bound in zip(names, bounds, strict=True)
        }
        example = "a list: off, 0.02, 0.05" if can_be_off(described.name) else "a list: 5, 8, 13"
        inputs["list"] = forms.TextInput(
            attrs={"placeholder": example, "autocomplete": "off", "aria-label": f"{described.label}, a list of values"}
        )
        super().__init__(inputs)

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        parts = self.get_context(name, value, attrs)["widget"]["subwidgets"]
        inputs = [self._render(part["template_name"], {"widget": part}, renderer) for part in parts]  # type: ignore[attr-defined]
        between = '<span class="to">{}</span>'
        words = [format_html(between, word) for word in ("to", "step", "or")]
        joined = format_html_join("", "{}{}", zip(["", *words], inputs, strict=True))
        return format_html('<span class="range-input">{}</span>', joined)

    def decompress(self, value: str | None) -> list[str]:
        if not value:
            return ["", "", "", ""]
        if ":" in value:
            return [*[*value.split(":"), ""][:3], ""]
        return ["", "", "", value.replace("none", "off")]


def _number_input(label: str, bound: str) -> forms.TextInput:
    return forms.TextInput(
        attrs={"inputmode": "decimal", "autocomplete": "off", "placeholder": bound, "aria-label": label}
    )


class RangeField(forms.MultiValueField):
    """The values of one parameter to try, as text: `5:24:1` or `none,0.02`; empty leaves it fixed."""

    def __init__(self, described: ParameterField, **kwargs: Any) -> None:
        self.described = described
        parts = [forms.CharField(required=False) for _ in range(4)]
        super().__init__(
            parts,
            widget=RangeInput(described),
            label=described.label,
            help_text=described.help,
            required=False,
            **kwargs,
        )

    def compress(self, data_list: list[str]) -> str:
        low, high, step, listed = ([str(part or "").strip() for part in data_list] + [""] * 4)[:4]
        if not any((low, high, listed)):
            return ""
        if listed and (low or high):
            raise forms.ValidationError("Give a range or a list, not both.")
        if not listed and not (low and high):
            raise forms.ValidationError("A range has both ends: fill in “from” and “to”.")
        text = _list_text(listed) if listed else ":".join(part for part in (low, high, step) if part)
        try:
            parse_dimension(f"{self.described.name}={text}", {self.described.name: self.described})
        except SearchSpaceError as error:
            raise forms.ValidationError(str(error).replace(self.described.name, self.described.label)) from error
        return text


def _list_text(text: str) -> str:
    words = [word.strip() for word in text.split(",")]
    return ",".join("none" if word.lower() in ("off", "none") else word for word in words if word)


def suggested_range(described: ParameterField) -> str:
    """Return a range from half of the default to twice it, in about twenty steps."""
    scale = 1 if described.is_integer else described.step
    low = max(described.minimum, round(described.default / 2 / scale) * scale)
    high = min(described.maximum, round(described.default * 2 / scale) * scale)
    step = max(described.step, round((high - low) / SUGGESTED_VALUES / described.step) * described.step)
    return f"{low:.12g}:{high:.12g}:{step:.12g}"


class NumbersField(forms.CharField):
    """A list of numbers, separated by commas."""

    def clean(self, value: Any) -> list[float]:
        text = str(super().clean(value))
        try:
            return [float(word) for word in text.replace(",", " ").split()]
        except ValueError:
            raise forms.ValidationError("Write numbers separated by commas, such as 1, 1.5, 2.") from None


def range_name(strategy: str, parameter: str) -> str:
    """Return the input name of a parameter's range."""
    return f"range__{strategy}__{parameter}"
