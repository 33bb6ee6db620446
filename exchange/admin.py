"""Admin pages of exchanges: keys, symbols, stored candles, and the paper exchange's books.

Only keys are edited here. Everything else is what an exchange said or did, and is read-only.
"""

from __future__ import annotations

from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from core import csv
from core.formats import plain
from exchange.admin_forms import ApiKeyForm
from exchange.api import key_check
from exchange.api.errors import ExchangeError
from exchange.api.factory import connect_public
from exchange.klines.intervals import next_open_time
from exchange.models import ApiKey, Dataset, Symbol
from exchange.paper.models import PaperAccount, PaperBalance, PaperFill, PaperOrder
from exchange.symbols.catalogue import store
from exchange.symbols.describe import describe
from exchange.symbols.filters import InvalidSymbolInfo, parse_rules

_SHOWN_GAPS = 200


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):
    """Keys: typed in once, tried, and never shown again. A key that bots use cannot be deleted."""

    form = ApiKeyForm
    list_display = ("name", "venue", "masked", "permissions", "checked_at", "max_exposure_quote", "is_demo")
    list_filter = ("venue", "is_demo")
    search_fields = ("name",)
    readonly_fields = ("masked", "permissions", "check_message", "checked_at", "created_at")
    actions = ("check_now",)

    def get_fieldsets(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        typed = ("new_key", "new_secret", "may_withdraw")
        sets: list[Any] = [
            (None, {"fields": ("name", "venue")}),
            ("Credentials", {"fields": ("masked", *typed) if obj else (*typed, "paper_balance")}),
            ("Limits", {"fields": ("max_exposure_quote",)}),
        ]
        if obj:
            sets.append(("What it may do", {"fields": ("permissions", "check_message", "checked_at", "created_at")}))
        return sets

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        """Without the secrets: a page needs none of them, and still opens when SECRETS_KEYS has lost a key."""
        return super().get_queryset(request).defer("key", "secret")

    @admin.display(description="Key")
    def masked(self, row: ApiKey) -> str:
        return f"…{row.key_hint}" if row.key_hint else "********"

    @admin.display(description="May")
    def permissions(self, row: ApiKey) -> str:
        if row.can_trade is None:
            return "not known yet"
        may = [word for word, is_allowed in (("trade", row.can_trade), ("WITHDRAW", row.can_withdraw)) if is_allowed]
        return ", ".join(may) or "nothing"

    @admin.action(description="Check what the selected keys may do", permissions=["change"])
    def check_now(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        for row in queryset:
            found = key_check.check_and_record(row)
            level = messages.SUCCESS if found.is_good else messages.WARNING
            self.message_user(request, f"{row.name}: {found.message}", level)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        found = form.found
        if found is not None and not found.is_good:
            self.message_user(request, f"{obj.name}: {found.message}", messages.WARNING)


class RecordAdmin(admin.ModelAdmin):
    """What an exchange said or did: shown, searched and exported; nobody edits it."""

    actions: tuple[str, ...] = ("export_csv",)
    csv_fields: tuple[str, ...] = ()
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @admin.action(description="Export the selected rows as CSV", permissions=["view"])
    def export_csv(self, request: HttpRequest, queryset: QuerySet) -> StreamingHttpResponse:
        columns = tuple(csv.Column(name, itemgetter(index)) for index, name in enumerate(self.csv_fields))
        return csv.response(f"{self.opts.model_name}s", queryset.values_list(*self.csv_fields), columns)


def _sentences(lines: Any) -> SafeString:
    return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", ((line,) for line in lines)))


@admin.register(Symbol)
class SymbolAdmin(RecordAdmin):
    """Symbols and what their filters mean. `manage.py refresh_symbols` reads them all."""

    list_display = ("name", "venue", "base", "quote", "status", "read_at")
    list_filter = ("venue", "status", "quote")
    search_fields = ("name",)
    fields = ("name", "venue", "base", "quote", "status", "rules", "order_types", "read_at")
    readonly_fields = fields
    actions = ("read_again", "export_csv")
    csv_fields = ("name", "venue", "base", "quote", "status", "read_at", "info")

    @admin.display(description="Rules")
    def rules(self, row: Symbol) -> SafeString | str:
        try:
            return _sentences(describe(parse_rules(row.info)))
        except InvalidSymbolInfo as error:
            return f"Cannot be read: {error}"

    @admin.display(description="Order types")
    def order_types(self, row: Symbol) -> str:
        return ", ".join(row.info.get("orderTypes", ()))

    @admin.action(description="Read the selected symbols again", permissions=["view"])
    def read_again(self, request: HttpRequest, queryset: QuerySet[Symbol]) -> None:
        for row in queryset[:50]:
            try:
                store(row.venue, [connect_public(row.venue).symbol_info(row.name)])
            except (ExchangeError, InvalidSymbolInfo) as error:
                self.message_user(request, f"{row.name}: {error}", messages.ERROR)
                return
        self.message_user(request, "Read again.", messages.SUCCESS)


@admin.register(Dataset)
class DatasetAdmin(RecordAdmin):
    """Stored candles: what they cover and where bars are missing."""

    list_display = ("symbol", "interval", "first_open_time", "last_open_time", "rows", "missing", "updated_at")
    list_filter = ("interval",)
    search_fields = ("symbol",)
    fields = (*list_display, "data_hash", "gap_table")
    readonly_fields = fields
    csv_fields = (*list_display, "data_hash", "gaps")

    @admin.display(description="Gaps")
    def gap_table(self, row: Dataset) -> SafeString | str:
        if not row.gaps:
            return "None: every bar between the first and the last is there."
        lines = [_gap_words(row.interval, int(first), int(last)) for first, last in row.gaps[:_SHOWN_GAPS]]
        if len(row.gaps) > _SHOWN_GAPS:
            lines.append(f"and {len(row.gaps) - _SHOWN_GAPS} more")
        return _sentences(lines)


def _gap_words(interval: str, first_ms: int, last_ms: int) -> str:
    bars, open_ms = 1, first_ms
    while open_ms < last_ms and bars < 100_000:
        open_ms, bars = next_open_time(interval, open_ms), bars + 1
    count = "1 bar" if bars == 1 else f"{bars} bars"
    return f"{_utc(first_ms)} to {_utc(last_ms)} UTC: {count} missing"


def _utc(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %H:%M}"


class PaperBalanceInline(admin.TabularInline):
    """What a paper account holds."""

    model = PaperBalance
    fields = ("asset", "free", "locked")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(PaperAccount)
class PaperAccountAdmin(RecordAdmin):
    """Accounts of simulated money. Their books are the paper exchange's own and change only by trading."""

    list_display = ("name", "market", "held", "maker_fee_rate", "taker_fee_rate", "slippage_bps", "is_demo")
    list_filter = ("is_demo",)
    search_fields = ("name",)
    fields = (
        "name", "market", "maker_fee_rate", "taker_fee_rate", "slippage_bps", "volume_share", "pays_fees_in_bnb",
        "is_demo", "created_at",
    )  # fmt: skip
    inlines = (PaperBalanceInline,)
    csv_fields = ("name", "market", "balances__asset", "balances__free", "balances__locked")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PaperAccount]:
        return super().get_queryset(request).defer("api_secret").prefetch_related("balances")

    @admin.display(description="Holds")
    def held(self, row: PaperAccount) -> str:
        held = ((balance.asset, balance.free + balance.locked) for balance in row.balances.all())
        return ", ".join(f"{plain(amount)} {asset}" for asset, amount in held if amount) or "nothing"


@admin.register(PaperOrder)
class PaperOrderAdmin(RecordAdmin):
    """Every order that the paper exchange accepted."""

    list_display = ("client_order_id", "account", "symbol", "side", "type", "status", "quantity", "executed_quantity")
    list_filter = ("status", "side", "type", "account")
    list_select_related = ("account",)
    search_fields = ("client_order_id", "symbol")
    ordering = ("-pk",)
    csv_fields = (
        "id", "account__name", "symbol", "client_order_id", "side", "type", "status", "quantity", "executed_quantity",
        "executed_quote", "price", "stop_price", "time_ms", "update_time_ms",
    )  # fmt: skip


@admin.register(PaperFill)
class PaperFillAdmin(RecordAdmin):
    """Every execution of the paper exchange."""

    list_display = ("id", "account", "symbol", "is_buyer", "price", "quantity", "commission", "commission_asset")
    list_filter = ("account", "symbol")
    list_select_related = ("account",)
    search_fields = ("order__client_order_id", "symbol")
    ordering = ("-pk",)
    csv_fields = (
        "id", "account__name", "symbol", "order__client_order_id", "is_buyer", "price", "quantity", "quote_quantity",
        "commission", "commission_asset", "is_maker", "time_ms",
    )  # fmt: skip
