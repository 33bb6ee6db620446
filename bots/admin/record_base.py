"""What the record pages of bots share: found by bot or symbol through the small table of bots."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bots.models import BotConfig
from bots.pages import badges
from core.admin import ReadOnlyAdmin
from core.admin_columns import column
from core.csv import Column, field


def bot_link(row: Any) -> SafeString | str:
    """Return the bot's name, leading to its live page, and whose money it trades."""
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


class BotRecordAdmin(ReadOnlyAdmin):
    """Records of bots: found by bot or symbol through the small table of bots, never by a scan of the records."""

    bot_column = column("Bot", bot_link)
    search_help_text = "Bot or symbol"
    related: tuple[str, ...] = ("bot__api_key",)
    record_name = ""  # the field that holds a name of the record's own, searched by its beginning
    search_fields = ("bot",)  # shows the search box; get_search_results does the search

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return (
            super()
            .get_queryset(request)
            .defer("bot__api_key__key", "bot__api_key__secret")
            .select_related(*self.related)
        )

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """All words must be found: in the bot's name, its symbol, or as the beginning of the record's own name."""
        for word in search_term.split():
            bots = list(
                BotConfig.objects.filter(Q(name__icontains=word) | Q(symbol__icontains=word)).values_list(
                    "pk", flat=True
                )
            )
            found = Q(bot__in=bots)
            if self.record_name:
                found |= Q(**{f"{self.record_name}__startswith": word})
            if self.record_name and word.isdigit():
                found |= self.by_number(int(word))
            queryset = queryset.filter(found)
        return queryset, False

    def by_number(self, number: int) -> Q:
        """Return what a bare number may also mean."""
        return Q()
