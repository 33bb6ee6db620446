"""Show symbols and their trading rules in sentences. `manage.py refresh_symbols` reads them all."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from core.admin import ReadOnlyAdmin
from core.admin_columns import bullet_list
from exchange.api.errors import ExchangeError
from exchange.models import Symbol
from exchange.symbol_catalogue import refresh_rows
from exchange.symbols.describe import describe
from exchange.symbols.filters import InvalidSymbolInfo, parse_rules


@admin.register(Symbol)
class SymbolAdmin(ReadOnlyAdmin):
    list_display = ("name", "venue", "base", "quote", "status", "read_at")
    list_filter = ("venue", "status", "quote")
    search_fields = ("name",)
    fields = ("name", "venue", "base", "quote", "status", "rules", "order_types", "read_at")
    readonly_fields = fields
    actions = ("refresh", "export_csv")
    export_fields = ("name", "venue", "base", "quote", "status", "read_at", "info")

    @admin.display(description="Rules")
    def rules(self, row: Symbol) -> SafeString | str:
        try:
            return bullet_list(describe(parse_rules(row.info)))
        except InvalidSymbolInfo as error:
            return f"Invalid: {error}"

    @admin.display(description="Order types")
    def order_types(self, row: Symbol) -> str:
        return ", ".join(row.info.get("orderTypes", ()))

    @admin.action(description="Refresh the selected symbols", permissions=["view"])
    def refresh(self, request: HttpRequest, queryset: QuerySet[Symbol]) -> None:
        try:
            refresh_rows(queryset[:50])
        except (ExchangeError, InvalidSymbolInfo) as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.message_user(request, "Refreshed.", messages.SUCCESS)
