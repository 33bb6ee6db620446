"""Incidents to resolve, states to repair and the log of actions, in the admin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone

from bots.admin.record_base import BotRecordAdmin
from bots.control import repairs
from bots.models import BotConfig, BotState, Incident, OperatorAction
from bots.pages import badges
from core import formats
from core.admin import DateRangeFilter
from core.admin_columns import column, number_column
from core.csv import Column
from core.csv import fields as csv_fields
from core.errors import UserError


def _incident_state(incident: Incident) -> Any:
    return (
        badges.badge("good", "Resolved", incident.resolution)
        if incident.resolved_at
        else badges.badge("bad dot", "Open")
    )


@admin.register(Incident)
class IncidentAdmin(BotRecordAdmin):
    """List incidents. Saving a resolution resolves one."""

    list_display = (
        *("kind_column", "bot_column", "cause", "proposed_repair", "occurrences", "last_seen_at", "state_column"),
    )
    list_filter = (("resolved_at", admin.EmptyFieldListFilter), "bot", "kind", ("last_seen_at", DateRangeFilter))
    ordering = ("-last_seen_at",)
    fields = (
        *("kind_column", "bot", "cause", "proposed_repair", "occurrences", "created_at", "last_seen_at"),
        *("resolution", "resolved_at", "resolved_by"),
    )
    readonly_fields = tuple(name for name in fields if name != "resolution")
    export_columns = (
        Column("bot_name", lambda row: row.bot.name if row.bot else ""),
        *csv_fields("kind", "cause", "proposed_repair", "occurrences", "created_at", "last_seen_at"),
        *csv_fields("resolved_at", "resolution"),
    )
    kind_column = column("Incident", lambda row: row.kind.replace("_", " ").capitalize())
    state_column = column("State", _incident_state)

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


def _repair_action(
    label: str, repair: Callable[..., str]
) -> Callable[[admin.ModelAdmin, HttpRequest, QuerySet[BotState]], None]:
    """Return a list action that repairs each chosen state and reports what was changed."""

    @admin.action(description=label, permissions=["repair"])
    def run(model_admin: admin.ModelAdmin, request: HttpRequest, queryset: QuerySet[BotState]) -> None:
        for bot in BotConfig.objects.filter(state__in=queryset).order_by("name"):
            try:
                messages.success(request, repair(bot, by=request.user))
            except UserError as error:
                messages.error(request, str(error))

    run.__name__ = repair.__name__
    return run


@admin.register(BotState)
class BotStateAdmin(BotRecordAdmin):
    """Show each bot's state. Runs write it; users can only repair it, and each repair is logged."""

    list_display = (
        *("bot_column", "status", "last_bar", "quote_column", "base_column", "equity_column", "peak_column"),
        *("drawdown_reached_at", "failures", "last_tick_at", "lease_expires_at"),
    )
    list_filter = ("status", ("drawdown_reached_at", admin.EmptyFieldListFilter))
    ordering = ("bot__name",)
    actions = (
        _repair_action("Rebuild the ledger from the fills", repairs.rebuild_ledger),
        _repair_action("Measure the drawdown from today's equity", repairs.restart_drawdown),
        _repair_action("Reset the count of failed ticks", repairs.clear_failures),
    )
    quote_column = number_column("Quote", lambda row: formats.quantity(row.quote))
    base_column = number_column("Base", lambda row: formats.quantity(row.base))
    equity_column = number_column("Equity", lambda row: formats.money(row.equity))
    peak_column = number_column("Peak equity", lambda row: formats.money(row.peak_equity))
    export_columns = (
        *csv_fields("bot.name", "status", "last_bar", "quote", "base", "equity", "peak_equity", "drawdown_reached_at"),
        *csv_fields("failures", "last_error", "last_tick_at", "lease_expires_at", "run_number"),
    )

    def has_repair_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("bots.change_botstate")


@admin.register(OperatorAction)
class OperatorActionAdmin(BotRecordAdmin):
    list_display = ("created_at", "kind", "bot_column", "author_name", "reason")
    list_filter = ("kind", "bot", ("created_at", DateRangeFilter))
    ordering = ("-created_at",)
    sortable_by = ("created_at",)
    export_columns = csv_fields("created_at", "kind", "bot_name", "author_name", "reason")
