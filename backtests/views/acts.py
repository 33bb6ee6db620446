"""What is done to a run by its page's buttons."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from backtests import runs, searches, tasks
from backtests.data_access import RunError
from backtests.models import Optimisation, Run
from backtests.views.apply import apply
from backtests.views.pages import run_of
from bots import lifecycle


@require_POST
@permission_required("backtests.change_backtest", raise_exception=True)
def act(request: HttpRequest, kind: str, pk: int) -> HttpResponseBase:
    """One act on a run, named by the button."""
    run = run_of(kind, pk)
    try:
        answer = _act(request, run, request.POST.get("act", ""))
    except (RunError, ValidationError, lifecycle.NotReady, ValueError) as error:
        problems = error.messages if isinstance(error, ValidationError) else [str(error)]
        messages.error(request, " ".join(problems))
        answer = None
    return answer or redirect("backtests:show", kind=kind, pk=pk)


def _act(request: HttpRequest, run: Run, name: str) -> HttpResponseBase | None:
    simple = {"cancel": _cancel, "pause": _pause, "resume": _resume, "note": _note, "delete": _delete, "apply": apply}
    if name in simple:
        return simple[name](request, run)
    if name == "hold_out" and isinstance(run, Optimisation):
        parameters = (run.result or {})["best"]["parameters"] if run.result else {}
        opened = searches.open_hold_out(run, parameters, request.POST.get("reason", ""), request.user)
        return redirect("backtests:show", kind="backtest", pk=opened.pk)
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
