"""The actions of a run's page: cancel, pause, resume, note, delete, apply, revert."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from backtests import tasks
from backtests.errors import RunError
from backtests.models import Backtest, Optimisation, Run
from backtests.optimisation import rounds
from backtests.reports.trials import trial_set
from backtests.runs import queue
from backtests.views.base import get_run
from backtests.views.promote import apply, revert
from bots.control import lifecycle
from core.errors import UserError


@require_POST
@permission_required("backtests.change_backtest", raise_exception=True)
def act(request: HttpRequest, kind: str, pk: int) -> HttpResponseBase:
    """Run the action that the button names."""
    run = get_run(kind, pk)
    try:
        response = _act(request, run, request.POST.get("act", ""))
    except (UserError, ValidationError, lifecycle.ActionRefused) as error:
        problems = error.messages if isinstance(error, ValidationError) else [str(error)]
        messages.error(request, " ".join(problems))
        response = None
    return response or redirect("backtests:show", kind=kind, pk=pk)


def _act(request: HttpRequest, run: Run, name: str) -> HttpResponseBase | None:
    action = ACTIONS.get(name) or (OPTIMISATION_ACTIONS.get(name) if isinstance(run, Optimisation) else None)
    if action is not None:
        return action(request, run)
    raise RunError(f"There is nothing called “{name}” to do here.")


def _cancel(request: HttpRequest, run: Run) -> None:
    if not queue.cancel(run):
        raise RunError("It had already ended.")
    messages.info(request, "Cancelled. It has no result; what was made so far is kept to look at.")


def _pause(request: HttpRequest, run: Run) -> None:
    if not queue.pause(run):
        raise RunError("It had already ended, or was paused already.")


def _resume(request: HttpRequest, run: Run) -> None:
    if not queue.resume(run):
        raise RunError("Only a paused run can be resumed.")
    tasks.enqueue(run)


def _note(request: HttpRequest, run: Run) -> None:
    run.note, run.is_pinned = request.POST.get("note", ""), "is_pinned" in request.POST
    run.save(update_fields=["note", "is_pinned"])


def _delete(request: HttpRequest, run: Run) -> HttpResponseBase:
    if not request.user.has_perm("backtests.delete_backtest"):
        raise PermissionDenied
    if isinstance(run, Optimisation) and run.openings.exists():
        raise RunError("The hold-out of this optimisation was opened: that record is kept, and so is the optimisation.")
    run.delete()
    return redirect("backtests:index", kind=run.kind)


def _parameters(request: HttpRequest, run: Optimisation) -> dict[str, float | None]:
    """Return the parameters of the trial that the button names; those of the best if it names none."""
    trials = trial_set(run)
    text = request.POST.get("trial", "")
    if text.isascii() and text.isdigit() and 1 <= int(text) <= len(trials.trials):
        return trials.trials.at(int(text) - 1)
    if text or not run.result:
        raise RunError("There is no such trial.")
    best: dict[str, float | None] = run.result["best"]["parameters"]
    return best


def _hold_out(request: HttpRequest, run: Any) -> HttpResponseBase:
    reason = request.POST.get("reason", "")
    return _started(rounds.open_hold_out(run, _parameters(request, run), reason, request.user))


def _backtest(request: HttpRequest, run: Any) -> HttpResponseBase:
    return _started(rounds.new_trial_backtest(run, _parameters(request, run), request.user))


def _started(backtest: Backtest) -> HttpResponseBase:
    tasks.enqueue(backtest)
    return redirect("backtests:show", kind="backtest", pk=backtest.pk)


RunAction = Callable[[HttpRequest, Any], HttpResponseBase | None]
ACTIONS: dict[str, RunAction] = {
    "cancel": _cancel,
    "pause": _pause,
    "resume": _resume,
    "note": _note,
    "delete": _delete,
    "apply": apply,
    "take_back": revert,
}
OPTIMISATION_ACTIONS: dict[str, RunAction] = {"hold_out": _hold_out, "backtest": _backtest}
