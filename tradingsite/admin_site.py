"""The admin site: Django's own, with an optional second factor."""

from __future__ import annotations

from django.contrib.admin import AdminSite


class TradingAdminSite(AdminSite):
    """The operator's site."""

    site_header = "Trading site"
    site_title = "Trading site"
    index_title = "Overview"
