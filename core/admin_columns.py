"""Columns of the admin's lists, declared in a line each: a label and how a row shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

Show = Callable[[Any], Any]


def column(label: str, show: Show, *, ordering: str | None = None) -> Any:
    """Return a column that shows `show(row)`."""

    @admin.display(description=label, ordering=ordering)
    def shown(_admin: Any, row: Any) -> Any:
        return show(row)

    return shown


def number_column(label: str, show: Show, *, tone: Show | None = None) -> Any:
    """Return a column of numbers, set right; `tone(row)` gives the CSS class of a gain or a loss."""
    return column(label, lambda row: number(show(row), tone(row) if tone else ""))


def number(text: str, css: str = "") -> SafeString:
    return format_html('<span class="cell-num {}">{}</span>', css, text)


def cell_column(label: str, template: str, context: Show, *, ordering: str | None = None) -> Any:
    """Return a column drawn by a template that pages use too; `context(row)` gives its values."""
    return column(label, lambda row: render_to_string(template, context(row)), ordering=ordering)
