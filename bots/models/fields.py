"""Fields and constraints that several models share: amounts, fractions, and the range a fraction may have."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

SMALLEST = Decimal("0.00000001")


def amount(**kwargs: object) -> models.DecimalField:
    """An amount of an asset or a price: 8 decimals, as the exchange counts."""
    return models.DecimalField(max_digits=28, decimal_places=8, **kwargs)  # type: ignore[arg-type]


def exact_amount(**kwargs: object) -> models.DecimalField:
    """A product of two amounts (a fee in base at its price): 16 decimals, nothing lost."""
    return models.DecimalField(max_digits=38, decimal_places=16, **kwargs)  # type: ignore[arg-type]


def fraction(help_text: str, *, below_one: bool = True) -> models.DecimalField:
    """An optional fraction over 0, at most (or, with `below_one`, under) 1: 0.02 is 2 %."""
    top = Decimal("0.99999999") if below_one else Decimal(1)
    return models.DecimalField(
        max_digits=9,
        decimal_places=8,
        null=True,
        blank=True,
        validators=[MinValueValidator(SMALLEST), MaxValueValidator(top)],
        help_text=help_text + " A fraction: 0.02 is 2 %. Empty: off.",
    )


def in_range(name: str, field: str, *, top_included: bool = False) -> models.CheckConstraint:
    top = Q(**{f"{field}__lte": 1}) if top_included else Q(**{f"{field}__lt": 1})
    return models.CheckConstraint(
        name=name, condition=Q(**{f"{field}__isnull": True}) | (Q(**{f"{field}__gt": 0}) & top)
    )
