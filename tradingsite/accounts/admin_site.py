"""Serve Django's admin with a second factor for users who have set one up."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import path
from django_otp import devices_for_user, user_has_device
from django_otp.forms import OTPAuthenticationFormMixin
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Trading", ("bots.BotConfig", "bots.Trade", "bots.Incident", "exchange.ApiKey")),
    ("Records", ("bots.Decision", "bots.Order", "bots.Fill", "bots.BotRun", "bots.BotState", "bots.OperatorAction")),
    ("Research", ("backtests.*",)),
    ("Market", ("exchange.Symbol", "exchange.Dataset", "exchange.*", "paper.*")),
    ("System", ("django_celery_beat.PeriodicTask", "auth.User", "auth.Group")),
)


class LoginForm(AdminAuthenticationForm, OTPAuthenticationFormMixin):
    """Ask for name and password, and for the code of the user's device when there is one."""

    otp_token = forms.CharField(
        required=False,
        label="Code",
        help_text="Only if you have set up a second factor.",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        user = self.get_user()
        if user is not None and user_has_device(user):
            self.clean_otp(user)
        return cleaned

    def _chosen_device(self, user: Any) -> Device | None:
        """Return the device that a code belongs to: digits are an authenticator's, all else is a recovery code."""
        kind = TOTPDevice if self.cleaned_data.get("otp_token", "").isdigit() else StaticDevice
        devices = list(devices_for_user(user, for_verify=True))
        return next((device for device in devices if isinstance(device, kind)), devices[0] if devices else None)


class TradingAdminSite(AdminSite):
    """Let a user with a second factor in only after it was given, however the session began."""

    site_header = "Trading site"
    site_title = "Trading site"
    index_title = "Overview"
    login_form = LoginForm
    login_template = "site/login.html"
    index_template = "bots/dashboard.html"
    enable_nav_sidebar = False  # templates/site/nav.html is ours
    site_url = None

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        if isinstance(user, AnonymousUser) or not super().has_permission(request):
            return False
        return not user_has_device(user) or bool(user.is_verified())  # type: ignore[attr-defined]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Add the state of the site, which every page shows in its header."""
        context = super().each_context(request)
        if context["has_permission"]:
            from bots.pages.overview import site_status  # models may be imported once all apps are loaded

            context["site_status"] = site_status()
        return context

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Group the navigation by what people do instead of by Django's apps."""
        apps = super().get_app_list(request, app_label)
        if app_label is not None:
            return apps
        models = {f"{app['app_label']}.{model['object_name']}": model for app in apps for model in app["models"]}
        sections: list[dict[str, Any]] = []
        for name, wanted in SECTIONS:
            section = [models.pop(label) for label in _matching(models, wanted)]
            sections.append({"name": name, "app_label": name.lower(), "app_url": "", "models": section})
        sections[-1]["models"].extend(models.values())
        return [section for section in sections if section["models"]]

    def get_urls(self) -> list[Any]:
        from bots.pages.dashboard import kill_switch, overview_parts  # as in each_context

        return [
            path("overview/parts/", self.admin_view(overview_parts), name="overview_parts"),
            path("kill-switch/", self.admin_view(kill_switch), name="kill_switch"),
            *super().get_urls(),
        ]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show the overview of all bots."""
        from bots.pages.dashboard import overview_context  # as in each_context

        return super().index(request, {**overview_context(request), **(extra_context or {})})


def _matching(models: dict[str, Any], wanted: tuple[str, ...]) -> list[str]:
    """Return the labels that exist, in the order wanted. `app.*` stands for the remaining models of an app."""
    labels: list[str] = []
    for label in wanted:
        app = label.removesuffix("*")
        labels += [known for known in models if (known.startswith(app) if label.endswith("*") else known == label)]
    return list(dict.fromkeys(labels))
