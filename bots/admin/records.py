"""Decisions, orders, fills, trades and runs of bots in the admin, to read and to export."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from bots.admin.record_base import BOT_COLUMNS, BotRecordAdmin, side
from bots.models import BotRun, Decision, Fill, Order, Trade
from bots.pages import badges, reason_labels
from core import formats
from core.admin import DateRangeFilter
from core.admin_columns import column, number_column
from core.csv import Column, fields


class ReasonFilter(admin.SimpleListFilter):
    """Offer the known reasons. Asking a million rows which ones occur would be the slowest part of the page."""

    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, sentence.rstrip(".")) for name, sentence in reason_labels.DECISION_REASONS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(reason=self.value()) if self.value() else queryset


@admin.register(Decision)
class DecisionAdmin(BotRecordAdmin):
    list_display = ("bar", "bot_column", "action_column", "reason_column", "close_column", "values_column", "lateness")
    list_filter = ("bot", "action", ReasonFilter, ("bar", DateRangeFilter))
    ordering = ("-bar",)
    sortable_by = ("bar",)
    export_columns = (
        *BOT_COLUMNS,
        Column("symbol", lambda row: row.bot.symbol),
        *fields(
            "bar", "action", "signal", "reason", "close", "quantity", "equity", "values", "decided_at", "lateness_s"
        ),
    )
    action_column = column("Action", lambda row: badges.badge(row.action, row.get_action_display()))
    reason_column = column("Reason", reason_labels.decision_reason)
    close_column = number_column("Close", lambda row: formats.amount(row.close))
    values_column = column("Indicators", lambda row: reason_labels.indicators(row.values))
    lateness = number_column("Lateness", lambda row: formats.duration(row.lateness_s))


def _order_price(order: Order) -> str:
    """Return the average fill price, else the price that the order waits for."""
    if order.executed_quantity:
        return formats.amount(order.executed_quote / order.executed_quantity)
    return formats.amount(order.stop_price or order.limit_price)


@admin.register(Order)
class OrderAdmin(BotRecordAdmin):
    list_display = (
        *("created_at", "bot_column", "symbol", "side_column", "purpose", "type"),
        *("quantity_column", "price_column", "state_column", "client_order_id"),
    )
    list_filter = ("bot", "state", "purpose", "side", ("created_at", DateRangeFilter))
    ordering = ("-created_at",)
    sortable_by = ("created_at",)
    record_name = "client_order_id"
    search_help_text = "Client order id, exchange order id, bot or symbol"
    export_columns = (
        *BOT_COLUMNS,
        *fields("symbol", "client_order_id", "exchange_order_id", "list_client_order_id", "purpose", "side", "type"),
        *fields("quantity", "limit_price", "stop_price", "state", "executed_quantity", "executed_quote"),
        *fields("exit_reason", "error", "created_at", "sent_at"),
    )
    side_column = column("Side", side)
    quantity_column = number_column("Quantity", lambda row: formats.quantity(row.quantity))
    price_column = number_column("Price", _order_price)
    state_column = column("State", lambda row: badges.badge(row.state, row.get_state_display(), row.error))

    def by_number(self, number: int) -> Q:
        return Q(exchange_order_id=number)


@admin.register(Fill)
class FillAdmin(BotRecordAdmin):
    list_display = (
        *("filled_at", "bot_column", "symbol", "side_column", "quantity_column", "price_column"),
        *("quote_column", "fee_column", "client_order_column"),
    )
    list_filter = ("bot", "side", "is_maker", ("filled_at", DateRangeFilter))
    related = ("bot__api_key", "order")
    ordering = ("-filled_at",)
    sortable_by = ("filled_at",)
    record_name = "order__client_order_id"
    search_help_text = "Client order id, bot or symbol"
    export_columns = (
        *BOT_COLUMNS,
        *fields("symbol", "exchange_trade_id"),
        Column("client_order_id", lambda row: row.order.client_order_id),
        *fields("side", "price", "quantity", "quote_quantity", "commission", "commission_asset", "fee_quote"),
        *fields("is_maker", "filled_at"),
    )
    side_column = column("Side", side)
    quantity_column = number_column("Quantity", lambda row: formats.quantity(row.quantity))
    price_column = number_column("Price", lambda row: formats.amount(row.price))
    quote_column = number_column("Notional", lambda row: formats.money(row.quote_quantity))
    fee_column = number_column("Fee", lambda row: f"{formats.quantity(row.commission)} {row.commission_asset}")
    client_order_column = column(
        "Client order id", lambda row: format_html('<span class="mono">{}</span>', row.order.client_order_id)
    )


class RecordInline(admin.TabularInline):
    """Show the rows of a record, read-only, each linked to its own page."""

    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OrderInline(RecordInline):
    model = Order
    fields = ("created_at", "purpose", "side", "type", "quantity", "executed_quantity", "state", "client_order_id")
    ordering = ("created_at", "pk")


class FillInline(RecordInline):
    model = Fill
    fields = ("filled_at", "side", "price", "quantity", "quote_quantity", "commission", "commission_asset", "is_maker")
    ordering = ("filled_at", "pk")


def _closed(trade: Trade) -> Any:
    return formats.utc_time(trade.closed_at) if trade.closed_at else badges.badge("open dot", "Open")


@admin.register(Trade)
class TradeAdmin(BotRecordAdmin):
    list_display = (
        *("opened_at", "closed_column", "bot_column", "symbol", "quantity_column"),
        *("entry_column", "exit_column", "pnl_column", "fees_column", "reason_column"),
    )
    list_filter = ("bot", "exit_reason", ("closed_at", admin.EmptyFieldListFilter), ("opened_at", DateRangeFilter))
    ordering = ("-opened_at",)
    sortable_by = ("opened_at",)
    inlines = (OrderInline, FillInline)
    export_columns = (
        *BOT_COLUMNS,
        *fields("symbol", "opened_at", "closed_at", "quantity", "entry_price", "exit_price", "exit_reason"),
        *fields("stop_price", "target_price", "fees", "net_pnl", "gross_pnl"),
    )
    closed_column = column("Closed", _closed)
    quantity_column = number_column("Quantity", lambda row: formats.quantity(row.quantity))
    entry_column = number_column("Entry", lambda row: formats.amount(row.entry_price))
    exit_column = number_column("Exit", lambda row: formats.amount(row.exit_price))
    pnl_column = number_column(
        "Net PnL",
        lambda row: formats.signed(row.net_pnl if row.closed_at else None),
        tone=lambda row: formats.tone(row.net_pnl if row.closed_at else None),
    )
    fees_column = number_column("Fees", lambda row: formats.money(row.fees))
    reason_column = column("Exit reason", lambda row: row.get_exit_reason_display() if row.exit_reason else "")


@admin.register(BotRun)
class BotRunAdmin(BotRecordAdmin):
    list_display = ("started_at", "bot_column", "outcome_column", "message", "duration_column")
    list_filter = ("bot", "outcome", ("started_at", DateRangeFilter))
    ordering = ("-started_at",)
    sortable_by = ("started_at",)
    export_columns = (*BOT_COLUMNS, *fields("started_at", "outcome", "message", "duration_s"))
    outcome_column = column("Outcome", lambda row: badges.badge(row.outcome, row.get_outcome_display()))
    duration_column = number_column("Duration", lambda row: formats.duration(row.duration_s))
