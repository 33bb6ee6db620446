"""URLs of the pages of results. All of them require a staff login."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

from backtests.views import actions, compare, listing, new, parts, show, trials

app_name = "backtests"
guard = admin.site.admin_view

urlpatterns = [
    path("backtests/", guard(listing.index), name="home"),
    path("backtests/compare/", guard(compare.compare), name="compare"),
    path("backtests/new/<slug:kind>/", guard(new.new), name="new"),
    path("backtests/new/<slug:kind>/preview/", guard(new.preview), name="preview"),
    path("backtests/backtest/<int:pk>/trades.csv", guard(parts.trades_csv), name="trades"),
    path("backtests/backtest/<int:pk>/trades/", guard(parts.trades), name="trade_table"),
    path("backtests/backtest/<int:pk>/candles.json", guard(parts.candles), name="candles"),
    path("backtests/optimisation/<int:pk>/trials.csv", guard(trials.trials_csv), name="trials"),
    path("backtests/optimisation/<int:pk>/trials/<int:number>/", guard(trials.trial), name="trial"),
    path("backtests/<slug:kind>/", guard(listing.index), name="index"),
    path("backtests/<slug:kind>/choose/", guard(listing.choose), name="choose"),
    path("backtests/<slug:kind>/<int:pk>/", guard(show.show), name="show"),
    path("backtests/<slug:kind>/<int:pk>/progress/", guard(show.progress), name="progress"),
    path("backtests/<slug:kind>/<int:pk>/act/", guard(actions.act), name="act"),
]
