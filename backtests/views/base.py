"""Helpers shared by the pages of results: the frame, the titles, finding a run."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from backtests.models import Run, run_models

TITLES = {
    "backtest": "Backtests",
    "optimisation": "Optimisations",
    "walkforward": "Walk-forwards",
    "montecarlo": "Monte Carlo",
}


def page(request: HttpRequest, template: str, title: str, **values: Any) -> HttpResponse:
    return render(request, f"backtests/{template}.html", {**admin.site.each_context(request), "title": title, **values})


def get_run(kind: str, pk: int) -> Run:
    model = run_models().get(kind)
    if model is None:
        raise Http404(f"there is no kind of run called {kind}")
    run: Run = get_object_or_404(model._default_manager.select_related("bot", "created_by"), pk=pk)
    return run
