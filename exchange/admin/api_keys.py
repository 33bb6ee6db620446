"""Show, check and edit API keys. A key is typed in once and never shown again."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from exchange import api_key_check
from exchange.admin.forms import ApiKeyForm
from exchange.models import ApiKey

CREDENTIALS = ("new_key", "new_secret", "may_withdraw")
LIMITS = ("Limits", {"fields": ("max_exposure_quote",)})
ADD_FIELDSETS = (
    (None, {"fields": ("name", "venue")}),
    ("Credentials", {"fields": (*CREDENTIALS, "paper_balance")}),
    LIMITS,
)
CHANGE_FIELDSETS = (
    (None, {"fields": ("name", "venue")}),
    ("Credentials", {"fields": ("masked", *CREDENTIALS)}),
    LIMITS,
    ("Permissions", {"fields": ("permissions", "check_message", "checked_at", "created_at")}),
)


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):
    """Edit keys. A key that bots use cannot be deleted: the bots' foreign key protects it."""

    form = ApiKeyForm
    list_display = ("name", "venue", "masked", "permissions", "checked_at", "max_exposure_quote", "is_demo")
    list_filter = ("venue", "is_demo")
    search_fields = ("name",)
    readonly_fields = ("masked", "permissions", "check_message", "checked_at", "created_at")
    actions = ("check_now",)

    def get_fieldsets(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        return CHANGE_FIELDSETS if obj else ADD_FIELDSETS

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        """Leave the secrets unread, so that a page still opens when SECRETS_KEYS has lost a key."""
        return super().get_queryset(request).defer("key", "secret")

    @admin.display(description="Key")
    def masked(self, row: ApiKey) -> str:
        return f"…{row.key_hint}" if row.key_hint else "********"

    @admin.display(description="Permissions")
    def permissions(self, row: ApiKey) -> str:
        if row.can_trade is None:
            return "not checked yet"
        allowed = [
            label for label, is_allowed in (("trade", row.can_trade), ("WITHDRAW", row.can_withdraw)) if is_allowed
        ]
        return ", ".join(allowed) or "none"

    @admin.action(description="Check the permissions of the selected keys", permissions=["change"])
    def check_now(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        for row in queryset:
            self._report(request, row, api_key_check.check_and_record(row))

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if form.key_check is not None and not form.key_check.is_good:
            self._report(request, obj, form.key_check)

    def _report(self, request: HttpRequest, row: ApiKey, result: api_key_check.KeyCheck) -> None:
        level = messages.SUCCESS if result.is_good else messages.WARNING
        self.message_user(request, f"{row.name}: {result.message}", level)
