"""The admin site: Django's own, with a second factor for those who have set one up."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django_otp import user_has_device
from django_otp.forms import OTPAuthenticationFormMixin


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


class TradingAdminSite(AdminSite):
    """The operator's site. A user with a second factor gets nowhere without it, however the session was made."""

    site_header = "Trading site"
    site_title = "Trading site"
    index_title = "Overview"
    login_form = LoginForm
    login_template = "tradingsite/login.html"

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        if isinstance(user, AnonymousUser) or not super().has_permission(request):
            return False
        return not user_has_device(user) or bool(user.is_verified())  # type: ignore[attr-defined]
