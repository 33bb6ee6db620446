"""All addresses of the site: the apps' pages, the paper exchange, the admin, the health page."""

from __future__ import annotations

from importlib.util import find_spec

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from tradingsite.health import healthz

admin.autodiscover()

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("healthz", healthz, name="healthz"),
]

for prefix, module in (("paper/", "exchange.paper.urls"), ("", "bots.urls"), ("", "backtests.urls")):
    if find_spec(module):
        urlpatterns.append(path(prefix, include(module)))

urlpatterns.append(path("", RedirectView.as_view(pattern_name="admin:index"), name="home"))
