"""The admin site: Django's own, with a second factor for those who have set one up."""

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
    ("Records", ("bots.Decision", "bots.Order", "bots.Fill", "bots.BotRun")),
    ("Research", ("backtests.*",)),
    ("Market", ("exchange.Symbol", "exchange.Dataset", "exchange.*")),
    ("System", ("django_celery_beat.PeriodicTask", "auth.User", "auth.Group")),
)


class LoginForm(AdminAuthenticationForm, OTPAuthenticationFormMixin):
    """Name and password, and the code of the device when the user has one."""

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
        """The device a code is for, by its look: an authenticator gives digits, all else is a recovery code."""
        kind = TOTPDevice if self.cleaned_data.get("otp_token", "").isdigit() else StaticDevice
        devices = list(devices_for_user(user, for_verify=True))
        return next((device for device in devices if isinstance(device, kind)), devices[0] if devices else None)


class TradingAdminSite(AdminSite):
    """The operator's site. A user with a second factor gets nowhere without it, however the session was made."""

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
        """What every page shows: the navigation, and the state of the site in the header."""
        context = super().each_context(request)
        if context["has_permission"]:
            from bots.pages.queries import site_status

            context["site_status"] = site_status()
        return context

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The navigation by what people do, not by Django's apps."""
        apps = super().get_app_list(request, app_label)
        if app_label is not None:
            return apps
        models = {f"{app['app_label']}.{model['object_name']}": model for app in apps for model in app["models"]}
        sections: list[dict[str, Any]] = []
        for name, wanted in SECTIONS:
            found = [models.pop(label) for label in _matching(models, wanted)]
            sections.append({"name": name, "app_label": name.lower(), "app_url": "", "models": found})
        sections[-1]["models"].extend(models.values())
        return [section for section in sections if section["models"]]

    def get_urls(self) -> list[Any]:
        from bots.pages.dashboard import kill_switch, overview_parts

        return [
            path("overview/parts/", self.admin_view(overview_parts), name="overview_parts"),
            path("kill-switch/", self.admin_view(kill_switch), name="kill_switch"),
            *super().get_urls(),
        ]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The overview of all bots."""
        from bots.pages.dashboard import overview_context

        return super().index(request, {**overview_context(request), **(extra_context or {})})


def _matching(models: dict[str, Any], wanted: tuple[str, ...]) -> list[str]:
    """The labels wanted that there are, in the order wanted; `app.*` is all of an app's that are left."""
    found: list[str] = []
    for label in wanted:
        app = label.removesuffix("*")
        found += [known for known in models if (known.startswith(app) if label.endswith("*") else known == label)]
    return list(dict.fromkeys(found))
