"""The site's first page, the part of it that refreshes, and the kill switch. What they show is in queries.py."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from bots.control import lifecycle
from bots.models import KillSwitch
from bots.pages import charts, queries

SWITCH = "bots.change_killswitch"


def overview_context(request: HttpRequest) -> dict[str, Any]:
    """Everything on the first page; nothing of bots for somebody who may not see them."""
    may_view = request.user.has_perm("bots.view_botconfig")
    if not may_view:
        return {"overview": None}
    overview = queries.overview()
    lines = charts.equity_points([fact.bot.pk for fact in overview.bots])
    return {
        "overview": overview,
        "rows": [(fact, lines.get(fact.bot.pk, [])) for fact in overview.bots],
        "may_switch": request.user.has_perm(SWITCH),
        "may_add": request.user.has_perm("bots.add_botconfig"),
    }


@never_cache
@require_safe
def overview_parts(request: HttpRequest) -> HttpResponse:
    """The overview again, every few seconds."""
    return TemplateResponse(request, "bots/dashboard_parts.html", overview_context(request))


@never_cache
@require_http_methods(["GET", "POST"])
def kill_switch(request: HttpRequest) -> HttpResponse:
    """Stop, or allow again, every entry of every bot; says why and by whom."""
    if not request.user.has_perm(SWITCH):
        raise PermissionDenied
    switch = KillSwitch.load()
    if request.method == "POST":
        is_on = request.POST.get("is_on") == "1"
        lifecycle.set_kill_switch(is_on, reason=request.POST.get("reason", "").strip()[:300], by=request.user)  # type: ignore[arg-type]
        messages.success(request, "No bot enters any more. Exits go on." if is_on else "Bots may enter again.")
        return redirect("admin:index")
    context = {**admin.site.each_context(request), "switch": switch, "title": "Kill switch"}
    return TemplateResponse(request, "bots/kill_switch.html", context)
