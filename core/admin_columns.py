"""Declare a column of an admin list in one line: its label, and what it shows of a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin
from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from core.formats import quantity

Show = Callable[[Any], Any]


def column(label: str, show: Show, *, ordering: str | None = None) -> Any:
    """Return a column that shows `show(row)`."""

    @admin.display(description=label, ordering=ordering)
    def shown(_admin: Any, row: Any) -> Any:
        return show(row)

    return shown


def number_column(label: str, show: Show, *, tone: Show | None = None) -> Any:
    """Return a right-aligned column of numbers; `tone(row)` gives the CSS class of a gain or loss."""
    return column(label, lambda row: number(show(row), tone(row) if tone else ""))


def decimal_column(name: str, label: str | None = None) -> Any:
    """Return a column that shows a decimal field without needless zeros."""
    text = label or name.replace("_", " ")
    return column(text, lambda row: number(quantity(getattr(row, name))), ordering=name)


def number(text: str, css: str = "") -> SafeString:
    """Return a number as a right-aligned cell."""
    return format_html('<span class="cell-num {}">{}</span>', css, text)


def cell_column(label: str, template: str, context: Show, *, ordering: str | None = None) -> Any:
    """Return a column rendered by a template that pages use too; `context(row)` gives its values."""
    return column(label, lambda row: render_to_string(template, context(row)), ordering=ordering)


def bullet_list(lines: Iterable[str]) -> SafeString:
    """Return lines of text as an HTML list."""
    return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", ((line,) for line in lines)))
