"""Serve the paper exchange below /paper/, as Binance's own hosts serve /api/v3."""

from __future__ import annotations

from django.urls import path, re_path

from exchange.paper.http.page import about
from exchange.paper.http.views import api

urlpatterns = [path("", about, name="paper"), re_path(r"^api/v3/(?P<path>.*)$", api, name="paper-api")]
