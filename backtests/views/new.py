"""The pages that start a run, with their live preview."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from backtests import tasks
from backtests.errors import RunError
from backtests.forms.monte_carlo import MonteCarloForm
from backtests.forms.optimisation import OptimisationForm, WalkForwardForm, plan_initial
from backtests.forms.preview import form_preview
from backtests.forms.run import RunForm, settings_initial
from backtests.models import Backtest, Optimisation, Run, RunStatus, WalkForward, run_models
from backtests.optimisation import rounds
from backtests.runs import queue
from backtests.views.base import TITLES, page
from backtests.walk_forward import runner
from bots.bot_settings import run_values
from bots.models import BotConfig
from bots.settings.parse import parse_pairs
from exchange.models import Dataset

FORMS: dict[str, type[Any]] = {
    "backtest": RunForm,
    "optimisation": OptimisationForm,
    "walkforward": WalkForwardForm,
    "montecarlo": MonteCarloForm,
}
PURPOSES = {
    "backtest": "Runs these settings over stored candles, with the same decisions as a bot's.",
    "optimisation": "Tries many parameters on the same candles and measures how likely the best of them is luck.",
    "walkforward": "Chooses parameters in-sample, trades them on the window after it, and rolls forward: the "
    "result of re-optimising now and then.",
    "montecarlo": "Simulates the outcomes that a backtest's trades, or days, could as well have had.",
}
HEADINGS = {
    "backtest": "New backtest",
    "optimisation": "New optimisation",
    "walkforward": "New walk-forward",
    "montecarlo": "New Monte Carlo run",
}
STARTS = {
    "backtest": "Run backtest",
    "optimisation": "Start optimisation",
    "walkforward": "Start walk-forward",
    "montecarlo": "Run simulation",
}
NO_CANDLES = (
    "There are no candles yet. Bring some in with “manage.py import_klines FILE” or “manage.py download_klines”; "
    "the list of datasets shows what is stored."
)
NO_BACKTEST = "There is no finished backtest to simulate yet. Run one first."


@permission_required("backtests.add_backtest", raise_exception=True)
def new(request: HttpRequest, kind: str) -> HttpResponseBase:
    """Show the form that starts a run, filled in from a bot or another run if one is named."""
    form = _form(request, kind)
    if request.method == "POST" and form.is_valid():
        try:
            run = _create_run(form, request.user)
        except RunError as error:
            _refuse(form, error)
        else:
            tasks.enqueue(run)
            return redirect("backtests:show", kind=kind, pk=run.pk)
    return page(
        request, "new", HEADINGS[kind], form=form, kind=kind, kinds=TITLES, purpose=PURPOSES[kind],
        start_label=STARTS[kind], bot=form.initial.get("bot"), nothing_to_run_on=_missing(kind),
    )  # fmt: skip


@require_POST
@permission_required("backtests.add_backtest", raise_exception=True)
def preview(request: HttpRequest, kind: str) -> HttpResponse:
    """Show what the form as it stands would run: bars, gaps, combinations, windows."""
    form = _form(request, kind)
    form.is_valid()
    return render(request, "backtests/preview.html", {"preview": form_preview(form)})


def _form(request: HttpRequest, kind: str) -> Any:
    if kind not in FORMS:
        raise Http404(f"there is no kind of run called {kind}")
    return FORMS[kind](request.POST or None, initial=_initial(request, kind))


def _missing(kind: str) -> str:
    if kind == "montecarlo":
        return "" if Backtest.objects.filter(status=RunStatus.DONE).exists() else NO_BACKTEST
    return "" if Dataset.objects.exists() else NO_CANDLES


def _initial(request: HttpRequest, kind: str) -> dict[str, Any]:
    """Return initial values from the bot, or the run, that the address names."""
    if kind == "montecarlo":
        return {"backtest": request.GET.get("backtest")}
    bot = BotConfig.objects.filter(pk=_number(request.GET.get("bot"))).first()
    if bot is not None:
        return settings_initial(run_values(bot)) | {"bot": bot, "dataset": f"{bot.symbol}:{bot.timeframe}"}
    return _initial_of_run(request)


def _initial_of_run(request: HttpRequest) -> dict[str, Any]:
    """Return initial values of `?run=KIND:ID`, with `parameters` of one of its trials if named."""
    kind, _, pk = request.GET.get("run", "").partition(":")
    model = run_models().get(kind)
    run: Run | None = model._default_manager.filter(pk=_number(pk)).first() if model else None
    if run is None:
        return {}
    settings = {**run.settings, **parse_pairs([request.GET.get("parameters", "").split()])}
    time_range = {name: getattr(run, f"{name}_at").strftime("%Y-%m-%dT%H:%M") for name in ("start", "end")}
    plan = plan_initial(run.strategy, run.plan) if isinstance(run, Optimisation | WalkForward) else {}
    if isinstance(run, Optimisation) and run.hold_out_end_at is not None:
        time_range["end"] = run.hold_out_end_at.strftime("%Y-%m-%dT%H:%M")
    return (
        settings_initial(settings)
        | time_range
        | plan
        | {"seed": run.seed}
        | {"bot": run.bot, "dataset": f"{run.symbol}:{run.interval}"}
    )


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 18 else 0


def _create_run(form: Any, user: Any) -> Run:
    if isinstance(form, MonteCarloForm):
        return queue.new_monte_carlo(form.cleaned_data["backtest"], form.plan(), form.cleaned_data["seed"], user)
    request = form.request(user)
    if isinstance(form, WalkForwardForm):
        return runner.new_walk_forward(request, form.plan())
    if isinstance(form, OptimisationForm):
        return rounds.new_optimisation(request, form.plan(), form.cleaned_data["hold_out"])
    return queue.new_backtest(request)


def _refuse(form: Any, error: RunError) -> None:
    if isinstance(form, RunForm):
        form.refuse(error.field, str(error))
    else:
        form.add_error(error.field if error.field in form.fields else None, str(error))
