"""What is done to a run by its page's buttons."""

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
from backtests.models import Backtest, Optimisation, Run
from backtests.optimisation import rounds
from backtests.reports.trials import trial_set
from backtests.runs import queue
from backtests.runs.inputs import RunError
from backtests.views.base import run_of
from backtests.views.promote import apply, take_back
from bots.control import lifecycle
from core.errors import UserError


@require_POST
@permission_required("backtests.change_backtest", raise_exception=True)
def act(request: HttpRequest, kind: str, pk: int) -> HttpResponseBase:
    """One act on a run, named by the button."""
    run = run_of(kind, pk)
    try:
        answer = _act(request, run, request.POST.get("act", ""))
    except (RunError, UserError, ValidationError, lifecycle.ActionRefused, ValueError) as error:
        problems = error.messages if isinstance(error, ValidationError) else [str(error)]
        messages.error(request, " ".join(problems))
        answer = None
    return answer or redirect("backtests:show", kind=kind, pk=pk)


def _act(request: HttpRequest, run: Run, name: str) -> HttpResponseBase | None:
    found = ACTS.get(name) or (ACTS_OF_SEARCHES.get(name) if isinstance(run, Optimisation) else None)
    if found is not None:
        return found(request, run)
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


def _parameters(request: HttpRequest, run: Optimisation) -> dict[str, float | None]:
    """Those of the trial that the button names; of the best where it names none."""
    found = trial_set(run)
    text = request.POST.get("trial", "")
    if text.isascii() and text.isdigit() and 1 <= int(text) <= len(found.trials):
        return found.trials.at(int(text) - 1)
    if text or not run.result:
        raise RunError("There is no such trial.")
    best: dict[str, float | None] = run.result["best"]["parameters"]
    return best


def _hold_out(request: HttpRequest, run: Any) -> HttpResponseBase:
    reason = request.POST.get("reason", "")
    return _started(rounds.open_hold_out(run, _parameters(request, run), reason, request.user))


def _backtest(request: HttpRequest, run: Any) -> HttpResponseBase:
    return _started(rounds.new_trial_backtest(run, _parameters(request, run), request.user))


def _started(made: Backtest) -> HttpResponseBase:
    tasks.ring(made)
    return redirect("backtests:show", kind="backtest", pk=made.pk)


Act = Callable[[HttpRequest, Any], HttpResponseBase | None]
ACTS: dict[str, Act] = {
    "cancel": _cancel,
    "pause": _pause,
    "resume": _resume,
    "note": _note,
    "delete": _delete,
    "apply": apply,
    "take_back": take_back,
}
ACTS_OF_SEARCHES: dict[str, Act] = {"hold_out": _hold_out, "backtest": _backtest}
