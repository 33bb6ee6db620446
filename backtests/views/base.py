"""What the pages of results share: the frame, the kinds' names, finding a run."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from backtests.models import Run, kinds

TITLES = {
    "backtest": "Backtests",
    "optimisation": "Searches",
    "walkforward": "Walk-forwards",
    "montecarlo": "Monte Carlo",
}


def page(request: HttpRequest, template: str, title: str, **values: Any) -> HttpResponse:
    return render(request, f"backtests/{template}.html", {**admin.site.each_context(request), "title": title, **values})


def run_of(kind: str, pk: int) -> Run:
    model = kinds().get(kind)
    if model is None:
        raise Http404(f"there is no kind of run called {kind}")
    found: Run = get_object_or_404(model._default_manager.select_related("bot", "created_by"), pk=pk)
    return found
