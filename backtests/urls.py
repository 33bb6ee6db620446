"""Addresses of the pages of results. All of them ask for a login of staff."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

from backtests import views

app_name = "backtests"
guard = admin.site.admin_view

urlpatterns = [
    path("backtests/", guard(views.index), name="home"),
    path("backtests/compare/", guard(views.compare), name="compare"),
    path("backtests/new/<slug:kind>/", guard(views.new), name="new"),
    path("backtests/backtest/<int:pk>/trades.csv", guard(views.trades_csv), name="trades"),
    path("backtests/<slug:kind>/", guard(views.index), name="index"),
    path("backtests/<slug:kind>/<int:pk>/", guard(views.show), name="show"),
    path("backtests/<slug:kind>/<int:pk>/act/", guard(views.act), name="act"),
]
