"""Configure the admin and the site's own app, which connects the others."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks as system


class TradingAdminConfig(SimpleAdminConfig):
    """Use our admin site, and import the admin modules late.

    urls.py imports them, or the system check before it looks at them, so a command or a worker that shows no page
    starts half a second sooner.
    """

    default_site = "tradingsite.accounts.admin_site.TradingAdminSite"

    def ready(self) -> None:
        system.register(check_dependencies, system.Tags.admin)
        system.register(_check_all_admins, system.Tags.admin)


def _check_all_admins(app_configs: Any, **kwargs: Any) -> Any:
    from django.contrib.admin import autodiscover

    autodiscover()
    return check_admin_app(app_configs, **kwargs)


class TradingSiteConfig(AppConfig):
    name = "tradingsite"
    verbose_name = "Trading site"

    def ready(self) -> None:
        """Make our Celery app the one that shared tasks belong to, and register the system checks."""
        from tradingsite import celery, checks  # noqa: F401
