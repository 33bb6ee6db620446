"""Show the accounts, orders and fills of the paper exchange. They change only by trading."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from core.admin import ReadOnlyAdmin
from core.admin_columns import decimal_column
from core.formats import plain
from exchange.paper.models import PaperAccount, PaperBalance, PaperFill, PaperOrder


class PaperBalanceInline(admin.TabularInline):
    model = PaperBalance
    fields = ("asset", "free", "locked")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(PaperAccount)
class PaperAccountAdmin(ReadOnlyAdmin):
    list_display = ("name", "market", "balances", "maker_fee_rate", "taker_fee_rate", "slippage_bps", "is_demo")
    list_filter = ("is_demo",)
    search_fields = ("name",)
    fields = (
        "name", "market", "maker_fee_rate", "taker_fee_rate", "slippage_bps", "volume_share", "pays_fees_in_bnb",
        "is_demo", "created_at",
    )  # fmt: skip
    inlines = (PaperBalanceInline,)
    actions = ("export_csv",)
    export_fields = ("name", "market", "balances__asset", "balances__free", "balances__locked")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PaperAccount]:
        return super().get_queryset(request).defer("api_secret").prefetch_related("balances")

    @admin.display(description="Balances")
    def balances(self, row: PaperAccount) -> str:
        totals = ((balance.asset, balance.free + balance.locked) for balance in row.balances.all())
        return ", ".join(f"{plain(total)} {asset}" for asset, total in totals if total) or "none"


@admin.register(PaperOrder)
class PaperOrderAdmin(ReadOnlyAdmin):
    quantity_column = decimal_column("quantity")
    executed_column = decimal_column("executed_quantity")
    list_display = (
        "client_order_id", "account", "symbol", "side", "type", "status", "quantity_column", "executed_column",
    )  # fmt: skip
    list_filter = ("status", "side", "type", "account")
    list_select_related = ("account",)
    search_fields = ("client_order_id", "symbol")
    ordering = ("-pk",)
    actions = ("export_csv",)
    export_fields = (
        "id", "account__name", "symbol", "client_order_id", "side", "type", "status", "quantity", "executed_quantity",
        "executed_quote", "price", "stop_price", "time_ms", "update_time_ms",
    )  # fmt: skip


@admin.register(PaperFill)
class PaperFillAdmin(ReadOnlyAdmin):
    price_column = decimal_column("price")
    quantity_column = decimal_column("quantity")
    commission_column = decimal_column("commission")
    list_display = (
        "id", "account", "symbol", "is_buyer", "price_column", "quantity_column", "commission_column",
        "commission_asset",
    )  # fmt: skip
    list_filter = ("account", "symbol")
    list_select_related = ("account",)
    search_fields = ("order__client_order_id", "symbol")
    ordering = ("-pk",)
    actions = ("export_csv",)
    export_fields = (
        "id", "account__name", "symbol", "order__client_order_id", "is_buyer", "price", "quantity", "quote_quantity",
        "commission", "commission_asset", "is_maker", "time_ms",
    )  # fmt: skip
