"""Read-only admin lists of runs; each row leads to the run's own page."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html

from backtests.models import Backtest, HoldOutOpening, MonteCarlo, Optimisation, WalkForward


class RunAdmin(admin.ModelAdmin):
    """List runs; start and change them from their own pages."""

    list_display = ("__str__", "bot", "status", "total_return", "sharpe", "max_drawdown", "is_pinned", "page")
    list_filter = ("status", "symbol", "interval", "is_pinned")
    search_fields = ("symbol", "bot__name", "note")
    list_select_related = ("bot",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("result", "series", "symbol_info", "verdict")

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        return redirect("backtests:new", kind=self.model._meta.model_name)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        return redirect("backtests:show", kind=self.model._meta.model_name, pk=object_id)

    @admin.display(description="Report")
    def page(self, run: Any) -> str:
        return format_html('<a href="{}">Open</a>', reverse("backtests:show", args=[run.kind, run.pk]))


admin.site.register([Backtest, Optimisation, WalkForward, MonteCarlo], RunAdmin)


@admin.register(HoldOutOpening)
class HoldOutOpeningAdmin(admin.ModelAdmin):
    """List who opened which hold-out, when and why. Nothing here can be changed."""

    list_display = ("optimisation", "opened_at", "opened_by", "reason")
    list_select_related = ("optimisation", "opened_by")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
