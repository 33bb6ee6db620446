"""A page's rows as CSV. Decimals exactly, times in ISO 8601; what a spreadsheet would run as a formula is defused."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Model, QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone

from exchange.decimals import plain

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class _Line:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def response(rows: QuerySet[Model], fields: Sequence[str]) -> StreamingHttpResponse:
    """A download of these rows and fields, streamed."""
    name = f"{rows.model._meta.model_name}s-{timezone.now():%Y%m%d-%H%M}.csv"
    return StreamingHttpResponse(
        _lines(rows, fields),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _lines(rows: QuerySet[Model], fields: Sequence[str]) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield writer.writerow(fields)
    for row in rows.values_list(*fields).iterator(chunk_size=2000):
        yield writer.writerow([cell(value) for value in row])


def cell(value: Any) -> str:
    """One value as text."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, dict | list):
        return json.dumps(value, separators=(",", ":"))
    text = str(value)
    return "'" + text if isinstance(value, str) and text.startswith(_FORMULA_STARTS) else text
