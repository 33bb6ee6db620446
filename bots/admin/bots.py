"""Bots in the admin: the list with what each is doing, the form, and the way to a bot's own pages (views.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bots.admin.forms import BotForm
from bots.control import deletion, lifecycle
from bots.models import BotConfig, Status
from bots.pages import actions, badges, charts, queries, views
from bots.settings.form_fields import strategy_fieldsets
from bots.settings.validate import notes
from bots.strategy import registry
from bots.templatetags.trading import sparkline
from core import formats

__all__ = ["BotConfigAdmin", "IncorrectLookupParameters"]


class BotList(ChangeList):
    """The page's bots come with their facts: a fixed number of queries. A name leads to the live page."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        known = {fact.bot.pk: fact for fact in queries.facts(rows)}
        lines = charts.equity_points([row.pk for row in rows])
        checks = queries.latest_parity([row.pk for row in rows])
        for row in rows:
            row.facts, row.equity_line = known[row.pk], lines[row.pk]
            row.parity = checks.get(row.pk)
        self.result_list = rows

    def url_for_result(self, result: Any) -> str:
        return reverse("admin:bots_botconfig_live", args=(result.pk,))


class StatusFilter(admin.SimpleListFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*((str(value), str(label).split(":")[0]) for value, label in Status.choices), ("halted", "Halted")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == "halted":
            return queryset.filter(state__drawdown_reached_at__isnull=False)
        return queryset.filter(state__status=self.value()) if self.value() else queryset


class PositionFilter(admin.SimpleListFilter):
    title = "position"
    parameter_name = "position"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Holding"), ("flat", "Flat")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        holding = {"open": True, "flat": False}.get(self.value() or "")
        if holding is None:
            return queryset
        open_trades = BotConfig.objects.filter(trades__closed_at__isnull=True, trades__isnull=False).values("pk")
        return queryset.filter(pk__in=open_trades) if holding else queryset.exclude(pk__in=open_trades)


class StrategyFilter(admin.SimpleListFilter):
    title = "strategy"
    parameter_name = "strategy"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, strategy.LABEL) for name, strategy in registry.STRATEGIES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(strategy=self.value()) if self.value() else queryset


