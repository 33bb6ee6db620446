"""Views of a bot's own pages inside the admin: live page, refreshed parts, chart data, versions, parity, actions.

The admin of bots (admin/bots.py) has their URLs and requires a login. Permissions are checked here.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bots.control import lifecycle
from bots.control.abandon_orders import WAITING_INCIDENTS, abandon, unknown_orders
from bots.models import BotConfig
from bots.pages import actions, bot_facts, charts, queries
from bots.pages.actions import ACTIONS, DUPLICATE
from bots.trading.context import open_context
from exchange.api.errors import ExchangeError

OPERATE = "bots.operate_botconfig"


def header_context(request: HttpRequest, bot: BotConfig, tab: str) -> dict[str, Any]:
    """Return the context of the header on every page of one bot."""
    facts = bot_facts.facts_of(bot)
    may_operate = request.user.has_perm(OPERATE)
    return {
        "bot": bot,
        "facts": facts,
        "actions": actions.offered(facts) if may_operate else [],
        "may_operate": may_operate,
        "waits_for_order": WAITING_INCIDENTS,
        "may_duplicate": request.user.has_perm("bots.add_botconfig"),
        "tab": tab,
        "opts": BotConfig._meta,
    }


def _viewable(request: HttpRequest, bot_id: int) -> BotConfig:
    if not request.user.has_perm("bots.view_botconfig"):
        raise PermissionDenied
    return get_object_or_404(BotConfig.objects.select_related("api_key"), pk=bot_id)


@never_cache
@require_safe
def live(request: HttpRequest, bot_id: int) -> HttpResponse:
    """Show what one bot does now: chart, position, decisions, orders, trades, incidents."""
    bot = _viewable(request, bot_id)
    context = {
        **admin.site.each_context(request),
        **header_context(request, bot, "live"),
        "records": queries.records(bot),
        "title": bot.name,
    }
    return TemplateResponse(request, "bots/live.html", context)


@never_cache
@require_safe
def live_parts(request: HttpRequest, bot_id: int) -> HttpResponse:
    """Return the parts of the live page that refresh."""
    bot = _viewable(request, bot_id)
    context = {**header_context(request, bot, "live"), "records": queries.records(bot), "is_refresh": True}
    return TemplateResponse(request, "bots/live_parts.html", context)


@never_cache
@require_safe
def chart(request: HttpRequest, bot_id: int) -> JsonResponse:
    """Return the chart's data; with `?quick` from our records, without asking the exchange."""
    bot = _viewable(request, bot_id)
    return JsonResponse(charts.bot_chart(bot, asks_exchange="quick" not in request.GET).as_json())


@never_cache
@require_safe
def versions(request: HttpRequest, bot_id: int) -> HttpResponse:
    """Show the versions of the bot's configuration with their changes."""
    bot = _viewable(request, bot_id)
    context = {
        **admin.site.each_context(request),
        **header_context(request, bot, "versions"),
        "entries": queries.versions(bot),
        "title": f"{bot.name}: versions",
    }
    return TemplateResponse(request, "bots/versions.html", context)


@never_cache
@require_safe
def parity(request: HttpRequest, bot_id: int) -> HttpResponse:
    """Show how the bot's trades compare with the backtest engine. The open page refreshes itself."""
    bot = _viewable(request, bot_id)
    checks = queries.parity_checks(bot)
    context = {
        **admin.site.each_context(request),
        **header_context(request, bot, "parity"),
        "check": checks[0] if checks else None,
        "earlier": checks[1:],
        "title": f"{bot.name}: parity",
    }
    return TemplateResponse(request, "bots/parity.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
def abandon_orders(request: HttpRequest, bot_id: int) -> HttpResponse:
    """Show the open orders that the exchange does not know, and mark them as lost."""
    bot = _viewable(request, bot_id)
    if not request.user.has_perm(OPERATE):
        raise PermissionDenied
    unknown, problems = [], []
    try:
        if request.method == "POST":
            reason = request.POST.get("reason", "")
            lost = abandon(bot, open_context(bot), by=_user(request), reason=reason)
            messages.success(request, f"Orders marked as lost: {len(lost)}. The next run continues without them.")
            return redirect("admin:bots_botconfig_live", bot_id=bot.pk)
        unknown = unknown_orders(bot, open_context(bot))
    except lifecycle.ActionRefused as error:
        problems = error.problems
    except ExchangeError as error:
        problems = [f"The exchange could not be asked, so nothing was changed: {error}."]
    context = {
        **admin.site.each_context(request),
        **header_context(request, bot, ""),
        "unknown": unknown,
        "problems": problems,
        "title": f"{bot.name}: lost orders",
    }
    return TemplateResponse(request, "bots/abandon_orders.html", context)


@require_safe
def redirect_to_abandon_orders(request: HttpRequest, bot_id: int) -> HttpResponse:
    """Redirect the old address of the page."""
    return redirect("admin:bots_botconfig_abandon_orders", bot_id=bot_id, permanent=True)


@require_POST
def run_action(request: HttpRequest, bot_id: int, name: str) -> HttpResponse:
    """Run one of a bot's actions."""
    if name == DUPLICATE.name:
        return _duplicate(request, bot_id)
    action = ACTIONS.get(name)
    if action is None:
        raise Http404(f"A bot has no action called {name}.")
    if not request.user.has_perm(OPERATE):
        raise PermissionDenied
    bot = _viewable(request, bot_id)
    try:
        messages.success(request, action.run(bot, _user(request)))
    except lifecycle.ActionRefused as error:
        for problem in error.problems:
            messages.error(request, problem)
    return redirect(f"admin:bots_botconfig_{action.page}", bot_id=bot.pk)


def _duplicate(request: HttpRequest, bot_id: int) -> HttpResponse:
    if not request.user.has_perm("bots.add_botconfig"):
        raise PermissionDenied
    copy = lifecycle.duplicate(_viewable(request, bot_id), by=_user(request))
    messages.success(request, f"{copy.name} is a stopped copy with a ledger of its own. Change what should differ.")
    return redirect("admin:bots_botconfig_change", copy.pk)


def _user(request: HttpRequest) -> Any:
    return request.user
