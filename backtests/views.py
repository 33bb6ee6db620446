"""The pages of results: lists, forms, reports. Each view asks for plain values and says which page shows them."""

from __future__ import annotations

import csv
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db.models import Field, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from backtests import reports, runs, searches, tasks
from backtests.data_access import RunError
from backtests.forms import MonteCarloForm, RunForm, SearchForm, WalkForwardForm
from backtests.models import Backtest, Optimisation, Run, kinds
from backtests.parameters import parse_pairs
from bots import lifecycle
from bots.models import BotConfig

FORMS: dict[str, type[RunForm]] = {"backtest": RunForm, "optimisation": SearchForm, "walkforward": WalkForwardForm}
TITLES = {
    "backtest": "Backtests",
    "optimisation": "Searches",
    "walkforward": "Walk-forwards",
    "montecarlo": "Monte Carlo",
}
MOST_COMPARED = 6


def _page(request: HttpRequest, template: str, title: str, **values: Any) -> HttpResponse:
    return render(request, f"backtests/{template}.html", {**admin.site.each_context(request), "title": title, **values})


def _run(kind: str, pk: int) -> Run:
    model = kinds().get(kind)
    if model is None:
        raise Http404(f"there is no kind of run called {kind}")
    found: Run = get_object_or_404(model._default_manager.select_related("bot", "created_by"), pk=pk)
    return found


@permission_required("backtests.view_backtest", raise_exception=True)
def index(request: HttpRequest, kind: str = "backtest") -> HttpResponse:
    """Results of one kind, newest and pinned first, searched by symbol, bot or note."""
    model = kinds().get(kind)
    if model is None:
        raise Http404
    rows = model._default_manager.select_related("bot").defer("result", "series", "symbol_info")
    wanted = request.GET.get("q", "").strip()
    if wanted:
        rows = rows.filter(Q(symbol__icontains=wanted) | Q(bot__name__icontains=wanted) | Q(note__icontains=wanted))
    order = request.GET.get("sort", "")
    if order.lstrip("-") in ("total_return", "sharpe", "max_drawdown", "created_at"):
        rows = rows.order_by(order)
    page = Paginator(rows, 50).get_page(request.GET.get("p"))
    return _page(request, "index", TITLES[kind], kind=kind, kinds=TITLES, page=page, q=wanted)


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
    return _page(request, "new", f"New {kinds()[kind]._meta.verbose_name}", form=form, kind=kind, kinds=TITLES)


def _initial(request: HttpRequest) -> dict[str, Any]:
    bot = BotConfig.objects.filter(pk=request.GET.get("bot") or 0).first()
    if bot is None:
        return {}
    lines = "\n".join(f"{name}={value}" for name, value in reports.settings_of(bot).items() if " " not in value)
    return {"bot": bot, "dataset": f"{bot.symbol}:{bot.timeframe}", "settings": lines}


def _put_on_record(kind: str, form: RunForm, user: Any) -> Run:
    request = form.request(user)
    if isinstance(form, WalkForwardForm):
        return searches.new_walk_forward(request, form.plan())
    if isinstance(form, SearchForm):
        return searches.new_optimisation(request, form.plan(), form.cleaned_data["hold_out"])
    return runs.new_backtest(request)


@permission_required("backtests.view_backtest", raise_exception=True)
def show(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """A run: its progress while it goes on, its report when it is done."""
    run = _run(kind, pk)
    values = reports.report(run, request.GET.dict()) if run.result else {}
    bots = BotConfig.objects.order_by("name") if kind in ("backtest", "optimisation") else ()
    openings = run.openings.select_related("opened_by", "backtest") if isinstance(run, Optimisation) else ()
    form = MonteCarloForm() if kind == "backtest" else None
    title = str(run)[:1].upper() + str(run)[1:]
    return _page(
        request, "show", title, run=run, kind=kind, kinds=TITLES, report=values, bots=bots,
        openings=openings, monte_carlo_form=form, settings_rows=sorted((run.settings or {}).items()),
    )  # fmt: skip


@permission_required("backtests.view_backtest", raise_exception=True)
def trades_csv(request: HttpRequest, pk: int) -> HttpResponse:
    """A backtest's trades, exact."""
    run = _run("backtest", pk)
    answer = HttpResponse(content_type="text/csv")
    answer["Content-Disposition"] = f'attachment; filename="backtest-{pk}-trades.csv"'
    trades = (run.result or {}).get("trades", [])
    if trades:
        writer = csv.DictWriter(answer, trades[0].keys())
        writer.writeheader()
        writer.writerows(trades)
    return answer


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
        {"name": name.replace("_", " "), "values": [reports.figure(name, one.get(name)) for one in measured]}
        for name in (measured[0] if measured else ())
    ]
    return _page(request, "compare", "Compare", runs=found, settings=marked, figures=figures, kinds=TITLES)


