"""What bots did, in the admin: decisions, orders, fills, trades, runs to read and export; incidents to resolve."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bots.admin.base import BotRecordAdmin
from bots.models import BotRun, Decision, Fill, Incident, Order, Trade
from bots.pages import badges, reason_labels
from core import formats
from core.admin import DateRangeFilter
from core.csv import Column, field


def bot_link(row: Any) -> SafeString:
    """The bot's name, leading to its live page, and whose money it trades."""
    return format_html(
        '<a href="{}">{}</a> {}',
        reverse("admin:bots_botconfig_live", args=(row.bot_id,)),
        row.bot.name,
        badges.venue(row.bot.api_key.venue),
    )


def number(text: str, css: str = "") -> SafeString:
    return format_html('<span class="cell-num {}">{}</span>', css, text)


class WithBot:
    """The columns that every record of a bot has."""

    @admin.display(description="Bot")
    def bot_column(self, row: Any) -> SafeString | str:
        return bot_link(row)


BOT_COLUMNS = (field("bot.name"), Column("venue", lambda row: row.bot.api_key.venue))


@admin.register(Decision)
class DecisionAdmin(WithBot, BotRecordAdmin):
    list_display = (
        "bar",
        "bot_column",
        "action_column",
        "reason_column",
        "close_column",
        "values_column",
        "lateness_column",
    )
    list_filter = ("bot", "action", ("reason", admin.AllValuesFieldListFilter), ("bar", DateRangeFilter))
    ordering = ("-bar",)
    sortable_by = ("bar",)
    search_help_text = "Bot or symbol"
    export_columns = (
        *BOT_COLUMNS,
        Column("symbol", lambda row: row.bot.symbol),
        field("bar"),
        field("action"),
        field("signal"),
        field("reason"),
        field("close"),
        field("quantity"),
        field("equity"),
        field("values"),
        field("decided_at"),
        field("lateness_s"),
    )

    def get_list_filter(self, request: HttpRequest) -> Any:
        return ("bot", "action", ReasonFilter, ("bar", DateRangeFilter))

    @admin.display(description="Action")
    def action_column(self, row: Decision) -> SafeString:
        return badges.badge(row.action, row.get_action_display())

    @admin.display(description="Reason")
    def reason_column(self, row: Decision) -> str:
        return reason_labels.decision_reason(row)

    @admin.display(description="Close")
    def close_column(self, row: Decision) -> SafeString:
        return number(formats.amount(row.close))

    @admin.display(description="Indicators")
    def values_column(self, row: Decision) -> str:
        return reason_labels.indicators(row.values)

    @admin.display(description="Lateness")
    def lateness_column(self, row: Decision) -> SafeString:
        return number(formats.duration(row.lateness_s))


class ReasonFilter(admin.SimpleListFilter):
    """Reasons by their known names: asking a million rows which ones occur would be the slowest part of the page."""

    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, sentence.rstrip(".")) for name, sentence in reason_labels.DECISION_REASONS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(reason=self.value()) if self.value() else queryset


@admin.register(Order)
class OrderAdmin(WithBot, BotRecordAdmin):
    list_display = (
        "created_at",
        "bot_column",
        "symbol",
        "side_column",
        "purpose",
        "type",
        "quantity_column",
        "price_column",
        "state_column",
        "client_order_id",
    )
    list_filter = ("bot", "state", "purpose", "side", ("created_at", DateRangeFilter))
    ordering = ("-created_at",)
    sortable_by = ("created_at",)
    record_name = "client_order_id"
    search_help_text = "Client order id, exchange order id, bot or symbol"
    export_columns = (
        *BOT_COLUMNS,
        field("symbol"),
        field("client_order_id"),
        field("exchange_order_id"),
        field("list_client_order_id"),
        field("purpose"),
        field("side"),
        field("type"),
        field("quantity"),
        field("limit_price"),
        field("stop_price"),
        field("state"),
        field("executed_quantity"),
        field("executed_quote"),
        field("exit_reason"),
        field("error"),
        field("created_at"),
        field("sent_at"),
    )

    def by_number(self, number: int) -> Q:
        return Q(exchange_order_id=number)

    @admin.display(description="Side")
    def side_column(self, row: Order) -> SafeString:
        return format_html('<span class="side-{}">{}</span>', row.side.lower(), row.side.capitalize())

    @admin.display(description="Quantity")
    def quantity_column(self, row: Order) -> SafeString:
        return number(formats.quantity(row.quantity))

    @admin.display(description="Price")
    def price_column(self, row: Order) -> SafeString:
        if row.executed_quantity:
            return number(formats.amount(row.executed_quote / row.executed_quantity))
        return number(formats.amount(row.stop_price or row.limit_price))

    @admin.display(description="State")
    def state_column(self, row: Order) -> SafeString:
        return badges.badge(row.state, row.get_state_display(), row.error)


