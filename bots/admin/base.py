"""What the record pages of bots share: found by bot or symbol through the small table of bots."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from bots.models import BotConfig
from core.admin import ReadOnlyAdmin


class BotRecordAdmin(ReadOnlyAdmin):
    """Records of bots: found by bot or symbol through the small table of bots, never by a scan of the records."""

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
        """What a bare number may also mean."""
        return Q()
