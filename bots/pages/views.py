"""A bot's own pages inside the admin: its live page, the parts of it that refresh, its chart data, its buttons.

Addresses hang under the admin of bots (bots.py), which also checks that somebody is logged in; permissions are
checked here. What the pages show comes from queries.py and charts.py.
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

from bots.control import lifecycle, lost_orders
from bots.models import BotConfig
from bots.pages import actions, charts, queries
from bots.pages.actions import ACTIONS, DUPLICATE
from bots.trading.context import open_context
from exchange.api.errors import ExchangeError

OPERATE = "bots.operate_botconfig"
TABS = (("live", "Live"), ("change", "Configuration"), ("versions", "Versions"), ("parity", "Parity"))


def header_context(request: HttpRequest, bot: BotConfig, tab: str) -> dict[str, Any]:
    """What the header of every page of one bot needs."""
    facts = queries.facts_of(bot)
    may_operate = request.user.has_perm(OPERATE)
    return {
        "bot": bot,
        "facts": facts,
        "acts": actions.offered(facts) if may_operate else [],
        "may_operate": may_operate,
        "waits_for_order": lost_orders.ENDS,
        "may_duplicate": request.user.has_perm("bots.add_botconfig"),
        "tabs": TABS,
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
    """What one bot does now: chart, position, decisions, orders, trades, incidents."""
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
    """The parts of the live page that change, fetched again every few seconds."""
    bot = _viewable(request, bot_id)
    context = {**header_context(request, bot, "live"), "records": queries.records(bot), "is_refresh": True}
    return TemplateResponse(request, "bots/live_parts.html", context)


@never_cache
@require_safe
def chart(request: HttpRequest, bot_id: int) -> JsonResponse:
    """The chart's data; with `?quick` what we have on record, without asking the exchange."""
    bot = _viewable(request, bot_id)
    return JsonResponse(charts.bot_chart(bot, asks_exchange="quick" not in request.GET).as_json())


@never_cache
@require_safe
def versions(request: HttpRequest, bot_id: int) -> HttpResponse:
    """What the bot's configuration was, and what each change changed."""
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
    """How the bot's record stands against the backtest engine; the page asks for itself again while it is open."""
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
def forget_orders(request: HttpRequest, bot_id: int) -> HttpResponse:
    """Show which open orders the exchange does not know, and let a person declare them gone."""
    bot = _viewable(request, bot_id)
    if not request.user.has_perm(OPERATE):
        raise PermissionDenied
    unknown, problems = [], []
    try:
        if request.method == "POST":
            reason = request.POST.get("reason", "")
            gone = lost_orders.forget(bot, open_context(bot), by=request.user.get_username(), reason=reason)
            messages.success(request, f"Orders on record as gone: {len(gone)}. The next run goes on without them.")
            return redirect("admin:bots_botconfig_live", bot_id=bot.pk)
        unknown = lost_orders.unknown_orders(bot, open_context(bot))
    except lifecycle.ActionRefused as error:
        problems = error.problems
    except ExchangeError as error:
        problems = [f"The exchange could not be asked, so nothing was changed: {error}."]
    context = {
        **admin.site.each_context(request),
        **header_context(request, bot, ""),
        "unknown": unknown,
        "problems": problems,
        "title": f"{bot.name}: orders that the exchange has forgotten",
    }
    return TemplateResponse(request, "bots/abandon_orders.html", context)


@require_POST
def act(request: HttpRequest, bot_id: int, name: str) -> HttpResponse:
    """One of the buttons of a bot."""
    if name == DUPLICATE.name:
        return _duplicate(request, bot_id)
    chosen = ACTIONS.get(name)
    if chosen is None:
        raise Http404(f"A bot has no act called {name}.")
    if not request.user.has_perm(OPERATE):
        raise PermissionDenied
    bot = _viewable(request, bot_id)
    try:
        messages.success(request, chosen.run(bot, _who(request)))
    except lifecycle.ActionRefused as error:
        for problem in error.problems:
            messages.error(request, problem)
    return redirect(f"admin:bots_botconfig_{chosen.page}", bot_id=bot.pk)


def _duplicate(request: HttpRequest, bot_id: int) -> HttpResponse:
    if not request.user.has_perm("bots.add_botconfig"):
        raise PermissionDenied
    copy = lifecycle.duplicate(_viewable(request, bot_id), author=_who(request))
    messages.success(request, f"{copy.name} is a stopped copy with books of its own. Change what should differ.")
    return redirect("admin:bots_botconfig_change", copy.pk)


def _who(request: HttpRequest) -> Any:
    return request.user