@admin.register(Fill)
class FillAdmin(WithBot, BotRecordAdmin):
    list_display = (
        "filled_at",
        "bot_column",
        "symbol",
        "side_column",
        "quantity_column",
        "price_column",
        "quote_column",
        "fee_column",
        "client_order_column",
    )
    list_filter = ("bot", "side", "is_maker", ("filled_at", DateRangeFilter))
    related = ("bot__api_key", "order")
    ordering = ("-filled_at",)
    sortable_by = ("filled_at",)
    record_name = "order__client_order_id"
    search_help_text = "Client order id, bot or symbol"
    export_columns = (
        *BOT_COLUMNS,
        field("symbol"),
        field("exchange_trade_id"),
        Column("client_order_id", lambda row: row.order.client_order_id),
        field("side"),
        field("price"),
        field("quantity"),
        field("quote_quantity"),
        field("commission"),
        field("commission_asset"),
        field("fee_quote"),
        field("is_maker"),
        field("filled_at"),
    )

    @admin.display(description="Side")
    def side_column(self, row: Fill) -> SafeString:
        return format_html('<span class="side-{}">{}</span>', row.side.lower(), row.side.capitalize())

    @admin.display(description="Quantity")
    def quantity_column(self, row: Fill) -> SafeString:
        return number(formats.quantity(row.quantity))

    @admin.display(description="Price")
    def price_column(self, row: Fill) -> SafeString:
        return number(formats.amount(row.price))

    @admin.display(description="Worth")
    def quote_column(self, row: Fill) -> SafeString:
        return number(formats.money(row.quote_quantity))

    @admin.display(description="Fee")
    def fee_column(self, row: Fill) -> SafeString:
        return number(f"{formats.quantity(row.commission)} {row.commission_asset}")

    @admin.display(description="Client order id")
    def client_order_column(self, row: Fill) -> SafeString:
        return format_html('<span class="mono">{}</span>', row.order.client_order_id)


@admin.register(Trade)
class TradeAdmin(WithBot, BotRecordAdmin):
    list_display = (
        "opened_at",
        "closed_column",
        "bot_column",
        "symbol",
        "quantity_column",
        "entry_column",
        "exit_column",
        "pnl_column",
        "fees_column",
        "reason_column",
    )
    list_filter = ("bot", "exit_reason", ("closed_at", admin.EmptyFieldListFilter), ("opened_at", DateRangeFilter))
    ordering = ("-opened_at",)
    sortable_by = ("opened_at",)
    search_help_text = "Bot or symbol"
    export_columns = (
        *BOT_COLUMNS,
        field("symbol"),
        field("opened_at"),
        field("closed_at"),
        field("quantity"),
        field("entry_price"),
        field("exit_price"),
        field("exit_reason"),
        field("stop_price"),
        field("target_price"),
        field("fees"),
        field("net_pnl"),
        field("gross_pnl"),
    )

    @admin.display(description="Closed")
    def closed_column(self, row: Trade) -> Any:
        return formats.moment(row.closed_at) if row.closed_at else badges.badge("open dot", "Open")

    @admin.display(description="Quantity")
    def quantity_column(self, row: Trade) -> SafeString:
        return number(formats.quantity(row.quantity))

    @admin.display(description="Entry")
    def entry_column(self, row: Trade) -> SafeString:
        return number(formats.amount(row.entry_price))

    @admin.display(description="Exit")
    def exit_column(self, row: Trade) -> SafeString:
        return number(formats.amount(row.exit_price))

    @admin.display(description="Net PnL")
    def pnl_column(self, row: Trade) -> SafeString:
        return number(formats.signed(row.net_pnl), formats.tone(row.net_pnl)) if row.closed_at else number(formats.NONE)

    @admin.display(description="Fees")
    def fees_column(self, row: Trade) -> SafeString:
        return number(formats.money(row.fees))

    @admin.display(description="Exit by")
    def reason_column(self, row: Trade) -> str:
        return row.get_exit_reason_display() if row.exit_reason else ""


