"""Backtests side by side."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse

from backtests.models import Backtest
from backtests.reports.figures import figure
from backtests.views.pages import TITLES, page

MOST_COMPARED = 6


@permission_required("backtests.view_backtest", raise_exception=True)
def compare(request: HttpRequest) -> HttpResponse:
    """Two to six backtests side by side, differing settings marked."""
    wanted = [int(text) for text in request.GET.getlist("id") if text.isdigit()][:MOST_COMPARED]
    found = list(Backtest.objects.filter(pk__in=wanted, result__isnull=False).defer("series"))
    names = sorted({name for run in found for name in run.settings})
    rows = [(name, [run.settings.get(name) for run in found]) for name in names]
    marked = [{"name": name, "values": values, "differs": any(v != values[0] for v in values)} for name, values in rows]
    measured = [(run.result or {}).get("metrics", {}) for run in found]
    figures = [
        {"name": name.replace("_", " "), "values": [figure(name, one.get(name)) for one in measured]}
        for name in (measured[0] if measured else ())
    ]
    return page(request, "compare", "Compare", runs=found, settings=marked, figures=figures, kinds=TITLES)
