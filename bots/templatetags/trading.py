"""Template filters and tags that format values and draw badges and sparklines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bots.models import BotConfig, Decision, ParityCheck
from bots.pages import badges, reason_labels
from bots.pages.bot_facts import BotFacts
from bots.strategy.registry import STRATEGIES
from core import formats

register = template.Library()

register.filter("amount", formats.amount)
register.filter("money", formats.money)
register.filter("signed", formats.signed)
register.filter("percent", formats.percent)
register.filter("tone", formats.tone)
register.filter("quantity", formats.quantity)
register.filter("duration", formats.duration)
register.filter("utc_time", formats.utc_time)
register.filter("reason_words", reason_labels.reason)


@register.filter
def ago(then: datetime | None) -> str:
    """Return how long ago a time was, or how far ahead it is."""
    return formats.ago(then, timezone.now())


@register.filter
def decision_words(decision: Decision) -> str:
    return reason_labels.decision_reason(decision)


@register.filter
def tinted(value: Any) -> SafeString:
    """Return a signed result, a number or its text, in its colour."""
    number = None if value is None else Decimal(str(value))
    return format_html('<span class="{}">{}</span>', formats.tone(number), formats.signed(number))


@register.filter
def parity_badge(check: ParityCheck) -> SafeString:
    return badges.parity(check)


@register.filter
def venue_badge(venue: str) -> SafeString:
    return badges.venue(venue)


@register.filter
def chosen_display(choices: Sequence[dict[str, Any]]) -> str:
    """Return the chosen display of a list filter; empty for its first choice, which filters nothing."""
    return next((str(choice["display"]) for choice in choices[1:] if choice.get("selected")), "")


@register.simple_tag
def sparkline(values: Sequence[float], width: int = 96, height: int = 26) -> SafeString:
    """Draw a small line of the values, oldest first, in the colour of its result; empty for fewer than two."""
    if len(values) < 2:
        return format_html('<svg class="spark" width="{}" height="{}" aria-hidden="true"></svg>', width, height)
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    step = (width - 2) / (len(values) - 1)
    points = " ".join(
        f"{1 + index * step:.1f},{height - 2 - (value - low) / span * (height - 4):.1f}"
        for index, value in enumerate(values)
    )
    return format_html(
        '<svg class="spark {}" width="{}" height="{}" viewBox="0 0 {} {}" aria-hidden="true">'
        '<polyline points="{}"/></svg>',
        formats.tone(values[-1] - values[0]),
        width,
        height,
        width,
        height,
        points,
    )


@register.filter
def words(name: str) -> str:
    """Return a name as words: order_in_doubt is Order in doubt."""
    return name.replace("_", " ").capitalize()


@register.filter
def indicators(values: dict[str, float | None]) -> str:
    return reason_labels.indicators(values)


@register.simple_tag
def status_badge(facts: BotFacts) -> SafeString:
    return badges.status(facts.status, facts.status_label, is_halted=facts.is_halted)


@register.simple_tag
def action_badge(decision: Decision) -> SafeString:
    return badges.badge(decision.action, decision.get_action_display())


@register.simple_tag
def state_badge(row: Any) -> SafeString:
    """Return the badge of an order's state, or of a run's outcome."""
    if hasattr(row, "outcome"):
        return badges.badge(row.outcome, row.get_outcome_display())
    return badges.badge(row.state, row.get_state_display(), row.error)


@register.simple_tag
def strategy_label(bot: BotConfig) -> str:
    strategy = STRATEGIES.get(bot.strategy)
    return strategy.LABEL if strategy else bot.strategy
