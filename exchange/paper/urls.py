"""Where the site serves the paper exchange: below /paper/, as Binance's own hosts serve /api/v3."""

from __future__ import annotations

from django.urls import re_path

from exchange.paper.views import api

urlpatterns = [re_path(r"^api/v3/(?P<path>.*)$", api, name="paper-api")]
