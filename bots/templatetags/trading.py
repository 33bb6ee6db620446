"""Filters and tags that templates use to format values and to draw small pictures; no rule of trading lives here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bots import badges, formats, words
from bots.models import Decision

register = template.Library()

register.filter("amount", formats.amount)
register.filter("money", formats.money)
register.filter("signed", formats.signed)
register.filter("percent", formats.percent)
register.filter("tone", formats.tone)
register.filter("quantity", formats.quantity)
register.filter("duration", formats.duration)
register.filter("moment", formats.moment)
register.filter("reason_words", words.reason)


@register.filter
def ago(then: datetime | None) -> str:
    """How long ago a moment was, or how far ahead it is."""
    return formats.ago(then, timezone.now())


@register.filter
def decision_words(decision: Decision) -> str:
    return words.decision_reason(decision)


@register.filter
def tinted(value: Any) -> SafeString:
    """A signed result in its colour."""
    return format_html('<span class="{}">{}</span>', formats.tone(value), formats.signed(value))


@register.filter
def venue_badge(venue: str) -> SafeString:
    return badges.venue(venue)


@register.filter
def chosen_display(choices: Sequence[dict[str, Any]]) -> str:
    """What a list filter is set to; empty when it filters nothing (its first choice)."""
    return next((str(choice["display"]) for choice in choices[1:] if choice.get("selected")), "")
