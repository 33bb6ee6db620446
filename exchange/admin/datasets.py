"""Show what the candle store covers and where bars are missing."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString

from core.admin import ReadOnlyAdmin
from core.admin_columns import bullet_list
from core.times import format_utc, to_datetime
from exchange.klines.intervals import next_open_time
from exchange.models import Dataset

SHOWN_GAPS = 200
COUNTED_BARS = 100_000


@admin.register(Dataset)
class DatasetAdmin(ReadOnlyAdmin):
    list_display = ("symbol", "interval", "first_open_time", "last_open_time", "rows", "missing", "updated_at")
    list_filter = ("interval",)
    search_fields = ("symbol",)
    fields = (*list_display, "data_hash", "gap_table")
    readonly_fields = fields
    actions = ("export_csv",)
    export_fields = (*list_display, "data_hash", "gaps")

    @admin.display(description="Gaps")
    def gap_table(self, row: Dataset) -> SafeString | str:
        if not row.gaps:
            return "None: every bar between the first and the last is stored."
        lines = [describe_gap(row.interval, int(first), int(last)) for first, last in row.gaps[:SHOWN_GAPS]]
        if len(row.gaps) > SHOWN_GAPS:
            lines.append(f"and {len(row.gaps) - SHOWN_GAPS} more")
        return bullet_list(lines)


def describe_gap(interval: str, first_ms: int, last_ms: int) -> str:
    """Return the times and the number of bars of a gap, given the open times of its first and last missing bar."""
    bars, open_ms = 1, first_ms
    while open_ms < last_ms and bars < COUNTED_BARS:
        open_ms, bars = next_open_time(interval, open_ms), bars + 1
    count = "1 bar" if bars == 1 else f"{bars} bars"
    return f"{format_utc(to_datetime(first_ms))} to {format_utc(to_datetime(last_ms))} UTC: {count} missing"
