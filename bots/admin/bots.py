"""Bots in the admin: the list with the state of each, the form, and the URLs of a bot's own pages (pages/views.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from bots.admin.fieldsets import FIELDSETS, READ_ONLY_FIELDSETS, THIS_CHANGE
from bots.admin.filters import PositionFilter, StatusFilter, StrategyFilter
from bots.admin.forms import BotForm
from bots.bot_settings import parameter_values
from bots.control import deletion, lifecycle
from bots.models import BotConfig
from bots.pages import actions, bot_facts, charts, queries, views
from bots.settings.strategies import labels
from bots.settings.validate import notes
from core.admin_columns import cell_column


class BotList(ChangeList):
    """Load the facts of all bots on the page in a fixed number of queries. A name links to the live page."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        facts = {fact.bot.pk: fact for fact in bot_facts.facts(rows)}
        lines = charts.equity_points([row.pk for row in rows])
        checks = queries.latest_parity([row.pk for row in rows])
        for row in rows:
            row.facts, row.equity_line, row.parity = facts[row.pk], lines[row.pk], checks.get(row.pk)
        self.result_list = rows

    def url_for_result(self, result: Any) -> str:
        return reverse("admin:bots_botconfig_live", args=(result.pk,))


def _facts(bot: Any) -> dict[str, Any]:
    return {"facts": bot.facts}


@admin.register(BotConfig)
class BotConfigAdmin(admin.ModelAdmin):
    form = BotForm
    list_display = (
        *("name_column", "status_column", "position_column", "today_column", "total_column"),
        *("equity_column", "decision_column", "parity_column", "run_column"),
    )
    list_filter = (StatusFilter, PositionFilter, "timeframe", StrategyFilter, "api_key", "symbol")
    list_select_related = ("api_key",)
    list_per_page = 60
    show_full_result_count = False
    search_fields = ("name", "symbol")
    ordering = ("name",)

    name_column = cell_column("Bot", "bots/cells/name.html", lambda bot: {"bot": bot}, ordering="name")
    status_column = cell_column("Status", "bots/cells/status.html", _facts)
    position_column = cell_column("Position", "bots/cells/position.html", _facts)
    today_column = cell_column("Today", "bots/cells/pnl.html", lambda bot: {"pnl": bot.facts.today_pnl})
    total_column = cell_column(
        "Total", "bots/cells/pnl.html", lambda bot: {"pnl": bot.facts.total_pnl, "share": bot.facts.total_return}
    )
    equity_column = cell_column(
        "Equity", "bots/cells/equity.html", lambda bot: {"facts": bot.facts, "equity_line": bot.equity_line}
    )
    decision_column = cell_column("Last decision", "bots/cells/decision.html", _facts)
    parity_column = cell_column("Parity", "bots/cells/parity.html", lambda bot: {"bot": bot, "parity": bot.parity})
    run_column = cell_column("Next run", "bots/cells/next_run.html", _facts)

    class Media:
        js = ("site/bot_form.js",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BotList

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(views.OPERATE)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer the actions that the user may run. No action deletes many bots at once."""
        allowed = [*actions.ACTIONS.values()] if self.has_operate_permission(request) else []
        if self.has_add_permission(request):
            allowed.append(actions.DUPLICATE)
        return {action.name: (_list_action(action), action.name, action.list_label) for action in allowed}

    def get_fieldsets(self, request: HttpRequest, obj: BotConfig | None = None) -> Any:
        if obj is None:
            return FIELDSETS
        return [*FIELDSETS, THIS_CHANGE] if self.has_change_permission(request, obj) else READ_ONLY_FIELDSETS

    def get_readonly_fields(self, request: HttpRequest, obj: BotConfig | None = None) -> tuple[str, ...]:
        return ("strategy_parameters",)

    @admin.display(description="Parameters")
    def strategy_parameters(self, bot: BotConfig) -> str:
        """Return the strategy's parameters by label, for users with view permission only."""
        values = parameter_values(bot)
        return " · ".join(f"{labels()[name]} {value}" for name, value in values.items())

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "api_key" and field is not None:
            field.widget.can_change_related = field.widget.can_delete_related = False
        return field

    def save_model(self, request: HttpRequest, obj: BotConfig, form: Any, change: bool) -> None:
        """Store the bot with its new version, state and schedule."""
        lifecycle.save(obj, author=request.user, reason=form.cleaned_data.get("reason_for_change", ""))  # type: ignore[arg-type]
        for sentence in notes(form.cleaned_data).values():
            self.message_user(request, sentence, messages.WARNING)

    def response_post_save_add(self, request: HttpRequest, obj: BotConfig) -> HttpResponseRedirect:
        return HttpResponseRedirect(reverse("admin:bots_botconfig_live", args=(obj.pk,)))

    response_post_save_change = response_post_save_add

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        bot = self.get_object(request, object_id)
        is_shown = bot is not None and self.has_view_permission(request, bot)
        header = views.header_context(request, bot, "change") if bot is not None and is_shown else {}
        return super().change_view(request, object_id, form_url, {**header, **(extra_context or {})})

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Refuse with the reasons, before the confirmation page, while the bot holds a position."""
        bot = self.get_object(request, object_id)
        problems = deletion.problems(bot) if bot is not None and self.has_delete_permission(request, bot) else []
        if bot is None or not problems:
            return super().delete_view(request, object_id, extra_context)
        for problem in problems:
            messages.error(request, f"Not deleted. {problem}")
        return HttpResponseRedirect(reverse("admin:bots_botconfig_live", args=(bot.pk,)))

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """Count the records that are deleted too, instead of listing each."""
        return [[str(bot), deletion.contents(bot)] for bot in objs], {"bot": len(objs)}, set(), []

    def delete_model(self, request: HttpRequest, obj: BotConfig) -> None:
        deletion.remove(obj, by=request.user)  # type: ignore[arg-type]

    def get_urls(self) -> list[URLPattern]:
        def page(route: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            return path(route, self.admin_site.admin_view(view), name=f"bots_botconfig_{name}")

        return [
            page("<int:bot_id>/live/", views.live, "live"),
            page("<int:bot_id>/live/parts/", views.live_parts, "live_parts"),
            page("<int:bot_id>/live/chart/", views.chart, "chart"),
            page("<int:bot_id>/versions/", views.versions, "versions"),
            page("<int:bot_id>/parity/", views.parity, "parity"),
            page("<int:bot_id>/abandon-orders/", views.abandon_orders, "abandon_orders"),
            page("<int:bot_id>/forget-orders/", views.redirect_to_abandon_orders, "forget_orders"),  # the old address
            page("<int:bot_id>/action/<slug:name>/", views.run_action, "action"),
            *super().get_urls(),
        ]


def _list_action(action: actions.BotAction) -> Callable[[BotConfigAdmin, HttpRequest, QuerySet], None]:
    """Return a list action that runs on each chosen bot and reports what was done and what was refused."""

    def run(model_admin: BotConfigAdmin, request: HttpRequest, chosen: QuerySet) -> None:
        done = 0
        for bot in chosen.select_related("api_key", "state"):
            try:
                sentence = action.run(bot, request.user)  # type: ignore[arg-type]
                done += 1
            except lifecycle.ActionRefused as error:
                messages.error(request, f"{bot.name}: {' '.join(error.problems)}")
        if done == 1:
            messages.success(request, sentence)
        elif done:
            messages.success(request, f"{action.list_label}: done for {done} bots.")

    return run
