"""The site's own app: it wires the others together."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class TradingAdminConfig(AdminConfig):
    """Django's admin with our site class."""

    default_site = "tradingsite.admin_site.TradingAdminSite"


class TradingSiteConfig(AppConfig):
    name = "tradingsite"
    verbose_name = "Trading site"

    def ready(self) -> None:
        """Make our Celery app the one that shared tasks belong to, and register the system checks."""
        from tradingsite import celery, checks, logs  # noqa: F401

        logs.configure_structlog()
