"""A result's parameters become a bot's new version, after a look at what changes."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Field
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect

from backtests.data_access import RunError
from backtests.models import Run
from backtests.parameters import parse_pairs
from backtests.views.pages import TITLES, page
from bots import lifecycle
from bots.models import BotConfig


def apply(request: HttpRequest, run: Run) -> HttpResponseBase:
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
    return page(
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
