"""List the addresses of the site: the apps' pages, the paper exchange, the admin, the health page."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from tradingsite.health.views import healthz

admin.autodiscover()

urlpatterns: list[URLPattern | URLResolver] = [
    # The pages of the paper exchange moved with its app.
    path("admin/exchange/paper<path:page>", RedirectView.as_view(url="/admin/paper/paper%(page)s", query_string=True)),
    path("admin/", admin.site.urls),
    path("healthz", healthz, name="healthz"),
    path("paper/", include("exchange.paper.urls")),
    path("", include("backtests.urls")),
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
]