@admin.register(BotConfig)
class BotConfigAdmin(admin.ModelAdmin):
    form = BotForm
    list_display = (
        "name_column",
        "status_column",
        "position_column",
        "today_column",
        "total_column",
        "equity_column",
        "decision_column",
        "parity_column",
        "run_column",
    )
    list_filter = (StatusFilter, PositionFilter, "timeframe", StrategyFilter, "api_key", "symbol")
    list_select_related = ("api_key",)
    list_per_page = 60
    show_full_result_count = False
    search_fields = ("name", "symbol")
    search_help_text = ""
    ordering = ("name",)
    save_on_top = False

    # --- The list ---------------------------------------------------------------------------------------------------

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BotList

    @admin.display(description="Bot", ordering="name")
    def name_column(self, bot: Any) -> SafeString:
        return format_html(
            '{} <span class="sub">{} · {} · {}</span>',
            bot.name,
            bot.symbol,
            bot.timeframe,
            _strategy_label(bot.strategy),
        )

    @admin.display(description="Status")
    def status_column(self, bot: Any) -> SafeString:
        facts = bot.facts
        extra = format_html(' <span class="badge bad">{} failed</span>', facts.failures) if facts.failures else ""
        return format_html(
            '<span class="badges">{} {}{}</span>',
            badges.status(facts.status, facts.status_label, is_halted=facts.is_halted),
            badges.venue(facts.venue),
            extra,
        )

    @admin.display(description="Position")
    def position_column(self, bot: Any) -> SafeString:
        facts = bot.facts
        if not facts.has_position:
            return format_html('<span class="cell-num quiet">{}</span>', "flat")
        return format_html(
            '<span class="cell-num">{} {}<span class="sub {}">{} {} open</span></span>',
            formats.quantity(facts.position),
            facts.base,
            formats.tone(facts.unrealised),
            formats.signed(facts.unrealised),
            facts.quote,
        )

    @admin.display(description="Today")
    def today_column(self, bot: Any) -> SafeString:
        return _result(bot.facts.today_pnl, "")

    @admin.display(description="Total")
    def total_column(self, bot: Any) -> SafeString:
        return _result(bot.facts.total_pnl, formats.percent(bot.facts.total_return))

    @admin.display(description="Equity")
    def equity_column(self, bot: Any) -> SafeString:
        return format_html(
            '<span class="cell-num with-line">{}<span>{}<span class="sub">{}</span></span></span>',
            sparkline(bot.equity_line, 72, 24),
            formats.money(bot.facts.equity),
            bot.facts.quote,
        )

    @admin.display(description="Last decision")
    def decision_column(self, bot: Any) -> SafeString:
        decision = bot.facts.last_decision
        if decision is None:
            return format_html('<span class="quiet">{}</span>', "none yet")
        return format_html(
            '<span class="decision-cell">{} <span>{}</span><span class="sub">bar {}</span></span>',
            badges.badge(decision.action, decision.get_action_display()),
            bot.facts.reason,
            formats.moment(decision.bar),
        )

    @admin.display(description="Parity")
    def parity_column(self, bot: Any) -> SafeString:
        if bot.parity is None:
            return format_html('<span class="quiet">{}</span>', "not checked")
        return format_html(
            '<a href="{}">{}</a><span class="sub nowrap">{}</span>',
            reverse("admin:bots_botconfig_parity", args=(bot.pk,)),
            badges.parity(bot.parity),
            formats.ago(bot.parity.checked_at, timezone.now()),
        )

    @admin.display(description="Next run")
    def run_column(self, bot: Any) -> SafeString:
        facts = bot.facts
        if facts.next_run is None:
            return format_html('<span class="quiet">{}</span>', "not scheduled")
        late = f"decided {formats.duration(facts.lateness_s)} after the close" if facts.lateness_s is not None else ""
        return format_html(
            '<span class="nowrap">{}</span><span class="sub {}">{}</span>',
            formats.ago(facts.next_run, timezone.now()),
            "loss" if facts.is_late else "",
            late,
        )

    # --- Actions ----------------------------------------------------------------------------------------------------

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(views.OPERATE)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Every act of actions.py, where the person may; nothing deletes many bots at once."""
        found: dict[str, Any] = {}
        if self.has_operate_permission(request):
            found |= {
                action.name: (_list_action(action), action.name, action.several) for action in actions.ACTIONS.values()
            }
        if self.has_add_permission(request):
            found[actions.DUPLICATE.name] = (
                _list_action(actions.DUPLICATE),
                actions.DUPLICATE.name,
                actions.DUPLICATE.several,
            )
        return found

    # --- The form ---------------------------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: BotConfig | None = None) -> Any:
        groups: list[tuple[str, dict[str, Any]]] = [
            (
                "Market",
                {
                    "fields": ["name", ("api_key",), ("symbol", "timeframe")],
                    "description": "What it trades, with whose money.",
                },
            ),
            ("Strategy", {"fields": ["strategy"], "classes": ["strategy-choice"]}),
            *strategy_fieldsets(),
            (
                "Size",
                {
                    "fields": [
                        "initial_capital",
                        "compounding",
                        "position_size_mode",
                        "position_size_fixed",
                        "position_size_perc",
                        "risk_per_trade",
                    ],
                    "description": "How much each entry buys. The bot spends from its own ledger alone.",
                },
            ),
            (
                "Exits",
                {
                    "fields": ["stop_loss", "take_profit", "trailing_stop", "stop_limit_distance"],
                    "description": "Stop and target rest on the exchange as one OCO and hold while the site is down.",
                },
            ),
            (
                "Limits",
                {
                    "fields": [
                        "max_daily_trades",
                        "max_daily_loss",
                        "daily_profit_target",
                        "max_drawdown",
                        "cooldown_bars",
                    ],
                    "description": "They stop entries only. Exits always go out.",
                },
            ),
            (
                "Schedule",
                {
                    "fields": ["trading_hours", "max_signal_age_s"],
                    "description": "The bot decides after each candle's close, by itself.",
                },
            ),
        ]
        if obj is not None:
            groups.append(("This change", {"fields": ["reason_for_change"]}))
        return groups

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "api_key" and field is not None:
            field.widget.can_change_related = field.widget.can_delete_related = False
        return field

    class Media:
        js = ("site/bot_form.js",)

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
        header = (
            views.header_context(request, bot, "change")
            if bot is not None and self.has_view_permission(request, bot)
            else {}
        )
        return super().change_view(request, object_id, form_url, {**header, **(extra_context or {})})

    # --- Removing ---------------------------------------------------------------------------------------------------

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Refused in words, before anything is asked, while the bot holds something."""
        bot = self.get_object(request, object_id)
        if bot is not None and self.has_delete_permission(request, bot) and (found := deletion.problems(bot)):
            for problem in found:
                messages.error(request, f"Not deleted. {problem}")
            return HttpResponseRedirect(reverse("admin:bots_botconfig_live", args=(bot.pk,)))
        return super().delete_view(request, object_id, extra_context)

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """Counts instead of a list of every decision."""
        return [[str(bot), deletion.contents(bot)] for bot in objs], {"bot": len(objs)}, set(), []

    def delete_model(self, request: HttpRequest, obj: BotConfig) -> None:
        deletion.remove(obj)

    # --- Addresses --------------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        def page(route: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            return path(route, self.admin_site.admin_view(view), name=f"bots_botconfig_{name}")

        return [
            page("<int:bot_id>/live/", views.live, "live"),
            page("<int:bot_id>/live/parts/", views.live_parts, "live_parts"),
            page("<int:bot_id>/live/chart/", views.chart, "chart"),
            page("<int:bot_id>/versions/", views.versions, "versions"),
            page("<int:bot_id>/parity/", views.parity, "parity"),
            page("<int:bot_id>/forget-orders/", views.forget_orders, "forget_orders"),
            page("<int:bot_id>/act/<slug:name>/", views.act, "act"),
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
            messages.success(request, f"{action.several}: done for {done} bots.")

    return run


def _strategy_label(name: str) -> str:
    strategy = registry.STRATEGIES.get(name)
    return strategy.LABEL if strategy else name


def _result(value: Any, below: str) -> SafeString:
    return format_html(
        '<span class="cell-num {}">{}<span class="sub">{}</span></span>',
        formats.tone(value),
        formats.signed(value),
        below,
    )
