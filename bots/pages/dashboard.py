"""Views of the site's first page, of its parts that refresh, and of the kill switch."""

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
from bots.pages import charts
from bots.pages.overview import overview

SWITCH = "bots.change_killswitch"


def overview_context(request: HttpRequest) -> dict[str, Any]:
    """Return the first page's context, without bots for users who may not view them."""
    may_view = request.user.has_perm("bots.view_botconfig")
    if not may_view:
        return {"overview": None}
    values = overview()
    lines = charts.equity_points([fact.bot.pk for fact in values.bots])
    return {
        "overview": values,
        "rows": [(fact, lines.get(fact.bot.pk, [])) for fact in values.bots],
        "may_switch": request.user.has_perm(SWITCH),
        "may_add": request.user.has_perm("bots.add_botconfig"),
    }


@never_cache
@require_safe
def overview_parts(request: HttpRequest) -> HttpResponse:
    """Return the parts of the first page that refresh."""
    return TemplateResponse(request, "bots/dashboard_parts.html", overview_context(request))


@never_cache
@require_http_methods(["GET", "POST"])
def kill_switch(request: HttpRequest) -> HttpResponse:
    """Show and set the kill switch."""
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
