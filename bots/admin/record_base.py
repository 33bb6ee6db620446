"""The base of the record pages of bots: links to the bot, search by bot or symbol."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import DecimalField, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bots.models import BotConfig
from bots.pages import badges
from core import formats
from core.admin import ReadOnlyAdmin
from core.admin_columns import column
from core.csv import Column, field


def bot_link(row: Any) -> SafeString | str:
    """Return the bot's name, linked to its live page, and its venue."""
    if row.bot_id is None:
        return getattr(row, "bot_name", "") or "The whole site"
    return format_html(
        '<a href="{}">{}</a> {}',
        reverse("admin:bots_botconfig_live", args=(row.bot_id,)),
        row.bot.name,
        badges.venue(row.bot.api_key.venue),
    )


def side(row: Any) -> SafeString:
    return format_html('<span class="side-{}">{}</span>', row.side.lower(), row.side.capitalize())


BOT_COLUMNS = (field("bot.name"), Column("venue", lambda row: row.bot.api_key.venue))


def _shown(field: Any) -> Any:
    """Return the field's name, or for an amount a function that shows it plainly."""
    if not isinstance(field, DecimalField):
        return field.name
    name = field.name

    @admin.display(description=str(field.verbose_name).capitalize())
    def amount(row: Any) -> str:
        return formats.quantity(getattr(row, name))

    return amount


class BotRecordAdmin(ReadOnlyAdmin):
    """Search records through the small table of bots, never by a scan of the records."""

    bot_column = column("Bot", bot_link)
    search_help_text = "Bot or symbol"
    related: tuple[str, ...] = ("bot__api_key",)
    record_name = ""  # the field that holds a name of the record's own, searched by its beginning
    search_fields = ("bot",)  # shows the search box; get_search_results does the search

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show the whole record, amounts without needless zeros."""
        return self.fields or [_shown(field) for field in self.opts.concrete_fields if not field.primary_key]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.readonly_fields, *(field for field in self.get_fields(request, obj) if callable(field)))

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return (
            super()
            .get_queryset(request)
            .defer("bot__api_key__key", "bot__api_key__secret")
            .select_related(*self.related)
        )

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """Match every word with the bot's name, its symbol, or the beginning of the record's own name."""
        for word in search_term.split():
            bots = list(
                BotConfig.objects.filter(Q(name__icontains=word) | Q(symbol__icontains=word)).values_list(
                    "pk", flat=True
                )
            )
            matches = Q(bot__in=bots)
            if self.record_name:
                matches |= Q(**{f"{self.record_name}__startswith": word})
            if self.record_name and word.isdigit():
                matches |= self.by_number(int(word))
            queryset = queryset.filter(matches)
        return queryset, False

    def by_number(self, number: int) -> Q:
        """Return the condition for a search term that is a number; none by default."""
        return Q()
