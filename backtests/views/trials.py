"""The page of one trial of an optimisation, and all trials as CSV."""

from __future__ import annotations

import csv
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from backtests.models import Optimisation
from backtests.optimisation.samplers import METRIC_NAMES
from backtests.reports import trials
from backtests.reports.formats import metric_rows
from backtests.views.base import TITLES, page
from bots.models import BotConfig


def _get_optimisation(pk: int) -> Optimisation:
    optimisation: Optimisation = get_object_or_404(Optimisation.objects.select_related("bot"), pk=pk)
    return optimisation


@permission_required("backtests.view_backtest", raise_exception=True)
def trials_csv(request: HttpRequest, pk: int) -> HttpResponse:
    """Return every trial with its parameters and metrics, exact."""
    response = HttpResponse(content_type="text/csv")
    response["Content-Disposition"] = f'attachment; filename="search-{pk}-trials.csv"'
    csv.writer(response).writerows(trials.csv_rows(trials.trial_set(_get_optimisation(pk))))
    return response


@permission_required("backtests.view_backtest", raise_exception=True)
def trial(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """Show one trial: its parameters beside those of the optimisation, its metrics, its actions."""
    run = _get_optimisation(pk)
    trial_set = trials.trial_set(run)
    if not 1 <= number <= len(trial_set.trials):
        raise Http404(f"optimisation {pk} has no trial {number}")
    row = trial_set.row(number - 1)
    settings = [
        {"label": trials.label(name), "value": value, "before": trials.value_text(_float(run.settings.get(name)))}
        for name, value in zip(trial_set.names, row["values"], strict=True)
    ]
    bots = BotConfig.objects.filter(strategy=run.strategy).order_by("name")
    return page(
        request, "trial", f"Trial {number} of optimisation {pk}", run=run, kind="optimisation", kinds=TITLES, row=row,
        settings=settings, key_metrics=metric_rows(trial_set.trials.metrics_at(number - 1), METRIC_NAMES),
        number=number,
        count=len(trial_set.trials), bots=bots, kind_title=TITLES["optimisation"],
    )  # fmt: skip


def _float(value: Any) -> float | None:
    return None if value in (None, "") else float(value)
