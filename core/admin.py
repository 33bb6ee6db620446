"""Share what the record pages of the admin need: read-only, quick on a million rows, by date, exported as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from core import csv


class CappedPaginator(Paginator):
    """Count no further than `MOST` rows: counting a million on every page is what makes big tables slow.

    Older rows are reached by the date filter, which the index answers.
    """

    MOST = 10_000

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return rows.order_by().values("pk")[: self.MOST].count()

    @property
    def is_capped(self) -> bool:
        return self.count >= self.MOST


class DateRangeFilter(admin.FieldListFilter):
    """Filter from one UTC day up to and including another, or by the usual periods. An index on the field serves it."""

    template = "admin/date_range_filter.html"
    SPANS = (("Any time", None), ("Today", 0), ("Last 7 days", 6), ("Last 30 days", 29), ("Last 365 days", 364))

    def __init__(
        self, field: Any, request: HttpRequest, params: Any, model: Any, model_admin: Any, field_path: str
    ) -> None:
        self.since_name, self.until_name = f"{field_path}__since", f"{field_path}__until"
        super().__init__(field, request, params, model, model_admin, field_path)
        self.since = _day(self.used_parameters.get(self.since_name))
        self.until = _day(self.used_parameters.get(self.until_name))

    def expected_parameters(self) -> list[str | None]:
        return [self.since_name, self.until_name]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.since:
            queryset = queryset.filter(**{f"{self.field_path}__gte": _midnight(self.since)})
        if self.until:
            queryset = queryset.filter(**{f"{self.field_path}__lt": _midnight(self.until + timedelta(days=1))})
        return queryset

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        today = timezone.now().date()
        own = (self.since_name, self.until_name, "p")
        # The page's other parameters, for the form that asks for two days.
        self.kept = [(name, v) for name, v in changelist.get_filters_params().items() if name not in own]
        if changelist.query:
            self.kept.append(("q", changelist.query))
        for display, days in self.SPANS:
            since = today - timedelta(days=days) if days is not None else None
            yield {
                "selected": self.since == since and self.until is None,
                "query_string": changelist.get_query_string(
                    {self.since_name: since.isoformat()} if since else {}, [self.since_name, self.until_name]
                ),
                "display": display,
            }
        if self.until or (self.since and not self._is_span(today)):
            display = f"{self.since or '…'} to {self.until or 'today'}"
            yield {"selected": True, "query_string": "", "display": display, "is_typed": True}

    def _is_span(self, today: date) -> bool:
        return any(days is not None and self.since == today - timedelta(days=days) for _, days in self.SPANS)


def _day(values: Any) -> date | None:
    text = values[-1] if isinstance(values, list) and values else values
    try:
        return date.fromisoformat(text) if text else None
    except (TypeError, ValueError):
        return None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


class ReadOnlyAdmin(admin.ModelAdmin):
    """Show, search and export rows that nobody may edit."""

    actions: Any = None
    show_full_result_count = False
    paginator = CappedPaginator
    list_per_page = 100
    list_max_show_all = 0
    change_list_template = "admin/read_only_change_list.html"
    export_columns: tuple[csv.Column, ...] = ()
    export_fields: tuple[str, ...] = ()  # as in values_list(), instead of export_columns
    related: tuple[str, ...] = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_csv"
        return [path("csv/", self.admin_site.admin_view(self.csv_view), name=name), *super().get_urls()]

    def csv_view(self, request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
        """Stream every row that matches the page's filters and search."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self.export_csv(request, self.get_changelist_instance(request).queryset.select_related(*self.related))

    @admin.action(description="Export the selected rows as CSV", permissions=["view"])
    def export_csv(self, request: HttpRequest, queryset: QuerySet) -> StreamingHttpResponse:
        name = f"{self.opts.model_name}s"
        if self.export_fields:
            rows = queryset.select_related(None).values_list(*self.export_fields)
            return csv.response(name, rows, csv.value_columns(*self.export_fields))
        return csv.response(name, queryset, self.export_columns)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        query = request.GET.urlencode()
        url = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_csv")
        extra = {"csv_url": url, "csv_query": f"?{query}" if query else "", **(extra_context or {})}
        return super().changelist_view(request, extra)
