"""Check the site as a whole; checks of one model live with the model."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register


@register(Tags.security, deploy=True)
def debug_is_off_on_a_network(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Warn when a site for the network would show tracebacks."""
    warnings: list[CheckMessage] = []
    if settings.DEBUG and settings.HTTPS:
        warnings.append(Warning("DEBUG is on for a site on a network.", hint="Set DEBUG=off.", id="tradingsite.W001"))
    return warnings


@register(Tags.compatibility)
def chart_libraries_are_installed(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Warn when the chart libraries are missing."""
    if (settings.NODE_MODULES / "echarts").is_dir() and (settings.NODE_MODULES / "lightweight-charts").is_dir():
        return []
    return [
        Warning("The chart libraries are not installed.", hint="Run `make setup`, or `npm ci`.", id="tradingsite.W002")
    ]
