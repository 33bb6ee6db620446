"""Read an API key and its secret from a person. Neither is ever written into a page."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from exchange import api_key_check, api_key_issuers
from exchange.api_key_check import KeyCheck
from exchange.models import ApiKey, Venue

# Django copies a field's widget, so one serves both.
_HIDDEN_INPUT = forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}, render_value=False)


class ApiKeyForm(forms.ModelForm):
    """Add or change a key. A new key is tried on the exchange before it is stored."""

    new_key = forms.CharField(
        label="API key",
        required=False,
        max_length=8000,
        widget=_HIDDEN_INPUT,
        help_text="Write-only: never shown again.",
    )
    new_secret = forms.CharField(
        label="Secret",
        required=False,
        max_length=8000,
        widget=_HIDDEN_INPUT,
        help_text="Write-only: never shown again.",
    )
    may_withdraw = forms.BooleanField(
        label="Allow a key that may withdraw",
        required=False,
        help_text="Only for a live key that is allowed to withdraw: I know that whoever steals it can take everything.",
    )
    paper_balance = forms.DecimalField(
        label="Starting balance",
        required=False,
        min_value=Decimal(0),
        max_digits=20,
        decimal_places=8,
        initial=Decimal(10_000),
        help_text="USDT of a new paper account. With a paper key left empty, an account and its key are made for you.",
    )

    class Meta:
        model = ApiKey
        fields = ("name", "venue", "max_exposure_quote")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.key_check: KeyCheck | None = None
        if self.instance.pk:
            del self.fields["paper_balance"]
            for name in ("new_key", "new_secret"):
                self.fields[name].help_text = "Leave both empty to keep what is stored. Write-only: never shown again."

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        key, secret = (data.get("new_key") or "").strip(), (data.get("new_secret") or "").strip()
        data["new_key"], data["new_secret"] = key, secret
        if bool(key) != bool(secret):
            field = "new_secret" if key else "new_key"
            raise ValidationError({field: "A key and its secret go together: give both, or neither."})
        if self.errors:
            return data
        if not key and self._needs_credentials(data):
            raise ValidationError({"new_key": f"A key of {Venue(data['venue']).label} needs its key and secret."})
        if key or "venue" in self.changed_data or "may_withdraw" in self.changed_data:
            self._try_on_exchange(data)
        return data

    def _needs_credentials(self, data: dict[str, Any]) -> bool:
        if self.instance.pk:
            return "venue" in self.changed_data  # each venue refuses the keys of the others
        return not api_key_issuers.can_issue(data["venue"])

    def _try_on_exchange(self, data: dict[str, Any]) -> None:
        key, secret = data["new_key"], data["new_secret"]
        if not key and not self.instance.pk:
            return  # a paper account is about to be made
        tried = ApiKey(
            venue=data["venue"],
            name=data.get("name", ""),
            key=key or self.instance.key,
            secret=secret or self.instance.secret,
        )
        self.key_check = api_key_check.check(tried)
        if self.key_check.is_refused:
            raise ValidationError({"new_key": self.key_check.message})
        if self.key_check.can_withdraw and not data.get("may_withdraw"):
            raise ValidationError({"may_withdraw": api_key_check.MAY_WITHDRAW})

    def save(self, commit: bool = True) -> Any:
        row: ApiKey = super().save(commit=False)
        key, secret = self.cleaned_data["new_key"], self.cleaned_data["new_secret"]
        if not key and row._state.adding:
            balance = self.cleaned_data.get("paper_balance") or Decimal(0)
            key, secret = api_key_issuers.issue(row.venue, row.name, balance)
            self.key_check = KeyCheck(True, False, "A new paper account.")
        if key:
            row.key, row.secret, row.key_hint = key, secret, api_key_check.hint(key)
        if self.key_check is not None:
            api_key_check.note(row, self.key_check)
        if commit:
            row.save()
        return row
