"""Apply a result's parameters to a bot after a look at the changes, and revert that."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect

from backtests import promote
from backtests.errors import RunError
from backtests.models import Application, Run
from backtests.reports.promote import change_rows, differences
from backtests.views.base import TITLES, page
from bots.models import BotConfig
from bots.settings.parse import parse_pairs


def apply(request: HttpRequest, run: Run) -> HttpResponseBase:
    """Show what a result would change in a bot; with `confirmed`, save it as the bot's new version."""
    _require_permission(request)
    chosen = request.POST.get("bot", "")
    if not chosen.isdigit():
        raise RunError("Choose the bot that the parameters go to.")
    bot = get_object_or_404(BotConfig.objects.select_related("api_key"), pk=chosen)
    settings = parse_pairs([request.POST.get("parameters", "").split()])
    changes = promote.apply_settings(bot, settings)
    reason = request.POST.get("reason", "").strip()
    if "confirmed" in request.POST and reason:
        version = promote.apply(bot, run, reason=reason, user=request.user)
        messages.success(request, f"{bot} is now version {version.number}. “Revert” below undoes it.")
        return redirect("backtests:show", kind=run.kind, pk=run.pk)
    if "confirmed" in request.POST:
        messages.error(request, "Say why: the reason stays with the bot's new version.")
    return page(
        request, "apply", f"Apply to {bot}", run=run, kind=run.kind, bot=bot, kinds=TITLES,
        changes=change_rows(changes), differences=differences(bot, run, settings),
        parameters=request.POST.get("parameters", ""), reason=reason, kind_title=TITLES[run.kind],
        changes_something=any(row["changes"] for row in changes),
    )  # fmt: skip


def revert(request: HttpRequest, run: Run) -> HttpResponseBase:
    """Restore what the bot was before."""
    _require_permission(request)
    application_id = request.POST.get("application", "")
    application = Application.objects.filter(
        kind=run.kind, run_id=run.pk, pk=int(application_id) if application_id.isdigit() else 0
    ).first()
    if application is None:
        raise RunError("This result was not applied so.")
    version = promote.revert(application, user=request.user)
    messages.success(request, f"{version.bot} is as it was before; that is its version {version.number}.")
    return redirect("backtests:show", kind=run.kind, pk=run.pk)


def _require_permission(request: HttpRequest) -> None:
    if not request.user.has_perm("bots.change_botconfig"):
        raise PermissionDenied