@admin.register(BotRun)
class BotRunAdmin(WithBot, BotRecordAdmin):
    list_display = ("started_at", "bot_column", "outcome_column", "message", "duration_column")
    list_filter = ("bot", "outcome", ("started_at", DateRangeFilter))
    ordering = ("-started_at",)
    sortable_by = ("started_at",)
    search_help_text = "Bot or symbol"
    export_columns = (*BOT_COLUMNS, field("started_at"), field("outcome"), field("message"), field("duration_s"))

    @admin.display(description="Outcome")
    def outcome_column(self, row: BotRun) -> SafeString:
        return badges.badge(row.outcome, row.get_outcome_display())

    @admin.display(description="Took")
    def duration_column(self, row: BotRun) -> SafeString:
        return number(formats.duration(row.duration_s))


@admin.register(Incident)
class IncidentAdmin(WithBot, BotRecordAdmin):
    """Open incidents first; a person resolves one by saying what was done about it."""

    list_display = (
        "kind_column",
        "bot_column",
        "cause",
        "proposed_repair",
        "occurrences",
        "last_seen_at",
        "state_column",
    )
    list_filter = (("resolved_at", admin.EmptyFieldListFilter), "bot", "kind", ("last_seen_at", DateRangeFilter))
    ordering = ("-last_seen_at",)
    search_help_text = "Bot or symbol"
    fields = (
        "kind_column",
        "bot",
        "cause",
        "proposed_repair",
        "occurrences",
        "created_at",
        "last_seen_at",
        "resolution",
        "resolved_at",
        "resolved_by",
    )
    readonly_fields = tuple(name for name in fields if name != "resolution")
    export_columns = (
        Column("bot_name", lambda row: row.bot.name if row.bot else ""),
        field("kind"),
        field("cause"),
        field("proposed_repair"),
        field("occurrences"),
        field("created_at"),
        field("last_seen_at"),
        field("resolved_at"),
        field("resolution"),
    )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return (obj is None or obj.resolved_at is None) and request.user.has_perm("bots.change_incident")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if "resolution" in form.base_fields:
            form.base_fields["resolution"].required = True
            form.base_fields["resolution"].help_text = "What was done about it. Saving this resolves the incident."
        return form

    def save_model(self, request: HttpRequest, obj: Incident, form: ModelForm, change: bool) -> None:
        obj.resolved_at, obj.resolved_by = timezone.now(), request.user  # type: ignore[assignment]
        obj.save(update_fields=["resolution", "resolved_at", "resolved_by"])

    @admin.display(description="Bot")
    def bot_column(self, row: Any) -> SafeString | str:
        return bot_link(row) if row.bot_id else "The whole site"

    @admin.display(description="Incident")
    def kind_column(self, row: Incident) -> str:
        return row.kind.replace("_", " ").capitalize()

    @admin.display(description="State")
    def state_column(self, row: Incident) -> SafeString:
        return badges.badge("good", "Resolved", row.resolution) if row.resolved_at else badges.badge("bad dot", "Open")