@require_POST
@permission_required("backtests.change_backtest", raise_exception=True)
def act(request: HttpRequest, kind: str, pk: int) -> HttpResponseBase:
    """One act on a run, named by the button."""
    run = _run(kind, pk)
    try:
        answer = _act(request, run, request.POST.get("act", ""))
    except (RunError, ValidationError, lifecycle.NotReady, ValueError) as error:
        problems = error.messages if isinstance(error, ValidationError) else [str(error)]
        messages.error(request, " ".join(problems))
        answer = None
    return answer or redirect("backtests:show", kind=kind, pk=pk)


def _act(request: HttpRequest, run: Run, name: str) -> HttpResponseBase | None:
    simple = {"cancel": _cancel, "pause": _pause, "resume": _resume, "note": _note, "delete": _delete, "apply": _apply}
    if name in simple:
        return simple[name](request, run)
    if name == "hold_out" and isinstance(run, Optimisation):
        parameters = (run.result or {})["best"]["parameters"] if run.result else {}
        opened = searches.open_hold_out(run, parameters, request.POST.get("reason", ""), request.user)
        return redirect("backtests:show", kind="backtest", pk=opened.pk)
    if name == "monte_carlo" and isinstance(run, Backtest):
        return _simulate(request, run)
    raise RunError(f"There is nothing called “{name}” to do here.")


def _cancel(request: HttpRequest, run: Run) -> None:
    runs.cancel(run)


def _pause(request: HttpRequest, run: Run) -> None:
    runs.pause(run)


def _resume(request: HttpRequest, run: Run) -> None:
    if runs.resume(run):
        tasks.ring(run)


def _note(request: HttpRequest, run: Run) -> None:
    run.note, run.is_pinned = request.POST.get("note", ""), "is_pinned" in request.POST
    run.save(update_fields=["note", "is_pinned"])


def _delete(request: HttpRequest, run: Run) -> HttpResponseBase:
    if not request.user.has_perm("backtests.delete_backtest"):
        raise PermissionDenied
    if isinstance(run, Optimisation) and run.openings.exists():
        raise RunError("This search's hold-out was opened: the record of that is kept, and so is the search.")
    run.delete()
    return redirect("backtests:index", kind=run.kind)


def _simulate(request: HttpRequest, run: Backtest) -> HttpResponseBase:
    form = MonteCarloForm(request.POST)
    if not form.is_valid():
        raise RunError(" ".join(str(e) for errors in form.errors.values() for e in errors))
    plan = {key: value for key, value in form.cleaned_data.items() if key != "seed"}
    made = runs.new_monte_carlo(run, plan, form.cleaned_data["seed"], request.user)
    tasks.ring(made)
    return redirect("backtests:show", kind="montecarlo", pk=made.pk)


def _apply(request: HttpRequest, run: Run) -> HttpResponseBase:
    """Show what a result would change in a bot; with `confirmed`, make it the bot's new version."""
    if not request.user.has_perm("bots.change_botconfig"):
        raise PermissionDenied
    bot = get_object_or_404(BotConfig, pk=request.POST.get("bot") or None)
    wanted = parse_pairs([request.POST.get("parameters", "").split()])
    changes = apply_to(bot, wanted)
    reason = request.POST.get("reason", "").strip()
    if "confirmed" in request.POST:
        if not reason:
            raise RunError("Say why: the reason stays with the bot's new version.")
        version = lifecycle.save(bot, author=request.user, reason=f"{reason} ({run})")  # type: ignore[arg-type]
        messages.success(request, f"{bot} is now version {version.number}. Its page takes an older version back.")
        return redirect("backtests:show", kind=run.kind, pk=run.pk)
    return _page(
        request, "apply", f"Apply to {bot}", run=run, bot=bot, changes=changes, kinds=TITLES,
        parameters=request.POST.get("parameters", ""), reason=reason or f"Applied from {run}",
    )  # fmt: skip


def apply_to(bot: BotConfig, wanted: dict[str, str]) -> list[dict[str, Any]]:
    """Put parameters into a bot, unsaved and validated: what changes, a row each."""
    changes = []
    for name, text in wanted.items():
        value = None if text == "none" else text
        if hasattr(bot, name) and name not in ("pk", "id", "name", "api_key", "is_active"):
            before = getattr(bot, name)
            setattr(bot, name, cast(Field, bot._meta.get_field(name)).to_python(value))
        else:
            before = bot.parameters.get(name)
            bot.parameters = {**bot.parameters, name: float(text) if "." in text else int(text)}
        changes.append({"name": name, "before": before, "after": text})
    lifecycle.validate(bot)
    return changes
