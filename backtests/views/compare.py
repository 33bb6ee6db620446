"""Backtests side by side."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse

from backtests.models import Backtest
from backtests.reports.comparison import MOST, comparison
from backtests.views.base import TITLES, page

OFFERED = 60


@permission_required("backtests.view_backtest", raise_exception=True)
def compare(request: HttpRequest) -> HttpResponse:
    """Two to six finished backtests, in the order they were chosen, and others to add."""
    asked = list(dict.fromkeys(int(text) for text in request.GET.getlist("id") if text.isdecimal()))
    finished = Backtest.objects.filter(result__isnull=False).select_related("bot")
    found = finished.in_bulk(asked[:MOST])
    runs = [found[number] for number in asked if number in found]
    if len(asked) > MOST:
        messages.warning(request, f"At most {MOST} results fit side by side: these are the first {MOST} you chose.")
    missing = [f"#{number}" for number in asked[:MOST] if number not in found]
    if missing:
        messages.warning(request, f"There is no finished backtest {', '.join(missing)}.")
    others = finished.defer("result", "series", "symbol_info", "settings").exclude(pk__in=found)[:OFFERED]
    values = comparison(runs) if len(runs) > 1 else {}
    return page(
        request, "compare", "Compare backtests", runs=runs, report=values, kinds=TITLES, kind="backtest",
        others=others if len(runs) < MOST else (),
    )  # fmt: skip
