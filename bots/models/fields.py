"""Fields and constraints that several models share: amounts, settings, ranges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from bots.settings.schema import BY_NAME, LARGEST_SMALL_INT, Setting, SettingKind


def amount(**kwargs: object) -> models.DecimalField:
    """Return the field of an amount or price: 8 decimals, as the exchange counts."""
    return models.DecimalField(max_digits=28, decimal_places=8, **kwargs)  # type: ignore[arg-type]


def exact_amount(**kwargs: object) -> models.DecimalField:
    """Return the field of a product of two amounts: 16 decimals, so that it is exact."""
    return models.DecimalField(max_digits=38, decimal_places=16, **kwargs)  # type: ignore[arg-type]


def setting_field(name: str) -> Any:
    """Return the model field of a setting, with the label, bounds, default and help that schema.py declares."""
    setting = BY_NAME[name]
    common: dict[str, Any] = {"verbose_name": setting.label, "help_text": setting.help}
    if setting.default is not None:
        common["default"] = setting.default
    if setting.kind in (SettingKind.AMOUNT, SettingKind.FRACTION, SettingKind.NUMBER, SettingKind.COUNT):
        common["validators"] = [MinValueValidator(setting.low), MaxValueValidator(setting.high)]
        if setting.can_be_off and setting.off is None:
            common |= {"null": True, "blank": True}
    return _MAKERS[setting.kind](setting, common)


def _decimal_field(setting: Setting, common: dict[str, Any]) -> models.DecimalField:
    whole = 1 if setting.high <= 1 else 4 if setting.high < 10_000 else 20
    return models.DecimalField(max_digits=whole + setting.decimals, decimal_places=setting.decimals, **common)


def _count_field(setting: Setting, common: dict[str, Any]) -> models.IntegerField:
    kind = models.PositiveSmallIntegerField if setting.high <= LARGEST_SMALL_INT else models.PositiveIntegerField
    return kind(**common)


_MAKERS: dict[SettingKind, Callable[[Setting, dict[str, Any]], Any]] = {
    SettingKind.AMOUNT: _decimal_field,
    SettingKind.FRACTION: _decimal_field,
    SettingKind.NUMBER: _decimal_field,
    SettingKind.COUNT: _count_field,
    SettingKind.CHOICE: lambda setting, common: models.CharField(max_length=10, choices=setting.choices, **common),
    SettingKind.FLAG: lambda setting, common: models.BooleanField(**common),
    SettingKind.TRADING_HOURS: lambda setting, common: models.CharField(
        max_length=200, blank=True, **{**common, "default": ""}
    ),
}


def in_range(name: str, field: str, *, top_included: bool = False) -> models.CheckConstraint:
    top = Q(**{f"{field}__lte": 1}) if top_included else Q(**{f"{field}__lt": 1})
    return models.CheckConstraint(
        name=name, condition=Q(**{f"{field}__isnull": True}) | (Q(**{f"{field}__gt": 0}) & top)
    )
