"""Filters of the list of bots."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from bots.models import BotConfig, Status
from bots.strategy import registry


class StatusFilter(admin.SimpleListFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*((str(value), str(label).split(":")[0]) for value, label in Status.choices), ("halted", "Halted")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == "halted":
            return queryset.filter(state__drawdown_reached_at__isnull=False)
        return queryset.filter(state__status=self.value()) if self.value() else queryset


class PositionFilter(admin.SimpleListFilter):
    title = "position"
    parameter_name = "position"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Holding"), ("flat", "Flat")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        holding = {"open": True, "flat": False}.get(self.value() or "")
        if holding is None:
            return queryset
        open_trades = BotConfig.objects.filter(trades__closed_at__isnull=True, trades__isnull=False).values("pk")
        return queryset.filter(pk__in=open_trades) if holding else queryset.exclude(pk__in=open_trades)


class StrategyFilter(admin.SimpleListFilter):
    title = "strategy"
    parameter_name = "strategy"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, strategy.LABEL) for name, strategy in registry.STRATEGIES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(strategy=self.value()) if self.value() else queryset
