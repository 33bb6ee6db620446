"""The forms that start a run."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from backtests import runs, searches, tasks
from backtests.bot_settings import settings_of
from backtests.data_access import RunError
from backtests.forms import RunForm, SearchForm, WalkForwardForm
from backtests.models import Run, kinds
from backtests.views.pages import TITLES, page
from bots.models import BotConfig

FORMS: dict[str, type[RunForm]] = {"backtest": RunForm, "optimisation": SearchForm, "walkforward": WalkForwardForm}


@permission_required("backtests.add_backtest", raise_exception=True)
def new(request: HttpRequest, kind: str) -> HttpResponseBase:
    """The form that starts a run, filled in from a bot or another run where one is named."""
    if kind not in FORMS:
        raise Http404
    form = FORMS[kind](request.POST or None, initial=_initial(request))
    if request.method == "POST" and form.is_valid():
        try:
            run = _put_on_record(kind, form, request.user)
        except RunError as error:
            form.add_error(None, str(error))
        else:
            tasks.ring(run)
            return redirect("backtests:show", kind=kind, pk=run.pk)
    return page(request, "new", f"New {kinds()[kind]._meta.verbose_name}", form=form, kind=kind, kinds=TITLES)


def _initial(request: HttpRequest) -> dict[str, Any]:
    bot = BotConfig.objects.filter(pk=request.GET.get("bot") or 0).first()
    if bot is None:
        return {}
    lines = "\n".join(f"{name}={value}" for name, value in settings_of(bot).items() if " " not in value)
    return {"bot": bot, "dataset": f"{bot.symbol}:{bot.timeframe}", "settings": lines}


def _put_on_record(kind: str, form: RunForm, user: Any) -> Run:
    request = form.request(user)
    if isinstance(form, WalkForwardForm):
        return searches.new_walk_forward(request, form.plan())
    if isinstance(form, SearchForm):
        return searches.new_optimisation(request, form.plan(), form.cleaned_data["hold_out"])
    return runs.new_backtest(request)
