"""One trial of a search, what can be done with it, and all trials as a file."""

from __future__ import annotations

import csv
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from backtests.models import Optimisation
from backtests.optimisation.samplers import FIGURES
from backtests.reports import trials
from backtests.reports.formats import figures
from backtests.views.base import TITLES, page
from bots.models import BotConfig


def _search(pk: int) -> Optimisation:
    found: Optimisation = get_object_or_404(Optimisation.objects.select_related("bot"), pk=pk)
    return found


@permission_required("backtests.view_backtest", raise_exception=True)
def trials_csv(request: HttpRequest, pk: int) -> HttpResponse:
    """Every trial with its parameters and figures, exact."""
    answer = HttpResponse(content_type="text/csv")
    answer["Content-Disposition"] = f'attachment; filename="search-{pk}-trials.csv"'
    csv.writer(answer).writerows(trials.csv_rows(trials.trial_set(_search(pk))))
    return answer


@permission_required("backtests.view_backtest", raise_exception=True)
def trial(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """One trial: its parameters beside those of the search, its figures, and what can be done with it."""
    run = _search(pk)
    found = trials.trial_set(run)
    if not 1 <= number <= len(found.trials):
        raise Http404(f"search {pk} has no trial {number}")
    row = found.row(number - 1)
    settings = [
        {"label": trials.label(name), "value": value, "before": trials.value_text(_float(run.settings.get(name)))}
        for name, value in zip(found.names, row["values"], strict=True)
    ]
    bots = BotConfig.objects.filter(strategy=run.strategy).order_by("name")
    return page(
        request, "trial", f"Trial {number} of search {pk}", run=run, kind="optimisation", kinds=TITLES, row=row,
        settings=settings, key_figures=figures(found.trials.figures_at(number - 1), FIGURES), number=number,
        count=len(found.trials), bots=bots, kind_title=TITLES["optimisation"],
    )  # fmt: skip


def _float(value: Any) -> float | None:
    return None if value in (None, "") else float(value)
